// When the orders of an open loop are due: evenly, whether or not the ones before are through, so
// that a stall makes every order late that was due meanwhile. Whatever applies an order computes
// when it was due from its stamp alone: nothing of it travels.
#pragma once

#include <cstdint>
#include <ctime>

#include <sys/prctl.h>

#include "modes/stage.hpp"
#include "os/pause.hpp"

namespace cortado::modes {

/// All writers together offer load_per_s orders, in the order of their numbers.
inline std::uint64_t due_ns(const Stage& stage, Stamp stamp) noexcept {
  const Workload& workload = stage.workload();
  const auto number = static_cast<double>(workload.number_of(stamp));
  return stage.head().started_ns.load(std::memory_order_relaxed) +
         static_cast<std::uint64_t>(number * 1e9 / workload.load_per_s);
}

/// Lets one writer send each order when it is due. It sleeps until then, and does not spin unless
/// there are processors enough: what a writer burns while it waits would be missing elsewhere.
class Pacer {
 public:
  explicit Pacer(const Stage& stage) noexcept
      : stage_(stage),
        is_on_(stage.workload().load_per_s > 0),
        spins_(stage.workload().may_spin != 0) {
    if (is_on_)
      ::prctl(PR_SET_TIMERSLACK, 1UL);  // of this thread: wakes it to the ns, not to 50 us
  }

  bool is_on() const noexcept { return is_on_; }
  /// False: the run was over before.
  bool wait_for(Stamp stamp) noexcept {
    const std::uint64_t due = due_ns(stage_, stamp);
    while (due > now_) {  // those that are late need no look at the clock
      now_ = now_ns();
      if (now_ >= due) break;
      if (stage_.head().stop.load(std::memory_order_relaxed) != 0) return false;
      rest(due - now_);
    }
    return true;
  }

 private:
  /// Up to the stop of the run it looks again after kMost.
  void rest(std::uint64_t left) const noexcept {
    constexpr std::uint64_t kMost = 10'000'000;
    constexpr std::uint64_t kSpun = 100'000;
    if (spins_ && left < kSpun) return os::cpu_pause();
    const std::uint64_t sleep = spins_ ? left - kSpun / 2 : left;
    const timespec time{0, static_cast<long>(sleep < kMost ? sleep : kMost)};
    ::nanosleep(&time, nullptr);
  }

  const Stage& stage_;
  bool is_on_;
  bool spins_;
  std::uint64_t now_ = 0;  ///< when it looked last
};

}  // namespace cortado::modes
