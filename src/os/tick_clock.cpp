#include "os/tick_clock.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace cortado::os {
namespace {

bool has_steady_ticks() noexcept {
#if defined(__x86_64__)
  constexpr unsigned kPowerManagement = 0x8000'0007U;
  constexpr unsigned kInvariantCount = 1U << 8;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariantCount) != 0;
#else
  return false;
#endif
}

}  // namespace

const bool kTicksAreSteady = has_steady_ticks();

TickMoment TickMoment::now() noexcept {
  const auto ns = std::chrono::steady_clock::now().time_since_epoch();
  return {os::ticks(), static_cast<std::uint64_t>(std::chrono::nanoseconds(ns).count())};
}

}  // namespace cortado::os
