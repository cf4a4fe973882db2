// The bytes of a record, and nothing else: how one message stands in a ring.
//
//   position (8-aligned)                                     next = position + align8(8 + length)
//   |                                                        |
//   +----------------------+---------------------------------+----------------------+- - -
//   | commit word (8)      | payload (length), 0 to 7 unused | commit word of next  |
//   +----------------------+---------------------------------+----------------------+- - -
//
// The commit word (one atomic 64-bit load or store, native byte order: a ring never leaves its
// machine):
//
//   bit 63        56 55            48 47              32 31                              0
//   +---------------+----------------+------------------+--------------------------------+
//   | flags         | low byte of    | type tag         | length of the payload in bytes |
//   | 1 c c c 0 r a | the sequence   | 0 = untyped      |                                |
//   +---------------+----------------+------------------+--------------------------------+
//
// Zero means "not committed". A committed word is never zero, because bit 63 is set.
//
// The memory of a ring is mapped twice, back to back, so byte `capacity + i` is byte `i`. A record
// that passes the end is contiguous in the mapping and needs no padding; a commit word is 8-aligned
// and so never passes the end itself.
//
// Version 1 of the layout. It does not change without raising kLayoutVersion.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cortado::ring {

inline constexpr std::uint32_t kLayoutVersion = 1;

/// Two cache lines between words that different processes write: the adjacent-line prefetcher pulls
/// lines in pairs. A number, not hardware_destructive_interference_size: two builds must agree.
inline constexpr std::size_t kHotDistance = 128;

inline constexpr std::uint64_t kWordBytes = 8;
inline constexpr std::uint64_t kMinCapacity = 4096;
inline constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 31;

namespace flag {
inline constexpr std::uint8_t committed = 0x80;    ///< always set in a published record
inline constexpr std::uint8_t ask = 0x01;          ///< the writer waits for a reply; AskPrefix
inline constexpr std::uint8_t redelivered = 0x02;  ///< an owner died with it in hand
inline constexpr std::uint8_t unanswered = 0x10;   ///< reply ring: the handler did not reply
inline constexpr std::uint8_t too_large = 0x20;    ///< reply ring: the reply exceeded its credit
inline constexpr std::uint8_t send_mask = committed | ask | redelivered;
inline constexpr std::uint8_t reply_mask = committed | unanswered | too_large;
}  // namespace flag

/// The fields of a commit word, unpacked.
struct Commit {
  std::uint32_t length = 0;   ///< payload bytes
  std::uint16_t tag = 0;      ///< type tag; 0 = untyped
  std::uint8_t sequence = 0;  ///< low byte of the message's sequence
  std::uint8_t flags = 0;     ///< see `flag`
};

constexpr std::uint64_t pack(const Commit& c) noexcept {
  return std::uint64_t{c.length} | std::uint64_t{c.tag} << 32 | std::uint64_t{c.sequence} << 48 |
         std::uint64_t{c.flags} << 56;
}

constexpr Commit unpack(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word), static_cast<std::uint16_t>(word >> 32),
          static_cast<std::uint8_t>(word >> 48), static_cast<std::uint8_t>(word >> 56)};
}

/// Bytes that a record with this payload takes in the ring.
constexpr std::uint64_t record_bytes(std::uint64_t length) noexcept {
  return (kWordBytes + length + 7) & ~std::uint64_t{7};
}

/// The longest payload that fits into an empty ring: the record, and the terminator behind it.
constexpr std::uint64_t max_length(std::uint64_t capacity) noexcept {
  return capacity - 2 * kWordBytes;
}

constexpr bool valid_capacity(std::uint64_t capacity) noexcept {
  return capacity >= kMinCapacity && capacity <= kMaxCapacity && std::has_single_bit(capacity);
}

/// First bytes of the payload of an ask (flag::ask).
struct AskPrefix {
  std::uint32_t reply_limit;  ///< bytes of answer that the writer keeps free in the reply ring
  std::uint32_t reserved;     ///< zero
};
static_assert(sizeof(AskPrefix) == 8);

/// First bytes of the payload of every reply.
struct ReplyPrefix {
  std::uint64_t correlation;  ///< sequence of the ask that is answered
};
static_assert(sizeof(ReplyPrefix) == 8);

/// Ring bytes that one ask reserves for its reply.
constexpr std::uint64_t reply_credit(std::uint32_t reply_limit) noexcept {
  return record_bytes(sizeof(ReplyPrefix) + std::uint64_t{reply_limit});
}

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic_ref<std::uint64_t>::required_alignment == 8);
static_assert(unpack(pack({7, 9, 11, 0x81})).length == 7);
static_assert(unpack(pack({7, 9, 11, 0x81})).tag == 9);
static_assert(unpack(pack({7, 9, 11, 0x81})).sequence == 11);
static_assert(unpack(pack({7, 9, 11, 0x81})).flags == 0x81);
static_assert(record_bytes(0) == 8 && record_bytes(1) == 16 && record_bytes(8) == 16);

}  // namespace cortado::ring
