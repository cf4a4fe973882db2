// Hand-written rings with slots of one size in shared memory: what a good programmer would put
// there, with nothing promised. Nobody checks, nobody can die, and each size is fixed.
//
//   stream          the limit: 64 messages are published and released at a time
//   ring-per-writer the simplest strong rival: each message is published at once; the owner scans
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "bench/contestant.hpp"
#include "bench/per_writer.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

/// The words of a slot ring, one line each, in front of the slots. Two lines apart, because a
/// processor may fetch lines in pairs.
struct Head {
  alignas(128) std::atomic<std::uint64_t> written{0};
  alignas(128) std::atomic<std::uint64_t> released{0};
};

/// Position of one side, and what it last saw of the other.
template <bool kBatched>
class SlotRing {
 public:
  SlotRing(const Setting& setting)
      : bytes_(setting.bytes()),
        slots_(std::bit_floor(std::max<std::size_t>(2, setting.ring_bytes / bytes_))),
        batch_(kBatched ? std::clamp<std::uint64_t>(slots_ / 4, 1, 64) : 1),
        block_(sizeof(Head) + slots_ * bytes_),
        head_(new (block_.data()) Head()) {}

  std::uint64_t batch() const noexcept { return batch_; }

  bool push(std::span<const std::byte> message) noexcept {
    if (mine_ - theirs_ == slots_) [[unlikely]] {
      theirs_ = head_->released.load(std::memory_order_acquire);
      if (mine_ - theirs_ == slots_) {
        flush();  // what is not published is never released
        return false;
      }
    }
    copy_bytes(slot(mine_), message.data(), bytes_);
    ++mine_;
    if (!kBatched || mine_ % batch_ == 0) flush();
    return true;
  }
  void flush() noexcept { head_->written.store(mine_, std::memory_order_release); }

  /// At most a batch, or what is there.
  template <class F>
  std::size_t pop(std::byte* copy, F&& look) noexcept {
    if (mine_ == theirs_) {
      theirs_ = head_->written.load(std::memory_order_acquire);
      if (mine_ == theirs_) return 0;
    }
    constexpr std::uint64_t kMostOfOne = 32;
    const std::uint64_t count = std::min(theirs_ - mine_, kBatched ? batch_ : kMostOfOne);
    for (std::uint64_t i = 0; i < count; ++i) {
      copy_bytes(copy, slot(mine_), bytes_);
      asm volatile("" : : "r"(copy) : "memory");  // the copy is made
      look(std::span<const std::byte>(copy, bytes_));
      ++mine_;
      if (!kBatched) head_->released.store(mine_, std::memory_order_release);
    }
    if (kBatched) head_->released.store(mine_, std::memory_order_release);
    return count;
  }

 private:
  std::byte* slot(std::uint64_t position) const noexcept {
    return block_.data() + sizeof(Head) + (position & (slots_ - 1)) * bytes_;
  }

  std::size_t bytes_;
  std::uint64_t slots_;
  std::uint64_t batch_;
  SharedBlock block_;
  Head* head_;
  // After the fork each side has a copy of its own.
  std::uint64_t mine_ = 0;
  std::uint64_t theirs_ = 0;
};

using Stream = PerWriter<SlotRing<true>, false>;
using RingPerWriter = PerWriter<SlotRing<false>, false>;

Contestant::Run run_stream(const Point& point) {
  return point.kind == Kind::throughput ? &stream<Stream> : nullptr;
}

Contestant::Run run_ring(const Point& point) {
  constexpr std::uint32_t kMostWriters = 64;
  if (point.kind == Kind::round_trip && point.waiting == Waiting::polling) {
    return round_trip<RingPerWriter>;
  }
  const bool streams = point.kind == Kind::throughput ||
                       (point.kind == Kind::fan_in && point.writers <= kMostWriters);
  return streams ? &stream<RingPerWriter> : nullptr;
}

}  // namespace

std::span<const Contestant> ring_contestants() {
  static constexpr Contestant kAll[] = {
      {"raw-stream", "fixed slots, published by the batch, nothing promised", Role::limit,
       run_stream},
      {"ring-per-writer", "hand-written SPSC rings of fixed slots, scanned in turn", Role::peer,
       run_ring},
  };
  return kAll;
}

}  // namespace cortado::bench
