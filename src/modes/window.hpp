// How many orders of one writer a queue may hold.
#pragma once

#include <algorithm>
#include <cstdint>

#include "modes/workload.hpp"

namespace cortado::modes {

/// Orders of one writer that may be unapplied at a time, so that what stands in the queues when the
/// time is over takes about kMostBehindNs: a ring holds hours of slow orders.
inline std::uint64_t window_of(const Workload& workload) noexcept {
  constexpr std::uint64_t kMostBehindNs = 10'000'000;
  constexpr std::uint64_t kLeast = 4;
  const std::uint64_t cost = workload.hold_ns + workload.letter_delay_ns * workload.capacity;
  if (cost == 0) return UINT64_MAX;
  return std::max(kLeast, kMostBehindNs / cost / workload.writers);
}

}  // namespace cortado::modes
