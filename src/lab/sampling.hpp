// How seldom the orders of a run are timed, so that the samples span it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "lab/run.hpp"

namespace cortado::lab {

/// For Workload::sample_shift. Of a run that only its time ends, nobody knows how many orders there
/// will be: no more than the work on each and its letters leave time for.
inline std::uint32_t sample_shift_of(const modes::Workload& workload,
                                     std::chrono::nanoseconds duration) noexcept {
  constexpr std::uint32_t kOfQuickOrders = 10;
  constexpr double kMost = 1e18;
  if (workload.orders != 0) {
    return sample_shift_for((workload.orders + workload.writers - 1) / workload.writers);
  }
  const double each = static_cast<double>(workload.hold_ns) +
                      static_cast<double>(workload.letter_delay_ns) * workload.capacity;
  if (each <= 0) return kOfQuickOrders;
  const double orders = static_cast<double>(duration.count()) / each / workload.writers;
  return sample_shift_for(static_cast<std::uint64_t>(std::min(orders, kMost)));
}

}  // namespace cortado::lab
