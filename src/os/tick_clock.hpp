// The cheapest clock there is: the processor's own count, turned into nanoseconds afterwards.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace cortado::os {

/// The count goes at one rate on all processors, also while they sleep.
extern const bool kTicksAreSteady;

/// Never goes back on one thread, and is the same for all processes of a machine. Where the
/// processor's count is not steady: nanoseconds of steady_clock.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  if (kTicksAreSteady) [[likely]] {
    return __rdtsc();
  }
#endif
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// One moment on both clocks.
struct TickMoment {
  std::uint64_t ticks = 0;
  std::uint64_t ns = 0;  ///< of steady_clock

  static TickMoment now() noexcept;
};

/// From ticks to nanoseconds, by two moments that lie apart.
class TickScale {
 public:
  TickScale(const TickMoment& first, const TickMoment& last) noexcept : first_(first) {
    const std::uint64_t ticks = last.ticks - first.ticks;
    if (ticks != 0)
      ns_per_tick_ = static_cast<double>(last.ns - first.ns) / static_cast<double>(ticks);
  }
  /// Since the first moment; 0 for what was before it. Keeps the order.
  std::uint64_t ns_since_first(std::uint64_t ticks) const noexcept {
    if (ticks <= first_.ticks) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(ticks - first_.ticks) * ns_per_tick_);
  }

 private:
  TickMoment first_;
  double ns_per_tick_ = 1;
};

}  // namespace cortado::os
