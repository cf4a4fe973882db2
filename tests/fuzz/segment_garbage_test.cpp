// A segment whose every byte is garbage: its owner hands over what could be a message, and
// quarantines the rest. The judge is the one of the fuzz target `drain`; here no byte is left as it
// was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "bench.hpp"
#include "drain_judge.hpp"

namespace cortado::test {
namespace {

using fuzz::Bench;

constexpr unsigned kWatchdogSeconds = 280;
constexpr std::uint64_t kSegments = 20'000;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

void fill(const fuzz::Area& area, fuzz::Random& random) {
  for (std::uint64_t at = 0; at < fuzz::kAreaBytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(area.memory + at, &word, sizeof word);
  }
}

TEST(SegmentGarbage, is_handed_over_where_it_could_be_a_message_and_else_quarantined) {
  Fault fault("segment-garbage");
  alarm(kWatchdogSeconds);
  const std::uint64_t seed = number_from("CORTADO_SEED", std::random_device{}());
  std::cout << "CORTADO_SEED=" << seed << '\n';
  fuzz::Random random(seed);
  Bench bench(Bench::kKept);
  std::uint64_t handled = 0, condemned = 0;
  const std::uint64_t segments = kSegments * number_from("CORTADO_ROUNDS", 1);
  for (std::uint64_t i = 0; i < segments; ++i) {
    const lane::Applied start{fuzz::edge(random) & ~std::uint64_t{7}, fuzz::edge(random)};
    bench.begin(start, random.one_in(2));
    for (const unsigned area : {Bench::kControl, Bench::kThere, Bench::kBack}) {
      fill(bench.area(area), random);
    }
    // Half of the rings hold nothing but commit words, each of which could be the next record's.
    if (random.one_in(2)) {
      bench.schedule.fill(bench.area(Bench::kThere), random() | 2, start.position, start.sequence);
    }
    fuzz::Habits habits;
    habits.replies = static_cast<std::uint32_t>(random());
    habits.drains = 3;
    habits.limit = 47;
    fuzz::DrainJudge judge(bench, habits);
    judge.drain();
    handled += judge.handled();
    condemned += bench.lane().condemned ? 1 : 0;
    bench.schedule.clear();
    fault.fired();
  }
  std::cout << segments << " segments: " << condemned << " quarantined, " << handled
            << " messages handed over before\n";
  EXPECT_GT(handled, segments) << "hardly anything passed the first check";
  EXPECT_GT(condemned, segments / 4);
  alarm(0);
}

}  // namespace
}  // namespace cortado::test
