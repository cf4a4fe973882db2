// The figures of a benchmark: its formulas, its check of messages, and how goals are judged.
#include <array>
#include <numeric>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "bench/figures.hpp"
#include "bench/json.hpp"
#include "bench/memory.hpp"
#include "bench/message.hpp"
#include "bench/standing.hpp"

namespace cortado::bench {
namespace {

TEST(Jain, IsOneIfAllAreAlikeAndOneNthIfOneHasAll) {
  EXPECT_DOUBLE_EQ(jain(std::vector<double>{3, 3, 3, 3}), 1);
  EXPECT_DOUBLE_EQ(jain(std::vector<double>{8, 0, 0, 0}), 0.25);
}

TEST(Jain, OfTwoToOne) {
  EXPECT_DOUBLE_EQ(jain(std::vector<double>{4, 2}), 36.0 / 40.0);
}

TEST(Jain, OfNothingIsOne) {
  EXPECT_DOUBLE_EQ(jain({}), 1);
  EXPECT_DOUBLE_EQ(jain(std::vector<double>{0, 0}), 1);
}

TEST(SharedBytes, CountEachByteOfAFileOnce) {
  std::istringstream maps(
      "7f0000000000-7f0000001000 rw-s 00000000 00:01 77   /memfd:lane (deleted)\n"
      "7f0000001000-7f0000041000 rw-s 00001000 00:01 77   /memfd:lane (deleted)\n"
      "7f0000041000-7f0000081000 rw-s 00001000 00:01 77   /memfd:lane (deleted)\n"
      "7f0000081000-7f0000082000 rw-s 00041000 00:01 77   /memfd:lane (deleted)\n"
      "7f0000082000-7f0000083000 rw-s 00041000 00:01 77   /memfd:lane (deleted)\n"
      "7f0000083000-7f0000093000 r--s 00000000 00:01 78   /memfd:other (deleted)\n"
      "7f0000093000-7f00000a3000 rw-p 00000000 00:00 0\n"
      "55d6d0000000-55d6d0021000 r-xp 00000000 fe:00 77   /usr/bin/program\n");
  EXPECT_EQ(shared_bytes(maps), 0x42000U + 0x10000U);
}

TEST(Percentile, IsTheNearestRank) {
  std::vector<int> samples(1000);
  std::iota(samples.rbegin(), samples.rend(), 1);
  EXPECT_EQ(percentile(std::span(samples), 0.5), 500);
  EXPECT_EQ(percentile(std::span(samples), 0.99), 990);
  EXPECT_EQ(percentile(std::span(samples), 0.999), 999);
  EXPECT_EQ(percentile(std::span(samples), 1), 1000);
  EXPECT_EQ(percentile(std::span(samples), 0), 1);
}

TEST(Percentile, OfOneIsThatOneAndOfNoneIsZero) {
  std::array<int, 1> one{7};
  EXPECT_EQ(percentile(std::span<int>(one), 0.999), 7);
  EXPECT_EQ(percentile(std::span<int>(), 0.5), 0);
}

TEST(Messages, AreRightAsTheyAreWritten) {
  for (const std::size_t bytes : {16U, 24U, 64U, 1024U}) {
    Pen pen(bytes, 2);
    Checker checker(bytes, 3);
    for (int i = 0; i < 300; ++i) checker.look(pen.next());
    EXPECT_EQ(checker.all(), 300U);
    EXPECT_EQ(checker.seen_of(2), 300U);
    EXPECT_EQ(checker.wrong(), 0U) << bytes;
  }
}

TEST(Messages, OfWhichEachByteIsWrongOnceAreFound) {
  constexpr std::size_t kBytes = 64;
  for (std::size_t at = 0; at < kBytes; ++at) {
    Pen pen(kBytes, 0);
    Checker checker(kBytes, 1);
    for (std::size_t i = 0; i < kBytes / kWord; ++i) {
      const auto message = pen.next();
      std::vector<std::byte> changed(message.begin(), message.end());
      changed[at] ^= std::byte{0x10};
      checker.look(changed);
    }
    EXPECT_GT(checker.wrong(), 0U) << at;
  }
}

TEST(Messages, ThatAreMissingDoubledOrTooShortAreFound) {
  Pen pen(16, 0);
  Checker checker(16, 1);
  checker.look(pen.next());
  pen.next();
  checker.look(pen.next());  // one is missing
  EXPECT_EQ(checker.wrong(), 1U);
  const auto third = pen.next();
  checker.look(third);
  checker.look(third);  // twice
  EXPECT_EQ(checker.wrong(), 2U);
  checker.look(third.first(8));
  EXPECT_EQ(checker.wrong(), 3U);
}

TEST(Messages, OfAWriterThatThereIsNotAreFound) {
  Pen pen(16, 1);
  Checker checker(16, 1);
  checker.look(pen.next());
  EXPECT_EQ(checker.wrong(), 1U);
}

// Goals.

constexpr Contestant kUs{"cortado", "", Role::cortado};
constexpr Contestant kSlow{"pipe", "", Role::peer};
constexpr Contestant kFast{"ring-per-writer", "", Role::peer};
constexpr Contestant kStream{"raw-stream", "", Role::limit};
constexpr Point kShort{Kind::throughput, 16, 1, Waiting::polling};

Entry entry_of(const Contestant& contestant, const std::vector<double>& ns) {
  Entry entry{kShort, &contestant, {}, {}};
  for (const double each : ns) {
    Figures figures;
    figures.ns_per_message = each;
    entry.runs.push_back(each > 0 ? std::optional(figures) : std::nullopt);
  }
  return entry;
}

TEST(Standing, IsTheMedianOfTheRatiosOfEachRepetition) {
  // A machine that is ten times slower in the second repetition harms both alike.
  const Outcome outcome{{entry_of(kUs, {10, 100, 12}), entry_of(kSlow, {500, 500, 500}),
                         entry_of(kFast, {20, 200, 30}), entry_of(kStream, {5, 50, 6})}};
  const auto goals = standing_of(outcome);
  ASSERT_EQ(goals.size(), 2U);
  EXPECT_EQ(goals[0].against, "ring-per-writer");
  ASSERT_TRUE(goals[0].figure);
  EXPECT_DOUBLE_EQ(goals[0].figure->median, 2);
  EXPECT_DOUBLE_EQ(goals[0].figure->highest, 2.5);
  EXPECT_TRUE(goals[0].is_reached());
  EXPECT_EQ(goals[1].against, "raw-stream");
  EXPECT_DOUBLE_EQ(goals[1].figure->median, 2);
  EXPECT_FALSE(goals[1].is_reached());  // at most 1.5
}

Entry entry_at(const Contestant& contestant, const std::vector<double>& ns,
               const std::vector<double>& bounces) {
  Entry entry = entry_of(contestant, ns);
  for (std::size_t i = 0; i < bounces.size(); ++i) entry.runs[i]->bounce_ns = bounces[i];
  return entry;
}

TEST(Standing, ComparesRunsBeforeWhichACacheLineTookAsLong) {
  const Outcome outcome{{entry_at(kUs, {10, 10, 40, 40}, {90, 90, 400, 400}),
                         entry_at(kFast, {20, 20, 20, 160}, {80, 100, 90, 420})}};
  const auto goals = standing_of(outcome);
  ASSERT_TRUE(goals[0].figure);
  EXPECT_DOUBLE_EQ(goals[0].figure->lowest, 2) << "not 20 to 40";
  EXPECT_DOUBLE_EQ(goals[0].figure->highest, 4);
  EXPECT_EQ(goals[0].left_out, 1U);
  EXPECT_EQ(goals[0].unlike, 0U);
}

TEST(Standing, ComparesAllIfThreeAreNotAlikeAndSaysHowManyAreNot) {
  const Outcome outcome{
      {entry_at(kUs, {10, 10, 10}, {90, 90, 90}), entry_at(kFast, {20, 160, 20}, {90, 400, 90})}};
  const auto goals = standing_of(outcome);
  ASSERT_TRUE(goals[0].figure);
  EXPECT_DOUBLE_EQ(goals[0].figure->highest, 16);
  EXPECT_EQ(goals[0].left_out, 0U);
  EXPECT_EQ(goals[0].unlike, 1U);
}

TEST(Standing, LeavesOutRepetitionsInWhichOneFailed) {
  const Outcome outcome{{entry_of(kUs, {10, 0, 10}), entry_of(kFast, {20, 20, 0})}};
  const auto goals = standing_of(outcome);
  ASSERT_TRUE(goals[0].figure);
  EXPECT_DOUBLE_EQ(goals[0].figure->highest, 2);
  EXPECT_FALSE(goals[1].figure) << "nobody was there to be compared with";
  EXPECT_FALSE(goals[1].is_reached());
}

TEST(Standing, OfNobodyIsNothing) {
  EXPECT_TRUE(standing_of({{entry_of(kFast, {20})}}).empty());
}

TEST(Json, HasEachRunAndWhyOneFailed) {
  Plan plan;
  plan.contestants = {&kUs};
  Outcome outcome{{entry_of(kUs, {10, 0})}};
  outcome.entries[0].error = "it hung";
  outcome.entries[0].runs[0]->validated = 5;
  const auto json = to_json(plan, outcome);
  const auto& entry = json["entries"][0];
  EXPECT_EQ(entry["validated"], 5);
  EXPECT_EQ(entry["error"], "it hung");
  EXPECT_EQ(entry["runs"][0]["per_second"], 1e8);
  EXPECT_TRUE(entry["runs"][1].is_null());
  EXPECT_EQ(json["contestants"][0]["skipped"], nullptr);
}

}  // namespace
}  // namespace cortado::bench
