// What k of n runs tell about all runs: the interval of Clopper and Pearson, which is never too
// narrow, however few runs there were.
#pragma once

#include <cstdint>

namespace cortado::lab {

/// Parts of all runs, between 0 and 1.
struct Interval {
  double lower = 0;
  double upper = 1;
};

/// Where the true part lies, with 95 % confidence. k <= n; of no runs: anywhere.
Interval interval_of(std::uint64_t k, std::uint64_t n);

/// What the true part is at most, with 95 % confidence: for what was never seen, about 3 / n.
double upper_bound_of(std::uint64_t k, std::uint64_t n);

}  // namespace cortado::lab
