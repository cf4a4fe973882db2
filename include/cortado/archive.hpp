// The two cereal archives of cortado: input from a span that is not trusted, output to a span.
//
// Most programs need only <cortado/typed.hpp>. Layout: little-endian, no alignment, no type names.
// Arithmetic types and enums are their own bytes; a size is 8 bytes; an empty class is one zero
// byte. A container's elements take at least one byte each, so a size can always be checked against
// the bytes left before anything is allocated.
#pragma once

#include <cortado/archive_rules.hpp>

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

static_assert(std::endian::native == std::endian::little,
              "cortado messages are little-endian and copied as they stand in memory");

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
  [[gnu::always_inline]] void read(void* to, std::size_t length) {
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
  /// \internal See kNoted.
  void note() noexcept { noted_ = true; }
  bool noted() const noexcept { return noted_; }

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
  bool noted_ = false;
};

/// Writes a value into a span; what does not fit is only counted. Use `encode` and `encoded_size`.
///
/// One thread at a time; does not block; allocates nothing (cereal does for CEREAL_CLASS_VERSION).
/// Never writes past the span. A broken rule ends it by an exception.
class SpanOutputArchive
    : public cereal::OutputArchive<SpanOutputArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit SpanOutputArchive(std::span<std::byte> bytes) noexcept
      : OutputArchive(this), bytes_(bytes), progress_(std::numeric_limits<std::size_t>::max()) {}

  /// Bytes written or counted so far: more than the span has, if it is too short.
  std::size_t position() const noexcept { return progress_.position(); }
  /// Why writing ended early, in static storage; null as long as no rule is broken.
  const char* refusal() const noexcept { return progress_.refusal(); }

  /// \internal For cereal's dispatch.
  [[gnu::always_inline]] void write(const void* from, std::size_t length) {
    const std::size_t to = progress_.take(length, "it is longer than a number can say");
    if (progress_.position() > bytes_.size() || length == 0) return;
    std::memcpy(bytes_.data() + to, from, length);
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
  /// \internal See kNoted.
  void note() noexcept { noted_ = true; }
  bool noted() const noexcept { return noted_; }

 private:
  std::span<std::byte> bytes_;
  detail::Progress progress_;
  bool noted_ = false;
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
  if constexpr (detail::kNoted<T, Archive>) archive.note();
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
