// The buffer: what the orders change, byte by byte the same in every mode.
//
//   one piece of memory, in this order               size
//   +--------------------------------------------+
//   | BufferHead: length, stamp, check, counts     |  64
//   | the order's bytes, then zeros                |  capacity, rounded up to 64
//   | Account of writer 0, 1, ...                  |  256 each
//   +--------------------------------------------+
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cortado::modes {

/// Whose order it is, and which of that writer's, from 0. Goes with an order's bytes in every mode,
/// so that the buffer tells by itself what arrived.
class Stamp {
 public:
  static constexpr std::uint32_t kMostWriters = 4096;

  constexpr Stamp() = default;
  constexpr Stamp(std::uint32_t writer, std::uint64_t sequence) noexcept
      : word_((std::uint64_t{writer} << kSequenceBits) | sequence) {}
  static constexpr Stamp of(std::uint64_t word) noexcept {
    Stamp stamp;
    stamp.word_ = word;
    return stamp;
  }
  constexpr std::uint64_t word() const noexcept { return word_; }
  constexpr std::uint32_t writer() const noexcept {
    return static_cast<std::uint32_t>(word_ >> kSequenceBits);
  }
  constexpr std::uint64_t sequence() const noexcept {
    return word_ & ((std::uint64_t{1} << kSequenceBits) - 1);
  }

 private:
  static constexpr unsigned kSequenceBits = 48;
  std::uint64_t word_ = 0;
};

struct BufferHead {
  std::uint64_t length = 0;  ///< of the order that stands there
  std::uint64_t stamp = 0;   ///< of it
  std::uint64_t check = 0;   ///< order_check of its stamp and bytes, as it arrived
  std::uint64_t count = 0;   ///< orders applied by all writers, repeats included
  std::uint64_t digest = 0;  ///< sum of the checks of these
  std::uint64_t torn = 0;    ///< looks that found what stood there not to be one whole order
  std::uint32_t capacity = 0;
  std::uint32_t writers = 0;
  std::uint64_t result_of_work = 0;  ///< of the work on each order, so that it is done
};
static_assert(sizeof(BufferHead) == 64);

/// Sequences that were jumped over: [from, to).
struct Gap {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

/// What the buffer knows of one writer. Changed only while an order of that writer is applied.
struct alignas(64) Account {
  static constexpr std::uint32_t kGaps = 12;

  std::uint64_t count = 0;         ///< orders applied, repeats included
  std::uint64_t next = 0;          ///< last sequence + 1
  std::uint64_t duplicated = 0;    ///< of these, applied a second time
  std::uint64_t reordered = 0;     ///< of these, applied behind a later one
  std::uint64_t redelivered = 0;   ///< of these, flagged so by the queue
  std::uint32_t gaps = 0;          ///< in use
  std::uint32_t gaps_dropped = 0;  ///< more than there is room for: then late ones count as repeats
  Gap gap[kGaps];
};
static_assert(sizeof(Account) == 256);

/// The pieces of a buffer at some address. Does not own it.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(void* memory) noexcept : memory_(static_cast<std::byte*>(memory)) {}

  static constexpr std::size_t bytes_for(std::uint32_t capacity, std::uint32_t writers) noexcept {
    return sizeof(BufferHead) + rounded(capacity) + std::size_t{writers} * sizeof(Account);
  }
  /// Makes an empty one in zeroed memory of bytes_for(capacity, writers), aligned to 64.
  static Buffer make(void* memory, std::uint32_t capacity, std::uint32_t writers) noexcept;

  /// What stood there is no order any more; what was counted stays.
  void empty_cup() const noexcept;

  explicit operator bool() const noexcept { return memory_ != nullptr; }
  BufferHead& head() const noexcept { return *reinterpret_cast<BufferHead*>(memory_); }
  std::byte* order() const noexcept { return memory_ + sizeof(BufferHead); }
  Account& account(std::uint32_t writer) const noexcept {
    return reinterpret_cast<Account*>(order() + rounded(head().capacity))[writer];
  }
  std::span<std::byte> memory() const noexcept {
    return {memory_, bytes_for(head().capacity, head().writers)};
  }

 private:
  static constexpr std::size_t rounded(std::uint32_t capacity) noexcept {
    return (std::size_t{capacity} + 63) / 64 * 64;
  }
  std::byte* memory_ = nullptr;
};

}  // namespace cortado::modes
