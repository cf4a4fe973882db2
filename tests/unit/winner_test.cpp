// Who is fastest, where one can tell; and which points there are to tell it from.
#include "lab/winner.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "lab/design.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;

Point point_of(const modes::Mode& mode, const std::vector<double>& rates) {
  Point point;
  point.mode = &mode;
  point.writers = 2;
  point.payload = 16;
  for (const double rate : rates) {
    RunResult run;
    run.throughput_per_s = rate;
    run.ledger.sent = run.ledger.applied = 10;
    point.runs.push_back(run);
  }
  settle(point);
  return point;
}

const std::vector<double> kSlow{10, 11, 9, 10, 10};
const std::vector<double> kFast{30, 31, 29, 30, 30};
const std::vector<double> kBetween{20, 10, 40, 30, 25};

const modes::Mode* winner_of(const std::vector<Point>& points) {
  const auto winners = winners_of(points);
  if (winners.size() != 1) {
    ADD_FAILURE() << winners.size() << " winners";
    return nullptr;
  }
  return winners[0].mode;
}

TEST(Winner, IsWhoseIntervalIsAboveAllOthers) {
  EXPECT_EQ(winner_of({point_of(modes::kThreadMutex, kSlow), point_of(modes::kProcessRing, kFast),
                       point_of(modes::kThreadRing, kSlow)}),
            &modes::kProcessRing);
}

TEST(Winner, IsNobodyWhereIntervalsOverlap) {
  EXPECT_EQ(
      winner_of({point_of(modes::kThreadMutex, kBetween), point_of(modes::kProcessRing, kFast)}),
      nullptr);
}

TEST(Winner, IsNobodyBelowFiveRepetitions) {
  EXPECT_EQ(winner_of({point_of(modes::kThreadMutex, {1, 1, 1, 1}),
                       point_of(modes::kProcessRing, {9, 9, 9, 9})}),
            nullptr);
}

TEST(Winner, IsNoRaceAndNotTheCeiling) {
  EXPECT_EQ(winner_of({point_of(modes::kThreadMutex, kSlow), point_of(modes::kThreadRace, kFast),
                       point_of(modes::kThreadAlone, kFast),
                       point_of(modes::kProcessMutex, {1, 1, 1, 1, 1})}),
            &modes::kThreadMutex);
  EXPECT_TRUE(
      winners_of({point_of(modes::kThreadMutex, kSlow), point_of(modes::kThreadAlone, kFast)})
          .empty())
      << "there is nobody to choose from";
}

TEST(Winner, HasCleanRunsOnly) {
  Point torn = point_of(modes::kProcessRing, kFast);
  torn.runs[1].ledger.torn = 1;
  EXPECT_EQ(winner_of({point_of(modes::kThreadMutex, kSlow), torn}), nullptr);
}

bool has_ceiling(const std::vector<Cell>& cells, const Cell& of) {
  return std::any_of(cells.begin(), cells.end(), [&of](const Cell& cell) {
    return modes::known_modes()[cell.mode] == &modes::kThreadAlone && cell.hold == of.hold &&
           cell.payload == of.payload;
  });
}

TEST(Design, OfEveryKindHasTheCeilingAndNothingTwice) {
  for (const std::uint32_t processors : {1U, 2U, 4U, 64U}) {
    for (const auto& cells : {tour(processors), quick_tour(processors)}) {
      for (std::size_t i = 0; i < cells.size(); ++i) {
        EXPECT_TRUE(has_ceiling(cells, cells[i]));
        EXPECT_EQ(std::count(cells.begin(), cells.end(), cells[i]), 1) << i;
        Cell closed = cells[i];
        closed.load = 0;
        EXPECT_EQ(std::count(cells.begin(), cells.end(), closed), 1) << "its capacity is measured";
      }
    }
  }
}

TEST(Design, OfATourHasEveryAmountOfWorkAndEveryLoad) {
  std::set<std::chrono::nanoseconds> holds;
  std::set<double> loads;
  for (const Cell& cell : tour(2)) {
    holds.insert(cell.hold);
    loads.insert(cell.load);
  }
  EXPECT_EQ(holds, (std::set<std::chrono::nanoseconds>{0ns, 5ns, 30ns, 100ns, 1us, 10us, 100us}));
  EXPECT_EQ(loads, (std::set<double>{0, 0.5, 0.8, 0.95, 1.1}));
}

TEST(Design, OfATourFitsItsTimeOnTwoProcessors) {
  const auto all = [](const std::vector<Cell>& cells, std::chrono::nanoseconds budget) {
    const auto runs = static_cast<std::int64_t>(cells.size() * 5);
    return (time_for(static_cast<std::uint64_t>(runs), budget) + kAround) * runs;
  };
  EXPECT_LE(all(tour(2), 165s), 166s);
  EXPECT_LE(all(quick_tour(2), 16s), 17s);
  EXPECT_EQ(time_for(1, 1h), 1s);
  EXPECT_EQ(time_for(1'000'000, 1s), 50ms);
}

}  // namespace
}  // namespace cortado::lab
