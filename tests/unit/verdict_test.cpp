// The verdict on "no mutexes: they have poor performance at high load", from data of every kind.
#include "lab/verdict.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cortado::lab {
namespace {

using Rates = std::vector<double>;

constexpr std::uint32_t kCores = 2;

StoredPoint point_of(const char* mode, std::uint32_t writers, std::uint64_t hold,
                     const Rates& rates) {
  StoredPoint point;
  point.mode = mode;
  point.writers = writers;
  point.hold_ns = hold;
  point.payload = 16;
  for (const double rate : rates) {
    StoredRun run;
    run.is_finished = run.is_clean = true;
    run.throughput_per_s = rate;
    point.runs.push_back(run);
  }
  return point;
}

/// Points in which messages do `ratio` times what the lock does, more or less.
struct Data {
  std::vector<StoredPoint> points;

  Data& with(std::uint32_t writers, std::uint64_t hold, const Rates& messages, const Rates& lock) {
    points.push_back(point_of("thread-mutex", writers, hold, lock));
    points.push_back(point_of("process-ring", writers, hold, messages));
    return *this;
  }
  Verdict verdict() const { return verdict_on(points, kCores); }
  Verdict swapped() const {
    auto other = points;
    for (StoredPoint& point : other) {
      point.mode = point.mode == "thread-mutex" ? "process-ring" : "thread-mutex";
    }
    return verdict_on(other, kCores);
  }
};

const Rates kSlow{10, 11, 9, 10, 10.5};
const Rates kFast{30, 31, 29, 28, 33};
const Rates kWild{3, 90, 8, 10, 31};

TEST(Verdict, SupportsWhereMessagesAreAheadAndRefutesWhenTheColumnsAreSwapped) {
  const auto data = Data().with(2, 0, kFast, kSlow).with(8, 1000, kFast, kSlow);
  const Verdict verdict = data.verdict();
  EXPECT_EQ(verdict.finding, Finding::supported) << verdict.sentence();
  EXPECT_EQ(verdict.repetitions, 5U);
  EXPECT_NEAR(verdict.ratio, 3, 0.3);
  EXPECT_NE(
      verdict.sentence().find("is supported here; with 2 to 8 writers on 2 cores, up to 1 us"),
      std::string::npos)
      << verdict.sentence();
  EXPECT_NE(verdict.sentence().find("n = 5"), std::string::npos);

  const Verdict swapped = data.swapped();
  EXPECT_EQ(swapped.finding, Finding::refuted) << swapped.sentence();
  EXPECT_DOUBLE_EQ(swapped.ratio, 1 / verdict.ratio);
  EXPECT_NEAR(swapped.interval->lower, 1 / verdict.interval->upper, 1e-12);
  EXPECT_NEAR(swapped.interval->upper, 1 / verdict.interval->lower, 1e-12);
}

TEST(Verdict, RefutesWhereTheLockKeepsUp) {
  const auto data = Data().with(2, 0, kSlow, kSlow).with(4, 0, kSlow, kSlow);
  EXPECT_EQ(data.verdict().finding, Finding::refuted) << data.verdict().sentence();
  EXPECT_EQ(data.swapped().finding, Finding::refuted) << "none is poor, whichever way round";
}

TEST(Verdict, IsInconclusiveWhereRepetitionsDisagree) {
  const auto data = Data().with(2, 0, kWild, kSlow);
  EXPECT_EQ(data.verdict().finding, Finding::inconclusive);
  EXPECT_EQ(data.swapped().finding, Finding::inconclusive);
  EXPECT_NE(data.verdict().sentence().find("the interval holds both"), std::string::npos);
}

TEST(Verdict, IsInconclusiveWherePointsContradictEachOther) {
  const auto data =
      Data().with(2, 0, kFast, kSlow).with(4, 0, kFast, kSlow).with(4, 30, kSlow, kFast);
  EXPECT_EQ(data.verdict().finding, Finding::inconclusive);
  EXPECT_NE(data.verdict().reason.find("the lock with 4 writers and 30 ns"), std::string::npos)
      << data.verdict().reason;
}

TEST(Verdict, CountsHighLoadOnly) {
  // One writer, or long work, may say what they like.
  auto data =
      Data().with(2, 0, kFast, kSlow).with(1, 0, kSlow, kFast).with(8, 10'000, kSlow, kFast);
  EXPECT_EQ(data.verdict().finding, Finding::supported);
  const auto cells = data.verdict().cells;
  EXPECT_EQ(std::count_if(cells.begin(), cells.end(), [](const auto& cell) { return cell.counts; }),
            1);
  EXPECT_EQ(cells.size(), 3U);
  EXPECT_EQ(Data().with(1, 0, kFast, kSlow).verdict().finding, Finding::inconclusive);
  EXPECT_EQ(Data().verdict().finding, Finding::inconclusive);
}

TEST(Verdict, LeavesOutWhatIsOtherwise) {
  auto data = Data().with(2, 0, kFast, kSlow).with(2, 0, kSlow, kFast).with(4, 0, kSlow, kFast);
  for (std::size_t i = 2; i < 4; ++i) data.points[i].load = 0.5;
  for (std::size_t i = 4; i < 6; ++i) data.points[i].payload = 4096;
  EXPECT_EQ(data.verdict().finding, Finding::supported);
  EXPECT_EQ(data.verdict().cells.size(), 1U);
}

TEST(Verdict, NeedsFiveRepetitionsWithAllOfTheirRuns) {
  auto data = Data().with(2, 0, kFast, kSlow).with(4, 0, kFast, kSlow);
  data.points[1].runs[2].is_finished = false;
  const Verdict verdict = data.verdict();
  EXPECT_EQ(verdict.finding, Finding::inconclusive);
  EXPECT_EQ(verdict.repetitions, 4U);
  EXPECT_NE(verdict.reason.find("5 repetitions"), std::string::npos);
}

TEST(Verdict, TakesNoRateOfARunThatLostOrders) {
  auto data = Data().with(2, 0, kFast, kSlow);
  data.points[0].runs[0].is_clean = false;
  EXPECT_EQ(data.verdict().finding, Finding::inconclusive);
  EXPECT_NE(data.verdict().reason.find("lost"), std::string::npos);
}

TEST(Verdict, TellsWhereTheCrossoverLies) {
  const auto data = Data()
                        .with(2, 0, kFast, kSlow)
                        .with(2, 30, kFast, kSlow)
                        .with(2, 1000, kSlow, kSlow)
                        .with(2, 10'000, kSlow, kFast)
                        .with(1, 0, kSlow, kFast);
  const auto lines = data.verdict().crossovers();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "1 writer: lock ahead with no work");
  EXPECT_EQ(lines[1],
            "2 writers: messages ahead with no work to 30 ns, neither ahead with 1 us, lock ahead "
            "with 10 us");
}

}  // namespace
}  // namespace cortado::lab
