// How seldom the orders of a run are timed, so that the samples span it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "lab/run.hpp"

namespace cortado::lab {

/// In an open loop what takes longest is what counts: many are timed. But in one of more than
/// 16,384 orders a writer no more than every 16th, so that those in a ring at one time, 16,384 at
/// most, have room on the stage.
inline std::uint32_t sample_shift_of_load(const modes::Workload& workload,
                                          std::chrono::nanoseconds duration) noexcept {
  constexpr std::uint32_t kLeast = 4;
  constexpr double kSamples = 65536;  // of each writer
  const double all = workload.orders != 0
                         ? static_cast<double>(workload.orders)
                         : workload.load_per_s * 1e-9 * static_cast<double>(duration.count());
  const double orders = all / workload.writers;
  std::uint32_t shift = kLeast;
  while (orders > kSamples * static_cast<double>(std::uint64_t{1} << shift)) ++shift;
  return std::min(shift, sample_shift_for(static_cast<std::uint64_t>(orders) + 1));
}

/// For Workload::sample_shift. Of a run that only its time ends, nobody knows how many orders there
/// will be: no more than the work on each and its letters leave time for.
inline std::uint32_t sample_shift_of(const modes::Workload& workload,
                                     std::chrono::nanoseconds duration) noexcept {
  constexpr std::uint32_t kOfQuickOrders = 10;
  constexpr double kMost = 1e18;
  if (workload.load_per_s > 0) return sample_shift_of_load(workload, duration);
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
