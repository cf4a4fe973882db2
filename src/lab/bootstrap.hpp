// How far a median can be believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cortado::lab {

/// Where something lies.
struct Bounds {
  double lower = 0;
  double upper = 0;

  bool operator==(const Bounds&) const = default;
};

/// Fewer repetitions say nothing about the next one.
inline constexpr std::size_t kLeastRepetitions = 5;

/// The 95 % interval of the median by the percentile bootstrap (Efron): the medians of 2,000 draws,
/// with replacement, of as many values; the interval leaves out 2.5 % of them on either side. Of 5
/// values these are the lowest and the highest. The same for the same values and seed, on every
/// machine. None: there are fewer than kLeastRepetitions.
std::optional<Bounds> median_interval(const std::vector<double>& values, std::uint64_t seed = 1);

/// Half way between the two in the middle, if they are even in number. 0: there are none.
double median_of(std::vector<double> values);

}  // namespace cortado::lab
