// How full the queue is: orders that are handed over and not yet applied, of all writers together,
// as the owner sees it now and then. It is told by the notes of those who take part, and not by the
// queue, so that it means the same for each of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "modes/stage.hpp"

namespace cortado::modes {

class QueueDepth {
 public:
  explicit QueueDepth(const Stage& stage) noexcept
      : stage_(stage), mask_(every(stage.workload()) - 1) {}

  /// For the owner, with an order in hand: it has applied so many before.
  void look(std::uint64_t applied) const noexcept {
    if ((applied & mask_) == 0) [[unlikely]]
      note(applied);
  }

 private:
  /// Orders from one look to the next: about as many as are timed, but to look is to take a cache
  /// line from each writer, which must stay seldom.
  static std::uint64_t every(const Workload& workload) noexcept {
    constexpr std::uint64_t kOrdersForALine = 64;
    return std::max(std::uint64_t{1} << workload.sample_shift,
                    std::bit_ceil(kOrdersForALine * workload.writers));
  }

  [[gnu::noinline]] void note(std::uint64_t applied) const noexcept {
    HostNotes& host = stage_.host();
    const std::uint64_t before = host.buried.load(std::memory_order_relaxed) + applied;
    std::uint64_t taken = 0;
    for (std::uint32_t w = 0; w < stage_.workload().writers; ++w) {
      taken += stage_.writer(w).taken.load(std::memory_order_relaxed);
    }
    // A writer notes an order after it has handed it over; the one in hand is there for certain.
    const std::uint64_t depth = taken > before ? taken - before : 1;
    add(host.depth_looks, 1);
    add(host.depth_sum, depth);
    host.depth_most.store(std::max(host.depth_most.load(std::memory_order_relaxed), depth),
                          std::memory_order_relaxed);
  }
  /// Nobody else stores to it.
  static void add(std::atomic<std::uint64_t>& to, std::uint64_t more) noexcept {
    to.store(to.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  const Stage& stage_;
  std::uint64_t mask_;
};

}  // namespace cortado::modes
