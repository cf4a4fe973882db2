// Copies of payloads. Most messages are short, and a call of memcpy with a length that is not known
// at compile time costs as much as the rest of a send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cortado::ring {

inline constexpr std::size_t kShort = 128;

namespace detail {
/// As wide as one load of whoever looks at the copy: a load that is wider than the stores before it
/// waits until they have left the processor's store buffer.
struct Pair {
  std::uint64_t low, high;
};
template <class Word>
inline void copy_word(std::byte* to, const std::byte* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(to, &word, sizeof word);
}
}  // namespace detail

/// Exactly `length` bytes, into a record. The last words overlap instead of a tail of bytes.
inline void copy_in(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  if (length >= 8 && length <= kShort) [[likely]] {
    for (std::size_t i = 0; i + 8 < length; i += 8) {
      detail::copy_word<std::uint64_t>(to + i, from + i);
    }
    detail::copy_word<std::uint64_t>(to + length - 8, from + length - 8);
  } else if (length != 0) {
    std::memcpy(to, from, length);
  }
}

/// At least `length` bytes, out of a record: up to 7 more, which both have (a record is padded to 8
/// bytes, and the caller's buffer has room for one more word).
inline void copy_out(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  using detail::copy_word, detail::Pair;
  if (length <= kShort) [[likely]] {
    std::size_t i = 0;
    for (; i + 8 < length; i += 16) copy_word<Pair>(to + i, from + i);
    if (i < length) copy_word<std::uint64_t>(to + i, from + i);
  } else {
    std::memcpy(to, from, length);
  }
}

}  // namespace cortado::ring
