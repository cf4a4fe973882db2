// A soak: for minutes, owners and writers are killed, stopped and started at random, and nothing is
// lost, doubled, torn or left behind. CORTADO_SOAK_SECONDS: how long, for all scenes together.
#include <chrono>
#include <cstdlib>
#include <string>

#include "../support/fault.hpp"
#include "scene.hpp"

namespace {

using namespace soak;
using namespace std::chrono_literals;
using cortado::test::Fault;

/// The watchdog of every wait.
constexpr auto kPatience = 20s;

std::chrono::milliseconds share_of_soak(int percent) {
  const char* given = std::getenv("CORTADO_SOAK_SECONDS");
  const long seconds = given != nullptr ? std::strtol(given, nullptr, 10) : 120;
  return std::chrono::milliseconds(seconds * 10 * percent);
}

void expect_nothing_wrong(const Scene& scene, const Crew& crew) {
  std::string why;
  EXPECT_TRUE(scene.judge->good(why)) << why;
  EXPECT_EQ(scene.leaks, "");
  EXPECT_GT(scene.judge->verdict().messages, 0U);
  // Each owner that dies can take one answer along: the one that waited for the commit.
  EXPECT_LE(scene.files.control->excused.load(), crew.deaths(true));
}

TEST(Soak, under_a_keeper_loses_doubles_tears_and_leaks_nothing_whoever_is_killed) {
  Fault killed("owner-and-writers-killed");
  Fault all("everybody-killed-and-restarted");
  Fault writer_stopped("writer-stopped");
  Fault owner_stopped("owner-stopped");
  Scene scene(process_test::seed(), true, kPatience);
  KeptCrew crew(scene.directory());
  scene.run(crew, share_of_soak(60), true);
  scene.end(crew);
  scene.tell("under a keeper", crew);
  expect_nothing_wrong(scene, crew);
  EXPECT_EQ(scene.judge->verdict().excepted, 0U);
  killed.fired(scene.nemesis->together());
  all.fired(scene.nemesis->everybody());
  writer_stopped.fired(scene.nemesis->writer_stops());
  owner_stopped.fired(scene.nemesis->owner_stops());
}

TEST(Soak, without_a_keeper_loses_nothing_but_what_a_dead_writer_had_not_handed_over) {
  Fault killed("owner-killed-alone");
  Fault all("everybody-killed-and-restarted");
  Fault writer_stopped("writer-stopped");
  Fault owner_stopped("owner-stopped");
  Scene scene(process_test::seed(), false, kPatience);
  LooseCrew crew(scene.directory(), {"plain", "manual", "plain"});
  scene.run(crew, share_of_soak(40), false);
  scene.end(crew);
  scene.tell("without a keeper", crew);
  expect_nothing_wrong(scene, crew);
  killed.fired(crew.deaths(true));
  all.fired(scene.nemesis->everybody());
  writer_stopped.fired(scene.nemesis->writer_stops());
  owner_stopped.fired(scene.nemesis->owner_stops());
}

}  // namespace
