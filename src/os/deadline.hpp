// Deadlines from durations, whatever the duration is.
#pragma once

#include <chrono>

namespace cortado::os {

/// Now and `timeout`; the end of time if that is later. The past if it is negative.
inline std::chrono::steady_clock::time_point deadline_after(
    std::chrono::nanoseconds timeout) noexcept {
  using clock = std::chrono::steady_clock;
  const auto now = clock::now();
  return timeout > clock::time_point::max() - now ? clock::time_point::max() : now + timeout;
}

}  // namespace cortado::os
