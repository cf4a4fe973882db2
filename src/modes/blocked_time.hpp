// How long writers are blocked: the time in which one cannot go on, because another has the lock or
// there is no room for its order. Whoever does not have to wait looks at no clock.
//
// Which orders are looked at is settled before anything is done for it, and they are not those
// whose latency is timed: a writer that looks at a clock just before it asks for a lock leaves it
// to another meanwhile, and waits where it would not have waited.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "modes/stage.hpp"

namespace cortado::modes {

/// From here to its end a writer waits.
class Wait {
 public:
  Wait(WriterNotes& notes, std::uint32_t shift) noexcept
      : notes_(notes), shift_(shift), begun_ns_(now_ns()) {}
  ~Wait() {
    const std::uint64_t ns = (now_ns() - begun_ns_) << shift_;
    notes_.blocked_ns.store(notes_.blocked_ns.load(std::memory_order_relaxed) + ns,
                            std::memory_order_relaxed);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  WriterNotes& notes_;
  std::uint32_t shift_;
  std::uint64_t begun_ns_;
};

class BlockedTime {
 public:
  explicit BlockedTime(const Stage& stage) noexcept
      : stage_(stage),
        shift_(std::min(stage.workload().sample_shift, kMostShift)),
        mask_((std::uint64_t{1} << shift_) - 1) {}

  /// A wait that is timed whenever it comes: it is long, and seldom.
  Wait whole(std::uint32_t writer) const noexcept { return {stage_.writer(writer), 0}; }

  /// A wait that may come with every order, as one for a lock: whether it is to be timed, if it has
  /// to be. It stands then for those of all orders up to the next one that is.
  bool is_sampled(Stamp stamp) const noexcept { return (stamp.sequence() & mask_) == mask_ / 2; }
  Wait sampled(Stamp stamp) const noexcept { return {stage_.writer(stamp.writer()), shift_}; }

 private:
  // Two looks at a clock are as long as an order behind a lock: they must be few, or measuring
  // makes a lock slower than it is.
  static constexpr std::uint32_t kMostShift = 7;

  const Stage& stage_;
  std::uint32_t shift_;
  std::uint64_t mask_;
};

}  // namespace cortado::modes
