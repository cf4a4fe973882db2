// Figures of several runs: median and spread, ratios, the advice on them, and text for JSON.
#include "lab/summary.hpp"

#include <gtest/gtest.h>

#include "lab/compare.hpp"
#include "lab/escape.hpp"
#include "lab/json.hpp"
#include "lab/pace.hpp"
#include "lab/sampling.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;

TEST(Summary, IsOfTheValuesInAnyOrder) {
  EXPECT_EQ(summarize({3, 1, 2}), (Summary{2, 1, 3}));
  EXPECT_EQ(summarize({5}), (Summary{5, 5, 5}));
}

TEST(Summary, OfAnEvenNumberHasItsMedianBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(summarize({10, 1, 4, 2}), (Summary{3, 1, 10}));
}

TEST(Summary, OfNothingIsZeroAndHasNoSpread) {
  EXPECT_EQ(summarize({}), Summary{});
  EXPECT_EQ(summarize({}).spread(), 0);
  EXPECT_EQ(summarize({2, 4, 6}).spread(), 1);
}

RunResult run_of(double rate, std::chrono::nanoseconds wall = 1s) {
  RunResult run;
  run.throughput_per_s = rate;
  run.wall_ns = static_cast<std::uint64_t>(wall.count());
  run.ledger.sent = run.ledger.applied = 10;
  return run;
}

Point point_of(const modes::Mode& mode, std::uint32_t writers, std::vector<RunResult> runs) {
  Point point;
  point.mode = &mode;
  point.writers = writers;
  point.runs = std::move(runs);
  settle(point);
  return point;
}

TEST(Comparison, ARunThatHungGivesNoRateAndNoCleanPoint) {
  RunResult hung = run_of(1);
  hung.outcome = Outcome::hung;
  const Point point = point_of(modes::kThreadMutex, 2, {run_of(5), hung, run_of(7)});
  EXPECT_EQ(point.per_second, (Summary{6, 5, 7}));
  EXPECT_EQ(point.unfinished, 1U);
  EXPECT_FALSE(point.is_clean());
}

TEST(Comparison, HasTheMostOfEachKindAndTheSum) {
  RunResult first = run_of(1);
  first.ledger.lost = 3;
  RunResult second = run_of(1);
  second.ledger.torn = 2;
  second.ledger.lost = 1;
  const Point point = point_of(modes::kThreadRace, 2, {first, second});
  EXPECT_EQ(point.worst.lost, 3U);
  EXPECT_EQ(point.worst.torn, 2U);
  EXPECT_EQ(point.sum.lost, 4U);
  EXPECT_EQ(point.sum.sent, 20U);
}

TEST(Comparison, ARatioIsTakenInEachRepetition) {
  // The median of the rates would be 20 / 20.
  std::vector<Point> points{point_of(modes::kThreadMutex, 2, {run_of(10), run_of(20), run_of(40)}),
                            point_of(modes::kThreadRing, 2, {run_of(30), run_of(20), run_of(10)}),
                            point_of(modes::kThreadRing, 4, {run_of(30)})};
  relate(points);
  EXPECT_EQ(points[1].to_thread_mutex, (Summary{1, 0.25, 3}));
  EXPECT_EQ(points[0].to_thread_mutex, (Summary{1, 1, 1}));
  EXPECT_FALSE(points[2].to_thread_mutex.has_value());
}

TEST(Comparison, ARatioNeedsTwoRunsThatFinished) {
  RunResult died = run_of(10);
  died.outcome = Outcome::host_died;
  std::vector<Point> points{point_of(modes::kThreadMutex, 2, {died, run_of(10)}),
                            point_of(modes::kProcessRing, 2, {run_of(90), run_of(20)})};
  relate(points);
  EXPECT_EQ(points[1].to_thread_mutex, (Summary{2, 2, 2}));
}

std::string advice_about(const std::vector<Point>& points, const std::string& kind) {
  for (const std::string& line : advice_on(points, 2)) {
    if (line.starts_with(kind)) return line;
  }
  return {};
}

TEST(Advice, IsSilentWhereThereIsNothingToSay) {
  EXPECT_TRUE(advice_on({point_of(modes::kThreadMutex, 2, {run_of(10), run_of(11)})}, 2).empty());
}

TEST(Advice, TellsWhatToDoAboutWhatIsShortOrNoisyOrCrowded) {
  Point point = point_of(modes::kThreadRing, 2, {run_of(10, 10ms), run_of(20, 1s)});
  EXPECT_NE(advice_about({point}, "too short").find("--time"), std::string::npos);
  EXPECT_NE(advice_about({point}, "noisy").find("66.7 %"), std::string::npos);
  EXPECT_EQ(advice_about({point}, "oversubscribed"), "");
  point.is_oversubscribed = true;
  EXPECT_NE(advice_about({point}, "oversubscribed").find("2 processors"), std::string::npos);
}

TEST(Advice, NamesAPointThatHungOrDied) {
  RunResult run = run_of(10);
  run.outcome = Outcome::hung;
  EXPECT_NE(advice_about({point_of(modes::kProcessMutex, 3, {run})}, "hung")
                .find("process-mutex with 3 writers"),
            std::string::npos);
  run.outcome = Outcome::host_died;
  EXPECT_NE(advice_about({point_of(modes::kThreadMutex, 3, {run})}, "died"), "");
}

TEST(Advice, NamesAPointThatLostAWriter) {
  RunResult run = run_of(10);
  run.writers.resize(2);
  run.writers[0].has_ended = run.writers[1].has_ended = true;
  EXPECT_TRUE(point_of(modes::kProcessRing, 2, {run}).is_clean());
  run.writers[1].signal = 9;
  Point point = point_of(modes::kProcessRing, 2, {run});
  point.hold = 100ms;
  EXPECT_FALSE(point.is_clean());
  EXPECT_NE(advice_about({point}, "incomplete")
                .find("process-ring with 2 writers and 100 ms of work, in 1 of 1 run"),
            std::string::npos);
}

TEST(Advice, CountsWhatHungAndWhatDiedForItself) {
  RunResult hung = run_of(10);
  hung.outcome = Outcome::hung;
  RunResult died = run_of(10);
  died.outcome = Outcome::host_died;
  const Point point = point_of(modes::kProcessMutex, 3, {hung, died, hung});
  EXPECT_NE(advice_about({point}, "hung").find("2 of 3 runs"), std::string::npos);
  EXPECT_NE(advice_about({point}, "died").find("1 of 3 runs"), std::string::npos);
}

TEST(Wording, NeverClaimsCertaintyByRounding) {
  EXPECT_EQ(percent(0), "0.0 %");
  EXPECT_EQ(percent(1), "100.0 %");
  EXPECT_EQ(percent(0.451), "45.1 %");
  EXPECT_EQ(percent(1.5), "150.0 %");
  EXPECT_EQ(percent(2.9957e-5), "0.0030 %");
  EXPECT_EQ(percent(1 - 2.9957e-5), "99.9970 %");
}

TEST(Wording, OfChosenTimesAndCounts) {
  EXPECT_EQ(plain_time(1.5e3), "1.5 us");
  EXPECT_EQ(plain_time(1e8), "100 ms");
  EXPECT_EQ(plain_time(200), "200 ns");
  EXPECT_EQ(counted(1, "writer"), "1 writer");
  EXPECT_EQ(counted(0, "writer"), "0 writers");
}

TEST(Sampling, SpansTheRun) {
  modes::Workload workload;
  workload.writers = 4;
  EXPECT_EQ(sample_shift_of(workload, 1s), 10U);
  workload.hold_ns = 1'000'000;
  EXPECT_EQ(sample_shift_of(workload, 1s), 0U);
  EXPECT_EQ(sample_shift_of(workload, 100s), 5U);  // 25,000 orders of each writer
  workload.letter_delay_ns = 1'000'000;            // and 16 letters
  EXPECT_EQ(sample_shift_of(workload, 100s), 1U);
  EXPECT_LE(sample_shift_of(workload, 87600h), 40U);
  workload.orders = 4 * 4096;
  EXPECT_EQ(sample_shift_of(workload, 0s), 2U);
}

TEST(Runners, AreTheWritersAndAnOwnerWhereThereIsOne) {
  EXPECT_EQ(runners(modes::kThreadMutex, 4), 4U);
  EXPECT_EQ(runners(modes::kProcessRing, 4), 5U);
  EXPECT_EQ(runners(modes::kThreadAlone, 4), 1U);
}

TEST(Pace, KnowsNothingUntilSomethingIsKnown) {
  Pace pace(3, 0s);
  EXPECT_FALSE(pace.left().has_value());
  pace.one_is_done();
  EXPECT_TRUE(pace.left().has_value());
}

TEST(Pace, NeverTakesOffWhatHasNotBegun) {
  const Pace pace(4, 1h);
  EXPECT_LE(*pace.left(), 4h);
  EXPECT_GE(*pace.left(), 3h);
}

TEST(Pace, OfCenturiesIsAsLongAsCanBeTold) {
  EXPECT_EQ(*Pace(10'000, 87600h).left(), std::chrono::nanoseconds::max());
}

TEST(Escaped, LeavesTextAsItIs) {
  EXPECT_EQ(escaped("Mocha with Milk"), "Mocha with Milk");
  EXPECT_EQ(escaped("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\xb5"),
            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8d\xb5");
}

TEST(Escaped, ShowsWhatIsNoTextByteByByte) {
  EXPECT_EQ(escaped({"a\0b\n", 4}), "a\\x00b\\x0a");
  EXPECT_EQ(escaped("\\x00"), "\\\\x00");
  EXPECT_EQ(escaped("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escaped("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond the last one
}

TEST(Escaped, IsWhatJsonTakes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_NO_THROW(Json(escaped(all)).dump());
}

}  // namespace
}  // namespace cortado::lab
