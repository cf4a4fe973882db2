// How long several runs, one after the other, still take.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cortado::lab {

class Pace {
 public:
  /// each: what one will take, as far as it is known; 0: it is not.
  Pace(std::uint64_t runs, std::chrono::nanoseconds each) noexcept
      : runs_(runs), each_(each), begun_(clock::now()) {}

  void one_is_done() noexcept {
    ++done_;
    each_ = (clock::now() - begun_) / static_cast<std::int64_t>(done_);
  }
  std::uint64_t done() const noexcept { return done_; }
  std::uint64_t all() const noexcept { return runs_; }

  /// None: nobody knows yet. Falls while a run goes on, and stands still if it takes too long.
  std::optional<std::chrono::nanoseconds> left() const noexcept {
    if (each_ <= each_.zero()) return std::nullopt;
    const auto behind = times(runs_ - done_ - (done_ < runs_ ? 1 : 0));
    return std::max<std::chrono::nanoseconds>(behind, times(runs_) - passed());
  }
  std::chrono::nanoseconds passed() const noexcept { return clock::now() - begun_; }

 private:
  /// Of so many runs; centuries are as many as fit.
  std::chrono::nanoseconds times(std::uint64_t runs) const noexcept {
    const double all = static_cast<double>(each_.count()) * static_cast<double>(runs);
    constexpr auto kMost = std::chrono::nanoseconds::max();
    if (all >= static_cast<double>(kMost.count())) return kMost;
    return std::chrono::nanoseconds(static_cast<std::int64_t>(all));
  }

  using clock = std::chrono::steady_clock;

  std::uint64_t runs_;
  std::chrono::nanoseconds each_;
  clock::time_point begun_;
  std::uint64_t done_ = 0;
};

}  // namespace cortado::lab
