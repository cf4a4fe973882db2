// Latencies in buckets: which value is counted where, and what the parts of all are.
#include "lab/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "lab/json.hpp"
#include "lab/results.hpp"

namespace cortado::lab {
namespace {

using modes::kLatencyBuckets;
using modes::LatencyBuckets;
using modes::LatencyCounts;

TEST(Buckets, CountEachValueInOneOfThem) {
  for (std::size_t bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    const std::uint64_t lowest = LatencyBuckets::lowest_of(bucket);
    const std::uint64_t next = LatencyBuckets::lowest_of(bucket + 1);
    ASSERT_LT(lowest, next);
    ASSERT_EQ(LatencyBuckets::bucket_of(lowest), bucket);
    ASSERT_EQ(LatencyBuckets::bucket_of(next - 1), bucket);
    ASSERT_TRUE(next - lowest == 1 || (next - lowest) * LatencyBuckets::kPerDoubling <= lowest);
  }
  EXPECT_EQ(LatencyBuckets::lowest_of(0), 0U);
  EXPECT_EQ(LatencyBuckets::lowest_of(kLatencyBuckets), LatencyBuckets::kLongest + 1);
}

TEST(Buckets, CountWhatIsLongerThanTheLongestInTheLast) {
  EXPECT_EQ(LatencyBuckets::bucket_of(UINT64_MAX), kLatencyBuckets - 1);
  const auto counts = std::make_unique<LatencyCounts>();
  counts->add(UINT64_MAX - 1);
  Histogram histogram;
  histogram.add(*counts);
  EXPECT_EQ(histogram.longest(), UINT64_MAX - 1);
  EXPECT_EQ(histogram.at(0.5), UINT64_MAX - 1);
}

TEST(Histograms, OfNothingAreZero) {
  const Histogram none;
  EXPECT_EQ(none.samples(), 0U);
  EXPECT_EQ(none.at(0.5), 0U);
  EXPECT_EQ(none.longest(), 0U);
}

/// Values of all sizes, each as likely.
std::vector<std::uint64_t> some_values(std::mt19937_64& random, std::size_t count) {
  std::vector<std::uint64_t> values(count);
  for (auto& value : values) value = random() >> (25 + random() % 39);
  return values;
}

TEST(Histograms, TellThePartsOfAllAlmostExactly) {
  const auto seed = static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("random_seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const std::size_t count : {1U, 2U, 99U, 1000U, 20'000U}) {
    auto values = some_values(random, count);
    const auto counts = std::make_unique<LatencyCounts>();
    for (const std::uint64_t value : values) counts->add(value);
    Histogram histogram;
    histogram.add(*counts);
    std::sort(values.begin(), values.end());
    ASSERT_EQ(histogram.samples(), count);
    ASSERT_EQ(histogram.longest(), values.back());
    for (const double part : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(count)));
      const std::uint64_t value = values[std::max<std::size_t>(rank, 1) - 1];
      ASSERT_GE(histogram.at(part), value) << part;
      ASSERT_LE(histogram.at(part), value + value / LatencyBuckets::kPerDoubling) << part;
    }
  }
}

TEST(Histograms, AddedUpAreTheHistogramOfAll) {
  std::mt19937_64 random(7);
  const auto all = std::make_unique<LatencyCounts>();
  Histogram merged;
  for (int part = 0; part < 4; ++part) {
    const auto counts = std::make_unique<LatencyCounts>();
    for (const std::uint64_t value : some_values(random, 500)) {
      counts->add(value);
      all->add(value);
    }
    Histogram one;
    one.add(*counts);
    merged.add(one);
  }
  Histogram whole;
  whole.add(*all);
  EXPECT_EQ(merged.counts(), whole.counts());
  EXPECT_EQ(merged.samples(), 2000U);
  EXPECT_EQ(merged.longest(), whole.longest());
}

TEST(Histograms, AreTheSameWhenReadBack) {
  std::mt19937_64 random(8);
  Histogram histogram;
  for (const std::uint64_t value : some_values(random, 500)) histogram.add(value, 3);
  const Histogram back = histogram_from(Json::parse(text_of(to_json(histogram))));
  EXPECT_EQ(back.counts(), histogram.counts());
  EXPECT_EQ(back.samples(), histogram.samples());
  EXPECT_EQ(back.longest(), histogram.longest());
  for (const double part : {0.5, 0.99, 0.999}) EXPECT_EQ(back.at(part), histogram.at(part));
}

}  // namespace
}  // namespace cortado::lab
