// Repetitions of one figure in a few numbers.
#pragma once

#include <optional>
#include <vector>

#include "lab/bootstrap.hpp"

namespace cortado::lab {

struct Summary {
  double median = 0;
  double lowest = 0;
  double highest = 0;
  /// Of the median, see median_interval; none: too few repetitions.
  std::optional<Bounds> interval{};

  /// From the lowest to the highest, as a part of the median; 0: there is none.
  double spread() const noexcept { return median == 0 ? 0 : (highest - lowest) / median; }
  bool operator==(const Summary&) const = default;
};

/// All zero, if there are no values.
Summary summarize(std::vector<double> values);

}  // namespace cortado::lab
