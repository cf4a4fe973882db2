#include "lab/summary.hpp"

#include <algorithm>

namespace cortado::lab {

Summary summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {median_of(values), values.front(), values.back(), median_interval(values)};
}

}  // namespace cortado::lab
