// Copies of payloads. Most messages are short, and a call of memcpy with a length that is not known
// at compile time costs as much as the rest of a send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cortado::ring {

inline constexpr std::size_t kShort = 128;

/// Lengths that are copied without a call.
constexpr bool is_short(std::size_t length) noexcept {
  return length - 8 <= kShort - 8;
}

namespace detail {
/// As wide as one load of whoever looks at the copy: a load that is wider than the stores before it
/// waits until they have left the processor's store buffer.
inline void copy_pair(std::byte* to, const std::byte* from) noexcept {
  std::memcpy(to, from, 16);
}
/// For bytes that the caller may just have stored, a number at a time: the compiler may not join
/// two of these into one wider load, which would wait for those stores, nor make a call of memcpy
/// of a row of them.
inline void copy_word(std::byte* to, const std::byte* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  asm("" : "+r"(word));
  std::memcpy(to, &word, sizeof word);
}
/// `length` is over kWords * 8 and at most twice that: a half from the front, a half that ends with
/// the last byte. What both halves have is copied twice.
template <std::size_t kWords>
inline void copy_halves(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  const std::size_t second = length - kWords * 8;
  for (std::size_t i = 0; i < kWords; ++i) copy_word(to + i * 8, from + i * 8);
  to += second;
  from += second;
  for (std::size_t i = 0; i < kWords; ++i) copy_word(to + i * 8, from + i * 8);
}
}  // namespace detail

/// Exactly `length` bytes, into a record.
inline void copy_in(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  if (!is_short(length)) [[unlikely]] {
    if (length != 0) std::memcpy(to, from, length);
  } else if (length <= 16) {
    detail::copy_halves<1>(to, from, length);
  } else if (length <= 32) {
    detail::copy_halves<2>(to, from, length);
  } else if (length <= 64) {
    detail::copy_halves<4>(to, from, length);
  } else {
    detail::copy_halves<8>(to, from, length);
  }
}

/// At least `length` bytes, out of a record: up to 7 more, which both have (a record is padded to 8
/// bytes, and the caller's buffer has room for one more word).
inline void copy_out(std::byte* to, const std::byte* from, std::size_t length) noexcept {
  using detail::copy_word, detail::copy_pair;
  if (length <= 8) {
    if (length != 0) copy_word(to, from);
  } else if (length <= 16) {
    copy_pair(to, from);
  } else if (length <= kShort) {
    std::size_t i = 0;
    for (; i + 8 < length; i += 16) copy_pair(to + i, from + i);
    if (i < length) copy_word(to + i, from + i);
  } else {
    std::memcpy(to, from, length);
  }
}

}  // namespace cortado::ring
