// Owners killed under a keeper: the next one takes over the lanes, the writers notice nothing.
#include <cortado/group.hpp>

#include <string>

#include "../support/fault.hpp"
#include "scene.hpp"

namespace {

using namespace process_test;
using namespace std::chrono_literals;

cortado::GroupOptions group_of(const Scene& scene, const std::string& kind) {
  cortado::GroupOptions options;
  options.name = "scene";
  options.directory = scene.directory();
  options.owner.argv = scene.owner_command(kind);
  options.restart_owner = {cortado::Restart::Policy::on_failure, 1000, 3600s};
  for (std::uint32_t i = 0; i < scene.writers(); ++i) {
    cortado::Program writer;
    writer.argv = scene.writer_command(i);
    options.writers.push_back(std::move(writer));
  }
  return options;
}

struct Outcome {
  int owners = 0;
  int restarted_writers = 0;
  std::vector<pid_t> owner_pids;
};

/// Runs the group to its end; `at` are the numbers of handled messages at which the owner is
/// killed.
Outcome run_group(Scene& scene, const std::string& kind, std::vector<std::uint64_t> at) {
  Outcome outcome;
  auto group = cortado::Group::start(group_of(scene, kind));
  EXPECT_TRUE(group) << group.error().text;
  if (!group) return outcome;
  std::sort(at.begin(), at.end(), std::greater<>());
  bool running = true;
  while (running) {
    running = group->wait(at.empty() ? 100ms : 0ms);
    if (!at.empty() && scene.handler().count.load() >= at.back() && group->owner_pid() != 0) {
      ::kill(group->owner_pid(), SIGKILL);
      at.pop_back();
    }
    while (auto event = group->next_event()) {
      const bool begins = event->kind == cortado::GroupEvent::Kind::started ||
                          event->kind == cortado::GroupEvent::Kind::restarted;
      if (begins && event->role == cortado::GroupEvent::Role::owner) {
        ++outcome.owners;
        outcome.owner_pids.push_back(event->pid);
      }
      if (event->kind == cortado::GroupEvent::Kind::restarted &&
          event->role == cortado::GroupEvent::Role::writer) {
        ++outcome.restarted_writers;
      }
      if (event->kind == cortado::GroupEvent::Kind::gave_up) ADD_FAILURE() << event->text;
    }
  }
  return outcome;
}

void kill_under_keeper(const std::string& kind, cortado::test::Fault& fault) {
  std::mt19937_64 random(seed());
  const std::uint32_t writers = 3;
  const std::uint64_t messages = 3000;
  std::uint64_t repeats = 0;
  std::uint64_t most = 0;
  for (int round = 0; round < rounds(20); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Scene scene(writers, messages, 16 + static_cast<std::uint32_t>(random() % 100), random());
    std::vector<std::uint64_t> at;
    for (int i = 0; i < 2; ++i) at.push_back(random() % (writers * messages));
    const Outcome outcome = run_group(scene, kind, at);
    ASSERT_GE(outcome.owners, 2);
    fault.fired();
    ASSERT_EQ(outcome.restarted_writers, 0);
    ASSERT_NE(outcome.owner_pids[0], outcome.owner_pids[1]);
    for (std::uint32_t i = 0; i < writers; ++i) ASSERT_EQ(scene.writer(i).finished.load(), 1U);
    std::string said;
    ASSERT_TRUE(scene.judge(kind, said)) << said;
    repeats += figure(said, "repeats");
    most = std::max(most, figure(said, "most_repeats"));
  }
  std::printf("owners killed under a keeper (%s): %d rounds, %llu repeats, at most %llu a writer\n",
              kind.c_str(), rounds(20), static_cast<unsigned long long>(repeats),
              static_cast<unsigned long long>(most));
}

TEST(KilledOwner, under_a_keeper_is_followed_by_one_that_goes_on) {
  cortado::test::Fault fault("owner-killed-alone");
  kill_under_keeper("plain", fault);
}

TEST(KilledOwner, under_a_keeper_loses_no_effect_on_the_kept_state_and_doubles_none) {
  cortado::test::Fault fault("owner-killed-alone");
  kill_under_keeper("state", fault);
}

TEST(KilledOwner, under_a_keeper_that_releases_by_hand_goes_on) {
  cortado::test::Fault fault("owner-killed-alone");
  kill_under_keeper("manual", fault);
}

/// Takes every event, so that what is due gets done, until the files say so.
void run_until(cortado::Group& group, const std::function<bool()>& condition) {
  while (!condition()) {
    group.wait(1ms);
    while (auto event = group.next_event()) {
      if (event->kind == cortado::GroupEvent::Kind::gave_up) FAIL() << event->text;
    }
  }
}

TEST(KilledOwner, under_a_keeper_leaves_the_unread_messages_of_idle_writers_to_the_next) {
  const std::uint32_t writers = 3;
  const std::uint64_t messages = 500;
  Scene scene(writers, messages, 40, seed());
  for (std::uint32_t i = 0; i < writers; ++i) scene.writer(i).gated = scene.writer(i).idle = 1;
  auto group = cortado::Group::start(group_of(scene, "plain"));
  ASSERT_TRUE(group) << group.error().text;
  const auto all = [&](auto has) {
    for (std::uint32_t i = 0; i < writers; ++i) {
      if (!has(scene.writer(i))) return false;
    }
    return true;
  };
  run_until(*group, [&] { return all([](WriterRecord& each) { return each.pid.load() != 0; }); });

  // The first owner handles nothing: it is stopped before they send, and killed when they have.
  const pid_t first = group->owner_pid();
  ::kill(first, SIGSTOP);
  siginfo_t stopped{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(first), &stopped, WSTOPPED | WNOWAIT), 0);
  for (std::uint32_t i = 0; i < writers; ++i) scene.writer(i).go.store(1);
  scene.until([&] { return all([](WriterRecord& each) { return each.sent.load() == messages; }); });
  ASSERT_EQ(scene.handler().count.load(), 0U);
  ::kill(first, SIGKILL);

  run_until(*group, [&] { return scene.handler().count.load() == writers * messages; });
  EXPECT_NE(group->owner_pid(), first);
  EXPECT_EQ(group->generation(), 2U);
  group->stop();
  run_until(*group, [&] { return group->finished(); });
  std::string said;
  EXPECT_TRUE(scene.judge("plain", said)) << said;
  EXPECT_EQ(figure(said, "repeats"), 0U) << said;
}

}  // namespace
