// Repetitions of one figure in three numbers.
#pragma once

#include <vector>

namespace cortado::lab {

struct Summary {
  double median = 0;
  double lowest = 0;
  double highest = 0;

  /// From the lowest to the highest, as a part of the median; 0: there is none.
  double spread() const noexcept { return median == 0 ? 0 : (highest - lowest) / median; }
  bool operator==(const Summary&) const = default;
};

/// All zero, if there are no values. Of an even number of them, the median is the mean of the two
/// in the middle.
Summary summarize(std::vector<double> values);

}  // namespace cortado::lab
