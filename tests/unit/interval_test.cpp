// The interval of Clopper and Pearson, against its definition and tables.
#include "lab/interval.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace cortado::lab {
namespace {

/// Probability of k or fewer of n, if each has probability p.
double at_most(std::uint64_t k, std::uint64_t n, double p) {
  double sum = 0;
  double ways = 1;
  for (std::uint64_t i = 0; i <= k; ++i) {
    sum += ways * std::pow(p, static_cast<double>(i)) * std::pow(1 - p, static_cast<double>(n - i));
    ways *= static_cast<double>(n - i) / static_cast<double>(i + 1);
  }
  return sum;
}

TEST(Interval, IsWhereTheTailsAreTwoAndAHalfPercentEach) {
  for (std::uint64_t n = 1; n <= 30; ++n) {
    for (std::uint64_t k = 0; k <= n; ++k) {
      const Interval interval = interval_of(k, n);
      EXPECT_LE(interval.lower, static_cast<double>(k) / static_cast<double>(n));
      EXPECT_GE(interval.upper, static_cast<double>(k) / static_cast<double>(n));
      if (k < n) {
        EXPECT_NEAR(at_most(k, n, interval.upper), 0.025, 1e-9) << k << " of " << n;
      }
      if (k > 0) {
        EXPECT_NEAR(1 - at_most(k - 1, n, interval.lower), 0.025, 1e-9) << k << " of " << n;
      }
    }
  }
}

TEST(Interval, IsAsInTables) {
  const Interval interval = interval_of(3, 10);
  EXPECT_NEAR(interval.lower, 0.0667, 5e-5);
  EXPECT_NEAR(interval.upper, 0.6525, 5e-5);
}

TEST(Interval, OfNoneOrAllEndsThere) {
  EXPECT_EQ(interval_of(0, 5).lower, 0);
  EXPECT_NEAR(interval_of(0, 5).upper, 1 - std::pow(0.025, 0.2), 1e-9);
  EXPECT_NEAR(interval_of(5, 5).lower, std::pow(0.025, 0.2), 1e-9);
  EXPECT_EQ(interval_of(5, 5).upper, 1);
}

TEST(Interval, OfNoRunsIsAnything) {
  EXPECT_EQ(interval_of(0, 0).lower, 0);
  EXPECT_EQ(interval_of(0, 0).upper, 1);
  EXPECT_EQ(upper_bound_of(0, 0), 1);
}

TEST(UpperBound, OfWhatWasNeverSeenIsAboutThreeInN) {
  EXPECT_NEAR(upper_bound_of(0, 5), 1 - std::pow(0.05, 0.2), 1e-9);
  EXPECT_NEAR(upper_bound_of(0, 100'000), 3e-5, 1e-7);
  EXPECT_NEAR(at_most(2, 20, upper_bound_of(2, 20)), 0.05, 1e-9);
  EXPECT_EQ(upper_bound_of(5, 5), 1);
}

}  // namespace
}  // namespace cortado::lab
