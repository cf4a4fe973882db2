// The two cereal archives of cortado: input from a span that is not trusted, output to a span.
//
// Most programs need only <cortado/typed.hpp>. Layout: little-endian, no alignment, no type names.
// Arithmetic types and enums are their own bytes; a size is 8 bytes; an empty class is one zero
// byte. A container's elements take at least one byte each, so a size can always be checked against
// the bytes left before anything is allocated.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <limits>
#include <list>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <cereal/cereal.hpp>

namespace cortado {

/// Classes and containers within one another, counted from the message itself; a deeper value is
/// neither encoded nor decoded. Bounds the stack that a message can make the owner use.
inline constexpr std::size_t kMaxNesting = 64;

static_assert(std::endian::native == std::endian::little,
              "cortado messages are little-endian and copied as they stand in memory");

namespace detail {

/// Internal: how cereal is left on a broken rule. Never leaves encode, encoded_size or decode.
struct Refused final : std::exception {
  explicit Refused(const char* reason) noexcept : why(reason) {}
  const char* what() const noexcept override { return why; }
  const char* why;  ///< static storage
};

template <class T>
inline constexpr bool kSmartPointer = false;
template <class T>
inline constexpr bool kSmartPointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool kSmartPointer<std::weak_ptr<T>> = true;
template <class T, class D>
inline constexpr bool kSmartPointer<std::unique_ptr<T, D>> = true;

/// cereal's wrappers around a value: they take no bytes and are not a level of nesting.
template <class T>
inline constexpr bool kWrapper = false;
template <class T>
inline constexpr bool kWrapper<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool kWrapper<cereal::SizeTag<T>> = true;
template <class T>
inline constexpr bool kWrapper<cereal::BinaryData<T>> = true;
template <class K, class V>
inline constexpr bool kWrapper<cereal::MapItem<K, V>> = true;

template <class T>
concept Container = requires(const T& container) {
  typename T::value_type;
  typename T::allocator_type;
  container.size();
};

/// The fewest bytes that one element of this type takes.
template <class T>
consteval std::size_t least_bytes() {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return sizeof(T);
  } else {
    return Container<T> ? sizeof(std::uint64_t) : 1;
  }
}

template <class T>
consteval void check_archivable() {
  static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !kSmartPointer<T>,
                "cortado: a message cannot hold a pointer: it means nothing in another process, "
                "and a hostile writer would choose what is allocated; hold the value itself, or a "
                "std::optional or std::vector of it");
  static_assert(!std::is_polymorphic_v<T>,
                "cortado: a message cannot hold a class with virtual functions: the sender would "
                "choose which code runs at the owner; use a std::variant of plain structs");
  static_assert(!std::is_base_of_v<cereal::detail::DeferredDataCore, T>,
                "cortado: cereal::defer is of use with pointers only, and these are refused");
  static_assert(!std::is_same_v<T, long double>,
                "cortado: a long double holds bytes that are never written and would carry this "
                "process's memory to another one; send a double");
  static_assert(
      !requires(T & sequence) { sequence.before_begin(); },
      "cortado: a std::forward_list allocates all its elements before the first is "
      "read; send a std::vector");
}

/// The element type behind cereal's BinaryData<bool*>, <const int*>, <char(&)[8]>, ...
template <class T>
using BinaryElement =
    std::remove_cv_t<std::remove_all_extents_t<std::remove_pointer_t<std::remove_reference_t<T>>>>;

template <class T>
consteval void check_binary() {
  using Element = BinaryElement<T>;
  static_assert(std::is_arithmetic_v<Element> || std::is_same_v<Element, std::byte>,
                "cortado: cereal::binary_data copies padding and pointers unseen; use it for "
                "arrays of numbers or bytes only, and archive other elements one by one");
  check_archivable<Element>();
}

/// Where an archive stands in its bytes and in the value: the rules that both directions share.
class Progress {
 public:
  explicit Progress(std::size_t size) noexcept : size_(size) {}

  std::size_t position() const noexcept { return position_; }
  std::size_t left() const noexcept { return size_ - position_; }
  const char* refusal() const noexcept { return refusal_; }

  /// Ends the archive for good, even where a serialize() function swallows the exception.
  [[noreturn]] void refuse(const char* why) {
    if (refusal_ == nullptr) refusal_ = why;
    throw Refused(refusal_);
  }

  /// The offset of the next `length` bytes, which are taken.
  std::size_t take(std::size_t length, const char* too_short) {
    if (refusal_ != nullptr) refuse(refusal_);
    if (length > left()) refuse(too_short);
    return std::exchange(position_, position_ + length);
  }

  void enter() {
    if (depth_ == kMaxNesting) refuse("it is nested deeper than cortado::kMaxNesting");
    began_[depth_++] = position_;
  }

  void leave(std::size_t elements) {
    const std::size_t taken = position_ - began_[--depth_];
    // Without this, nested containers of nothing would cost the square of the message's length.
    if (elements != 0 && taken < sizeof(std::uint64_t) + elements) {
      refuse("a container has elements that take no bytes; archive a member of each");
    }
  }

 private:
  std::size_t size_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  const char* refusal_ = nullptr;
  std::array<std::size_t, kMaxNesting> began_;
};

}  // namespace detail

/// Reads a value from bytes that may be hostile. Use `decode`, which also catches what this throws.
///
/// One thread at a time; does not block; allocates what the value needs, and never more for a
/// container than the bytes left can fill (doubled by a growing vector). The bytes must not change
/// meanwhile: give it a private copy, not ring memory. A broken rule ends it by an exception.
class SpanInputArchive
    : public cereal::InputArchive<SpanInputArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit SpanInputArchive(std::span<const std::byte> bytes) noexcept
      : InputArchive(this), bytes_(bytes), progress_(bytes.size()) {}

  std::size_t position() const noexcept { return progress_.position(); }
  std::size_t left() const noexcept { return progress_.left(); }
  /// Why reading ended early, in static storage; null as long as no rule is broken.
  const char* refusal() const noexcept { return progress_.refusal(); }

  /// \internal For cereal's dispatch.
  void read(void* to, std::size_t length) {
    const std::size_t from = progress_.take(length, "the bytes end within a value");
    if (length != 0) std::memcpy(to, bytes_.data() + from, length);
  }

  /// \internal Bytes of one or more bool, checked before they become one.
  void read_bools(void* to, std::size_t length) {
    const auto next = bytes_.subspan(position(), std::min(length, left()));
    if (std::ranges::any_of(next, [](std::byte value) { return value > std::byte{1}; })) {
      progress_.refuse("a bool is neither 0 nor 1");
    }
    read(to, length);
  }

  /// \internal A number of elements that the bytes left can hold.
  std::uint64_t read_size() {
    std::uint64_t size = 0;
    read(&size, sizeof(size));
    if (size > left() / least_element_) progress_.refuse("a size is more than the bytes left hold");
    return size;
  }

  /// \internal
  [[noreturn]] void refuse(const char* why) { progress_.refuse(why); }

  /// \internal Pairs with leave.
  template <class T>
  void enter() {
    progress_.enter();
    least_element_ = 1;
    if constexpr (detail::Container<T>) {
      least_element_ = detail::least_bytes<typename T::value_type>();
    }
    if constexpr (std::is_empty_v<T>) {
      std::byte mark{};
      read(&mark, 1);
      if (mark != std::byte{0}) progress_.refuse("an empty class is not a zero byte");
    }
  }

  /// \internal
  void leave(std::size_t elements) {
    progress_.leave(elements);
    least_element_ = 1;
  }

 private:
  std::span<const std::byte> bytes_;
  detail::Progress progress_;
  std::size_t least_element_ = 1;
};

/// Writes a value into a span, or only counts its bytes. Use `encode` and `encoded_size`.
///
/// One thread at a time; does not block; allocates nothing (cereal does for CEREAL_CLASS_VERSION).
/// Never writes past the span. A broken rule ends it by an exception.
class SpanOutputArchive
    : public cereal::OutputArchive<SpanOutputArchive, cereal::AllowEmptyClassElision> {
 public:
  /// Counts only.
  SpanOutputArchive() noexcept
      : OutputArchive(this), progress_(std::numeric_limits<std::size_t>::max()) {}
  explicit SpanOutputArchive(std::span<std::byte> bytes) noexcept
      : OutputArchive(this), bytes_(bytes), progress_(bytes.size()) {}

  /// Bytes written or counted so far.
  std::size_t position() const noexcept { return progress_.position(); }
  /// Why writing ended early, in static storage; null as long as no rule is broken.
  const char* refusal() const noexcept { return progress_.refusal(); }

  /// \internal For cereal's dispatch.
  void write(const void* from, std::size_t length) {
    const std::size_t to = progress_.take(length, "the span is too short");
    if (bytes_.data() != nullptr && length != 0) std::memcpy(bytes_.data() + to, from, length);
  }

  /// \internal Pairs with leave.
  template <class T>
  void enter() {
    progress_.enter();
    if constexpr (std::is_empty_v<T>) {
      constexpr std::byte kMark{};
      write(&kMark, 1);
    }
  }

  /// \internal
  void leave(std::size_t elements) { progress_.leave(elements); }

 private:
  std::span<std::byte> bytes_;
  detail::Progress progress_;
};

namespace detail {

template <class Archive>
concept SpanArchive =
    std::is_same_v<Archive, SpanInputArchive> || std::is_same_v<Archive, SpanOutputArchive>;

/// Reads element by element: memory follows the bytes consumed, not the size that was claimed.
template <class Sequence>
void load_growing(SpanInputArchive& archive, Sequence& sequence) {
  cereal::size_type size = 0;
  archive(cereal::make_size_tag(size));
  sequence.clear();
  if constexpr (requires { sequence.reserve(1); }) {
    const std::size_t affordable = archive.left() / sizeof(typename Sequence::value_type);
    sequence.reserve(std::min(static_cast<std::size_t>(size), affordable));
  }
  for (; size != 0; --size) archive(sequence.emplace_back());
}

}  // namespace detail

// What cereal finds by argument-dependent lookup.

template <detail::SpanArchive Archive, class T>
void prologue(Archive& archive, const T&) {
  detail::check_archivable<T>();
  if constexpr (std::is_class_v<T> && !detail::kWrapper<T>) archive.template enter<T>();
}

template <detail::SpanArchive Archive, class T>
void epilogue(Archive& archive, const T& value) {
  if constexpr (detail::Container<T>) {
    archive.leave(value.size());
  } else if constexpr (std::is_class_v<T> && !detail::kWrapper<T>) {
    archive.leave(0);
  }
}

template <class T>
requires std::is_arithmetic_v<T>
void load(SpanInputArchive& archive, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    archive.read_bools(&value, sizeof(value));
  } else {
    archive.read(&value, sizeof(value));
  }
}

template <class T>
requires std::is_arithmetic_v<T>
void save(SpanOutputArchive& archive, const T& value) {
  archive.write(&value, sizeof(value));
}

template <detail::SpanArchive Archive, class T>
void serialize(Archive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void load(SpanInputArchive& archive, cereal::SizeTag<T>& tag) {
  using Size = std::remove_reference_t<decltype(tag.size)>;
  const std::uint64_t size = archive.read_size();
  if (!std::in_range<Size>(size)) archive.refuse("a size does not fit into its type");
  tag.size = static_cast<Size>(size);
}

template <class T>
void save(SpanOutputArchive& archive, const cereal::SizeTag<T>& tag) {
  const auto size = static_cast<std::uint64_t>(tag.size);
  archive.write(&size, sizeof(size));
}

template <class T>
void load(SpanInputArchive& archive, cereal::BinaryData<T>& data) {
  detail::check_binary<T>();
  if constexpr (std::is_same_v<detail::BinaryElement<T>, bool>) {
    archive.read_bools(data.data, data.size);
  } else {
    archive.read(data.data, data.size);
  }
}

template <class T>
void save(SpanOutputArchive& archive, const cereal::BinaryData<T>& data) {
  detail::check_binary<T>();
  archive.write(data.data, data.size);
}

// More specialised than cereal's, which allocate every element before they read the first.
template <class T, class Allocator>
requires(!std::is_arithmetic_v<T>) void load(SpanInputArchive& archive,
                                             std::vector<T, Allocator>& sequence) {
  detail::load_growing(archive, sequence);
}

template <class T, class Allocator>
void load(SpanInputArchive& archive, std::deque<T, Allocator>& sequence) {
  detail::load_growing(archive, sequence);
}

template <class T, class Allocator>
void load(SpanInputArchive& archive, std::list<T, Allocator>& sequence) {
  detail::load_growing(archive, sequence);
}

}  // namespace cortado

CEREAL_SETUP_ARCHIVE_TRAITS(cortado::SpanInputArchive, cortado::SpanOutputArchive)
