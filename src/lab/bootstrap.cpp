#include "lab/bootstrap.hpp"

#include <algorithm>
#include <random>

namespace cortado::lab {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::optional<Bounds> median_interval(const std::vector<double>& values, std::uint64_t seed) {
  constexpr std::size_t kDraws = 2000;
  constexpr std::size_t kLeftOut = kDraws / 40;  // 2.5 %
  if (values.size() < kLeastRepetitions) return std::nullopt;
  // Not std::uniform_int_distribution, which differs from library to library.
  std::mt19937_64 random(seed);
  std::vector<double> medians;
  medians.reserve(kDraws);
  std::vector<double> drawn(values.size());
  for (std::size_t i = 0; i < kDraws; ++i) {
    for (double& value : drawn) value = values[random() % values.size()];
    medians.push_back(median_of(drawn));
  }
  std::sort(medians.begin(), medians.end());
  return Bounds{medians[kLeftOut], medians[kDraws - 1 - kLeftOut]};
}

}  // namespace cortado::lab
