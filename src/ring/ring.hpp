// The ring: one producer, one consumer, records of any length, published by one store.
//
// Invariant: the commit word at the producer's position is zero (nothing published there), and
// every commit word between the released position and it is valid. `commit` keeps it in this order:
//
//   1. zero into the commit word of the NEXT record (the terminator: bytes of an earlier lap that
//      lie there can never be taken for a record);
//   2. the payload (the caller, between claim and commit);
//   3. the commit word of THIS record, with release order: the one store that publishes.
//
// A producer that dies at any instruction has either published the whole record or nothing of it.
// The consumer believes nothing: it walks from its own private position, loads each commit word
// once, and accepts a record only if an honest producer could have written it there.
//
// The CORTADO_SEED_* macros are deliberate bugs: builds with one of them must be caught by a test.
//
// Both classes take memory, they do not get it: `memory` is `2 * capacity` bytes whose halves are
// the same bytes (see layout.hpp). They include only the standard library and are used by one
// thread each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ring/copy.hpp"
#include "ring/layout.hpp"

namespace cortado::ring {

/// The commit word at a position. `memory` is 8-aligned and so is every position.
inline std::atomic_ref<std::uint64_t> word_at(std::byte* memory, std::uint64_t capacity,
                                              std::uint64_t position) noexcept {
  return std::atomic_ref<std::uint64_t>(
      *reinterpret_cast<std::uint64_t*>(memory + (position & (capacity - 1))));
}

/// How far ahead of its position a producer asks for the lines that it will write. The consumer
/// read them last, so each one has to be taken from its cache: while earlier stores go on, not when
/// the store is due. Measured with 16-byte messages and one writer process, while a line took 500
/// ns there and back: 20 against 80 M/s.
inline constexpr std::uint64_t kPrefetchBytes = 512;

inline void prefetch_for_store(std::byte* line) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*line));
#else
  __builtin_prefetch(line, 1, 3);
#endif
}

class Producer {
 public:
  Producer() = default;
  /// `released` is the consumer's word; it is believed only as far as it makes sense.
  Producer(std::byte* memory, std::uint64_t capacity, std::uint64_t position,
           const std::atomic<std::uint64_t>* released) noexcept
      : memory_(memory), capacity_(capacity), position_(position), released_(released) {
    cached_released_ = position;
    refresh();
  }

  /// Room for `length` payload bytes at the next position, or null if the ring is too full now.
  /// Changes nothing that the consumer can see. Precondition: length <= max_length(capacity).
  std::byte* claim(std::uint64_t length) noexcept {
#if defined(CORTADO_SEED_NO_ROOM_FOR_TERMINATOR)
    const std::uint64_t needed = record_bytes(length);
#else
    const std::uint64_t needed = record_bytes(length) + kWordBytes;
#endif
    if (limit_ - position_ < needed) {
      refresh();
      if (limit_ - position_ < needed) return nullptr;
    }
    return memory_ + (position_ & (capacity_ - 1)) + kWordBytes;
  }

  /// Publishes the claimed record; `commit.length` may be less than was claimed, never more.
  void commit(Commit word) noexcept {
    position_ = publish(memory_, capacity_, position_, word);
  }

  /// Claim, copy, commit. False: too full now, nothing is changed.
  bool write(std::span<const std::byte> payload, Commit word) noexcept {
    std::byte* room = claim(payload.size());
    if (room == nullptr) return false;
    // In registers: for the compiler each byte that is copied could be one of our members.
    std::byte* const memory = memory_;
    const std::uint64_t capacity = capacity_;
    const std::uint64_t position = position_;
    word.length = static_cast<std::uint32_t>(payload.size());
#if defined(CORTADO_SEED_COMMIT_BEFORE_PAYLOAD)
    position_ = publish(memory, capacity, position, word);
    copy_in(room, payload.data(), payload.size());
#else
    copy_in(room, payload.data(), payload.size());
    position_ = publish(memory, capacity, position, word);
#endif
    return true;
  }

  /// Bytes between the released position and ours. More than the capacity: the consumer's word is
  /// nonsense, and the ring counts as full.
  std::uint64_t unreleased_bytes() const noexcept {
    return position_ - cached_released_;
  }
  std::uint64_t position() const noexcept {
    return position_;
  }
  std::uint64_t capacity() const noexcept {
    return capacity_;
  }
  std::uint64_t released() const noexcept {
    return cached_released_;
  }

  /// The released position that the consumer must reach before `length` bytes can be claimed.
  std::uint64_t needed_released(std::uint64_t length) const noexcept {
    return position_ + record_bytes(length) + kWordBytes - capacity_;
  }

  /// Reads the consumer's word anew. Returns it.
  std::uint64_t refresh() noexcept {
    // SYNC release: pairs with the release store of the released position (Owner: LaneLedger
    // commits it; Writer: ReplyReader). Without it we could overwrite bytes still being read.
    cached_released_ = released_->load(std::memory_order_acquire);
    limit_ = unreleased_bytes() > capacity_ ? position_ : cached_released_ + capacity_;
    return cached_released_;
  }

 private:
#if defined(CORTADO_SEED_MISSING_RELEASE)
  static constexpr std::memory_order kPublishOrder = std::memory_order_relaxed;
#else
  static constexpr std::memory_order kPublishOrder = std::memory_order_release;
#endif

  /// The order that makes the ring right. Returns the next position.
  static std::uint64_t publish(std::byte* memory, std::uint64_t capacity, std::uint64_t position,
                               Commit word) noexcept {
    word.flags |= flag::committed;
    const std::uint64_t next = position + record_bytes(word.length);
#if !defined(CORTADO_SEED_NO_TERMINATOR)
    word_at(memory, capacity, next).store(0, std::memory_order_relaxed);
#endif
    // SYNC publish: pairs with the acquire load in Consumer::peek. Without it the consumer could
    // see the commit word before the payload and the terminator.
    word_at(memory, capacity, position).store(pack(word), kPublishOrder);
    prefetch_for_store(memory + ((next + kPrefetchBytes) & (capacity - 1)));
    return next;
  }

  std::byte* memory_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t position_ = 0;         // ours alone
  std::uint64_t cached_released_ = 0;  // what the consumer's word was when we last ran short
  std::uint64_t limit_ = 0;            // nothing is written from here on; never below position_
  const std::atomic<std::uint64_t>* released_ = nullptr;
};

/// What a commit word said that no honest producer writes.
enum class Fault : std::uint8_t {
  none,
  flags,     ///< not committed though not zero, or a reserved bit
  sequence,  ///< not the number that follows
  length,    ///< longer than the ring could hold there
};

enum class Peek : std::uint8_t { record, empty, fault };

class Consumer {
 public:
  struct Record {
    std::byte* payload = nullptr;  ///< in the ring: copy it before looking at it
    std::uint64_t next = 0;        ///< position behind the record
    Commit commit;
  };

  Consumer() = default;
  Consumer(std::byte* memory, std::uint64_t capacity, std::uint64_t position,
           std::uint64_t sequence, std::uint8_t allowed_flags) noexcept
      : memory_(memory),
        capacity_(capacity),
        position_(position),
        released_(position),
        sequence_(sequence),
        ruled_bits_(kAllBits & ~(optional(allowed_flags) << 8)) {}

  /// True if something stands at our position. One load; no validation.
  bool pending() const noexcept {
    return word_at(memory_, capacity_, position_).load(std::memory_order_acquire) != 0;
  }

  /// What `pending` looks at: for who looks at many rings.
  std::uint64_t* next_word() const noexcept {
    return reinterpret_cast<std::uint64_t*>(memory_ + (position_ & (capacity_ - 1)));
  }

  /// The record at our position, checked. Loads the commit word exactly once.
  Peek peek(Record& record) noexcept {
    // SYNC publish: pairs with the release store in Producer::commit.
    const std::uint64_t word =
        word_at(memory_, capacity_, position_).load(std::memory_order_acquire);
    if (word == 0) return Peek::empty;
    const Commit commit = unpack(word);
    const std::uint64_t next = position_ + record_bytes(commit.length);
    // Flags and sequence together, as they stand in the word.
    const unsigned expected = unsigned{flag::committed} << 8 | static_cast<std::uint8_t>(sequence_);
    const unsigned wrong = (static_cast<unsigned>(word >> 48) ^ expected) & ruled_bits_;
    if (wrong != 0) [[unlikely]] {
      return refuse(wrong > 0xff ? Fault::flags : Fault::sequence);
    }
#if !defined(CORTADO_SEED_NO_LENGTH_CHECK)
    if (next - released_ > capacity_ - kWordBytes) return refuse(Fault::length);
#endif
    record = {memory_ + (position_ & (capacity_ - 1)) + kWordBytes, next, commit};
    return Peek::record;
  }

  /// Steps over the record that `peek` returned. It stays unreleased.
  void take(const Record& record) noexcept {
    position_ = record.next;
    ++sequence_;
  }

  /// The same, told by the consumer that did it.
  void follow(const Consumer& ahead) noexcept {
    position_ = ahead.position_;
    sequence_ = ahead.sequence_;
  }

  /// Goes back to an unreleased position: a batch was not applied.
  void rewind(std::uint64_t position, std::uint64_t sequence) noexcept {
    position_ = position;
    sequence_ = sequence;
  }

  /// Bytes up to `position` may be overwritten. The caller tells the producer (SYNC release).
  void release(std::uint64_t position) noexcept {
    released_ = position;
  }

  std::uint64_t position() const noexcept {
    return position_;
  }
  std::uint64_t released() const noexcept {
    return released_;
  }
  std::uint64_t sequence() const noexcept {
    return sequence_;
  }
  Fault fault() const noexcept {
    return fault_;
  }

 private:
  static constexpr unsigned kAllBits = 0xffff;
  static constexpr unsigned optional(unsigned allowed) noexcept {
    return allowed & ~unsigned{flag::committed};
  }

  Peek refuse(Fault fault) noexcept {
    fault_ = fault;
    return Peek::fault;
  }

  std::byte* memory_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t position_ = 0;      // next record to take; private, never read back from the ring
  std::uint64_t released_ = 0;      // bytes below it belong to the producer again
  std::uint64_t sequence_ = 0;      // of the record at position_
  unsigned ruled_bits_ = kAllBits;  // of flags and sequence: for these one value is right
  Fault fault_ = Fault::none;
};

}  // namespace cortado::ring
