// Ring states built by hand, byte by byte: nothing here uses Producer or Consumer, so that what
// they do can be compared with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "ring/layout.hpp"

namespace cortado::test {

using Bytes = std::vector<std::byte>;

/// Payload that differs for each number and at each offset, so that a mix of two is seen.
inline Bytes content(std::uint64_t number, std::uint64_t length) {
  Bytes bytes(length);
  std::uint64_t state = (number + 1) * 0x9e3779b97f4a7c15ULL;
  for (std::byte& b : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    b = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

/// `data` at a position of a ring that is held once (not mirrored): byte by byte, modulo its size.
inline void put_bytes(std::span<std::byte> ring, std::uint64_t position,
                      std::span<const std::byte> data) {
  for (std::size_t i = 0; i < data.size(); ++i) ring[(position + i) % ring.size()] = data[i];
}

inline void put_word(std::span<std::byte> ring, std::uint64_t position, std::uint64_t word) {
  put_bytes(ring, position, std::as_bytes(std::span(&word, 1)));
}

inline std::uint64_t word_of(std::span<const std::byte> ring, std::uint64_t position) {
  std::uint64_t word = 0;
  std::memcpy(&word, ring.data() + position % ring.size(), sizeof word);
  return word;
}

/// A published record: its commit word, its payload. Returns the position behind it.
inline std::uint64_t put_record(std::span<std::byte> ring, std::uint64_t position,
                                ring::Commit commit, std::span<const std::byte> payload) {
  commit.length = static_cast<std::uint32_t>(payload.size());
  commit.flags |= 0x80;
  put_word(ring, position, ring::pack(commit));
  put_bytes(ring, position + 8, payload);
  return position + (8 + payload.size() + 7) / 8 * 8;
}

/// Every word of the ring becomes the commit word of a record that would be accepted as the one
/// with this sequence: the payload that a writer chose in an earlier lap, at its worst.
inline void fill_with_forged_words(std::span<std::byte> ring, std::uint64_t sequence) {
  const ring::Commit forged{0, 7, static_cast<std::uint8_t>(sequence), 0x80};
  for (std::uint64_t at = 0; at < ring.size(); at += 8) put_word(ring, at, ring::pack(forged));
}

}  // namespace cortado::test
