#include "os/timer_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <sys/timerfd.h>

#include "os/error.hpp"

namespace cortado::os {

Result<Descriptor> create_timer() {
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return system_error(errno, "create", "a timer");
  return timer;
}

void set_timer(int timer, std::optional<std::chrono::steady_clock::time_point> deadline) noexcept {
  itimerspec setting{};
  if (deadline) {
    // All zero would switch it off.
    const std::int64_t at =
        std::max<std::int64_t>(1, std::chrono::nanoseconds(deadline->time_since_epoch()).count());
    setting.it_value.tv_sec = static_cast<time_t>(at / 1'000'000'000);
    setting.it_value.tv_nsec = static_cast<long>(at % 1'000'000'000);
  }
  ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, nullptr);
}

}  // namespace cortado::os
