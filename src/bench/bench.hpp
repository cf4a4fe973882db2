// A benchmark: every contestant at every point, again and again, interleaved.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/contestant.hpp"
#include "bench/figures.hpp"
#include "bench/point.hpp"
#include "lab/summary.hpp"

namespace cortado::bench {

struct Plan {
  std::vector<Point> points;
  std::vector<const Contestant*> contestants;
  std::uint32_t repetitions = 5;
  /// Of a throughput run; fan-in takes 3 times, idle 20 times, the lab's 5 times as long.
  std::chrono::nanoseconds duration = std::chrono::milliseconds(100);
  std::vector<int> processors;
  /// Called now and then, with how many runs of how many are over; false ends it at once.
  std::function<bool(std::uint64_t, std::uint64_t)> go_on = [](auto, auto) { return true; };
};

/// One contestant at one point.
struct Entry {
  Point point;
  const Contestant* contestant = nullptr;
  /// One for each repetition; none where it failed.
  std::vector<std::optional<Figures>> runs;
  std::string error;  ///< of the first that failed

  /// Of the runs that there are.
  lab::Summary summary(double (*figure)(const Figures&)) const;
  bool is_measured() const noexcept;
  std::uint64_t wrong() const noexcept;
};

struct Outcome {
  std::vector<Entry> entries;  ///< by points, then by contestants, as in the plan

  const Entry* find(const Point& point, std::string_view contestant) const noexcept;
};

/// Blocks until all is done. Forks, so the caller must have one thread. A contestant that fails is
/// told in its entry. Errc::closing: go_on said no.
Result<Outcome> run(const Plan& plan);

/// The points there are by default, of these kinds, sizes and numbers of writers.
std::vector<Point> points_of(const std::vector<Kind>& kinds, const std::vector<std::size_t>& sizes,
                             const std::vector<std::uint32_t>& writers);

}  // namespace cortado::bench
