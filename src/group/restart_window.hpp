// "At most N restarts in T", for one program.
#pragma once

#include <cortado/group.hpp>

#include <chrono>
#include <deque>

namespace cortado::group {

class RestartWindow {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit RestartWindow(Restart rule) : rule_(rule) {}

  /// Takes one restart out of the allowance. False: none is left at that time.
  bool take(time_point now) {
    if (rule_.policy == Restart::Policy::never) return false;
    while (!taken_.empty() && now - taken_.front() >= rule_.within) taken_.pop_front();
    if (taken_.size() >= rule_.max_restarts) return false;
    taken_.push_back(now);
    return true;
  }

  const Restart& rule() const noexcept { return rule_; }

 private:
  Restart rule_;
  std::deque<time_point> taken_;  ///< at most max_restarts, oldest first
};

}  // namespace cortado::group
