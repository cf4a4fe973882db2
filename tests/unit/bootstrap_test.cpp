// The interval of a median: what it is, and that it is right about as often as it says.
#include "lab/bootstrap.hpp"

#include <random>

#include <gtest/gtest.h>

namespace cortado::lab {
namespace {

TEST(MedianInterval, NeedsFiveValues) {
  EXPECT_FALSE(median_interval({1, 2, 3, 4}));
  EXPECT_EQ(median_interval({5, 1, 3, 2, 4}), (Bounds{1, 5})) << "of five, from end to end";
}

TEST(MedianInterval, OfTheSameValueIsThatValue) {
  EXPECT_EQ(median_interval(std::vector<double>(9, 3.5)), (Bounds{3.5, 3.5}));
}

TEST(MedianInterval, IsTheSameForTheSameSeed) {
  const std::vector<double> values{9, 1, 8, 2, 7, 3, 6, 4, 5, 11, 10};
  EXPECT_EQ(median_interval(values, 3), median_interval(values, 3));
  const auto bounds = median_interval(values, 3);
  EXPECT_LE(bounds->lower, median_of(values));
  EXPECT_GE(bounds->upper, median_of(values));
  EXPECT_GT(bounds->lower, 1) << "narrower than all values";
  EXPECT_LT(bounds->upper, 11);
}

TEST(MedianInterval, OfMirroredValuesIsMirrored) {
  const std::vector<double> values{1, 2, 4, 8, 16, 32, 64};
  std::vector<double> mirrored;
  for (const double value : values) mirrored.push_back(-value);
  const auto bounds = median_interval(values);
  EXPECT_EQ(median_interval(mirrored), (Bounds{-bounds->upper, -bounds->lower}));
}

TEST(MedianInterval, HoldsTheTrueMedianAboutAsOftenAsItSays) {
  constexpr int kTries = 400;
  std::mt19937_64 random(20);  // the same on every machine, and so is what comes out
  int held = 0;
  for (int i = 0; i < kTries; ++i) {
    std::vector<double> values(15);
    for (double& value : values) value = static_cast<double>(random() >> 11U) * 0x1p-53;
    const auto bounds = median_interval(values);
    held += bounds->lower <= 0.5 && bounds->upper >= 0.5 ? 1 : 0;
  }
  EXPECT_GT(held, kTries * 90 / 100);
  EXPECT_LT(held, kTries) << "so wide that it says nothing";
}

}  // namespace
}  // namespace cortado::lab
