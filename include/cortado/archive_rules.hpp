// What a message may hold, and how far an archive may go: the rules of both archives.
//
// Internal to <cortado/archive.hpp>.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include <cereal/cereal.hpp>
#include <cereal/types/base_class.hpp>

namespace cortado {

/// Classes and containers within one another, counted from the message itself; a deeper value is
/// neither encoded nor decoded. Bounds the stack that a message can make the owner use.
inline constexpr std::size_t kMaxNesting = 64;

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

  /// Ends the archive for good, even where a serialize() function swallows the exception: no bytes
  /// are left then, so every later take fails, too.
  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const char* why) {
    if (refusal_ == nullptr) refusal_ = why;
    size_ = position_;
    throw Refused(refusal_);
  }

  /// The offset of the next `length` bytes, which are taken.
  [[gnu::always_inline]] std::size_t take(std::size_t length, const char* too_short) {
    if (length > left()) [[unlikely]] {
      refuse(too_short);
    }
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

/// True if cereal may note something about a T in the tables of its archive: which classes with a
/// version, and which virtual bases, it has met.
template <class T, class Archive>
inline constexpr bool kNoted =
    cereal::traits::has_member_versioned_serialize<T, Archive>::value ||
    cereal::traits::has_non_member_versioned_serialize<T, Archive>::value ||
    cereal::traits::has_member_versioned_save<T, Archive>::value ||
    cereal::traits::has_non_member_versioned_save<T, Archive>::value ||
    cereal::traits::has_member_versioned_save_minimal<T, Archive>::value ||
    cereal::traits::has_non_member_versioned_save_minimal<T, Archive>::value ||
    cereal::traits::has_member_versioned_load<T, Archive>::value ||
    cereal::traits::has_non_member_versioned_load<T, Archive>::value ||
    cereal::traits::has_member_versioned_load_minimal<T, Archive>::value ||
    cereal::traits::has_non_member_versioned_load_minimal<T, Archive>::value;
template <class T, class Archive>
inline constexpr bool kNoted<cereal::base_class<T>, Archive> = true;
template <class T, class Archive>
inline constexpr bool kNoted<cereal::virtual_base_class<T>, Archive> = true;

/// An archive that is destroyed only if there is something to destroy: to take cereal's tables down
/// when nothing was put into them costs as much as a small message. They own memory only after
/// something was noted (kNoted; pointers and deferred data, the other ways, are refused).
template <class Archive>
class Brief {
 public:
  template <class Bytes>
  explicit Brief(Bytes bytes) noexcept : archive(bytes) {}
  Brief(const Brief&) = delete;
  Brief& operator=(const Brief&) = delete;
  ~Brief() {
    if (archive.noted()) archive.~Archive();
  }
  Archive& operator*() noexcept { return archive; }

 private:
  union {
    Archive archive;
  };
};

}  // namespace detail

}  // namespace cortado
