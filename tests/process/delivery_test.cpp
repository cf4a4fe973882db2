// Real processes: what writers send arrives whole, once, in order, whoever is killed. Judged from
// files only (judge.cpp), never from the queue's own counters.
#include <string>

#include "../support/fault.hpp"
#include "scene.hpp"

namespace {

using namespace process_test;

struct Load {
  std::uint32_t writers;
  std::uint64_t messages;  ///< of each writer
  std::uint32_t length;
  const char* ring;
};

class Delivery : public ::testing::TestWithParam<Load> {};

TEST_P(Delivery, loses_tears_doubles_and_reorders_nothing) {
  const Load load = GetParam();
  Scene scene(load.writers, load.messages, load.length, seed());
  const pid_t owner = scene.spawn(scene.owner_command("plain"),
                                  {"ACTOR_UNTIL_IDLE=1", std::string("ACTOR_RING=") + load.ring});
  std::vector<pid_t> writers;
  for (std::uint32_t i = 0; i < load.writers; ++i) {
    writers.push_back(scene.spawn(scene.writer_command(i)));
  }
  for (const pid_t writer : writers) EXPECT_EQ(scene.wait(writer), 0);
  ::kill(owner, SIGTERM);
  EXPECT_EQ(scene.wait(owner), 0);
  std::string said;
  EXPECT_TRUE(scene.judge("plain", said)) << said;
  EXPECT_EQ(figure(said, "handled"), load.writers * load.messages) << said;
  std::printf("%u writers x %llu x %u bytes: %s", load.writers,
              static_cast<unsigned long long>(load.messages), load.length, said.c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Loads, Delivery,
    ::testing::Values(Load{1, 1'000'000, 64, "262144"}, Load{4, 250'000, 64, "262144"},
                      Load{8, 125'000, 64, "262144"}, Load{64, 16'000, 64, "262144"},
                      Load{4, 25'000, 4096, "262144"}, Load{4, 100, 1U << 20, "4194304"},
                      Load{4, 20'000, 4080, "4096"}));

TEST(KilledWriter, leaves_a_prefix_and_the_others_complete) {
  cortado::test::Fault fault("writer-killed-for-real");
  std::mt19937_64 random(seed());
  const std::uint32_t writers = 3;
  const std::uint64_t messages = 3000;
  for (int round = 0; round < rounds(20); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Scene scene(writers, messages, 16 + static_cast<std::uint32_t>(random() % 100), random());
    const pid_t owner = scene.spawn(scene.owner_command("plain"));
    std::vector<pid_t> pids;
    for (std::uint32_t i = 0; i < writers; ++i)
      pids.push_back(scene.spawn(scene.writer_command(i)));
    const auto victim = static_cast<std::uint32_t>(random() % writers);
    const std::uint64_t at = random() % messages;
    scene.until([&] { return scene.writer(victim).started.load() >= at; });
    ::kill(pids[victim], SIGKILL);
    fault.fired();
    for (std::uint32_t i = 0; i < writers; ++i) {
      const int status = scene.wait(pids[i]);
      if (i != victim) {
        EXPECT_EQ(status, 0);
      }
    }
    // What the dead one had published is read after its death is noticed.
    scene.until([&] {
      std::uint64_t sent = 0;
      for (std::uint32_t i = 0; i < writers; ++i) sent += scene.writer(i).sent.load();
      return scene.handler().count.load() >= sent;
    });
    ::kill(owner, SIGTERM);
    EXPECT_EQ(scene.wait(owner), 0);
    std::string said;
    ASSERT_TRUE(scene.judge("plain", said)) << said;
    ASSERT_EQ(figure(said, "repeats"), 0U) << said;
  }
}

void kill_owners(const std::string& kind, cortado::test::Fault& fault) {
  std::mt19937_64 random(seed());
  const std::uint32_t writers = 3;
  const std::uint64_t messages = 3000;
  std::uint64_t repeats = 0;
  for (int round = 0; round < rounds(20); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Scene scene(writers, messages, 16 + static_cast<std::uint32_t>(random() % 100), random());
    const pid_t first = scene.spawn(scene.owner_command(kind));
    std::vector<pid_t> pids;
    for (std::uint32_t i = 0; i < writers; ++i)
      pids.push_back(scene.spawn(scene.writer_command(i)));
    const std::uint64_t at = random() % (writers * messages);
    scene.until([&] { return scene.handler().count.load() >= at; });
    scene.kill(first);
    fault.fired();
    const pid_t second = scene.spawn(scene.owner_command(kind));
    EXPECT_NE(first, second);
    for (const pid_t pid : pids) EXPECT_EQ(scene.wait(pid), 0);
    scene.until([&] { return scene.handler().pid.load() == static_cast<std::uint32_t>(second); });
    ::kill(second, SIGTERM);
    EXPECT_EQ(scene.wait(second), 0);
    std::string said;
    ASSERT_TRUE(scene.judge(kind, said)) << said;
    repeats += figure(said, "repeats");
  }
  std::printf("owners killed without a keeper (%s): %d rounds, %llu repeats, all flagged\n",
              kind.c_str(), rounds(20), static_cast<unsigned long long>(repeats));
}

TEST(KilledOwner, without_a_keeper_is_followed_by_one_that_gets_every_message) {
  cortado::test::Fault fault("owner-killed-alone");
  kill_owners("plain", fault);
}

TEST(KilledOwner, without_a_keeper_that_releases_by_hand_loses_nothing) {
  cortado::test::Fault fault("owner-killed-alone");
  kill_owners("manual", fault);
}

}  // namespace
