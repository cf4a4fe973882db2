// How cortado stands: each goal, as a ratio of figures of one run, and whether it is reached.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench.hpp"
#include "lab/summary.hpp"

namespace cortado::bench {

struct Goal {
  std::string what;      ///< "16 B: throughput to the fastest peer's"
  std::string against;   ///< who that was; empty: nobody
  bool is_least = true;  ///< the figure must be `bound` at least; else at most
  double bound = 0;
  std::string unit;  ///< "x": a ratio
  /// Over the repetitions: of each the ratio of two runs of that repetition. None: not measured.
  std::optional<lab::Summary> figure;
  /// Pairs of runs that are not in the figure, because a cache line took half as long again before
  /// one of the two.
  std::size_t left_out = 0;
  /// Pairs that were unlike in this way and are in it all the same: fewer than three were alike.
  std::size_t unlike = 0;

  /// By its median.
  bool is_reached() const noexcept {
    return figure && (is_least ? figure->median >= bound : figure->median <= bound);
  }
};

/// All goals about points that were measured.
std::vector<Goal> standing_of(const Outcome& outcome);

}  // namespace cortado::bench
