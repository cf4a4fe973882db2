// Processes that stand still, or nearly: a stopped one is not a dead one, and it holds up nobody
// but itself. There is nothing to hold: no lock, no claim that others wait for.
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <thread>

#include <sys/resource.h>

#include <sched.h>

#include "../process/scene.hpp"
#include "meeting.hpp"

namespace {

using namespace identity;
using process_test::figure;
using process_test::rounds;
using process_test::Scene;
using process_test::seed;

/// Stops a child of this process, and returns when it is stopped. False: it has ended.
bool stop(pid_t pid) {
  ::kill(pid, SIGSTOP);
  siginfo_t now{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &now, WSTOPPED | WEXITED | WNOWAIT), 0);
  return now.si_code == CLD_STOPPED;
}

/// What all scenes must end with: every writer said that all is applied, and the files agree.
void expect_complete(Scene& scene, pid_t owner, std::vector<pid_t>& writers) {
  for (const pid_t writer : writers) EXPECT_EQ(scene.wait(writer), 0);
  ::kill(owner, SIGTERM);
  EXPECT_EQ(scene.wait(owner), 0);
  std::string said;
  ASSERT_TRUE(scene.judge("plain", said)) << said;
  EXPECT_EQ(figure(said, "repeats"), 0U) << said;
  EXPECT_EQ(scene.handler().died.load(), 0U) << "nobody was retired as dead";
}

class Stopped : public Meeting {};

TEST_F(Stopped, writer_pauses_its_own_lane_only_and_is_never_retired) {
  Fault fault("writer-stopped");
  std::mt19937_64 random(seed());
  const std::uint32_t writers = 4;
  const std::uint32_t late = writers - 1;
  const std::uint64_t messages = 50'000;
  int outlasted = 0;
  for (int round = 0; round < rounds(3); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Scene scene(writers, 4 * messages, 16 + static_cast<std::uint32_t>(random() % 100), random());
    const auto victim = static_cast<std::uint32_t>(random() % late);
    scene.writer(late).gated = 1;
    for (std::uint32_t i = 0; i < writers; ++i) {
      if (i != victim) scene.writer(i).target = messages;
    }
    const pid_t owner = scene.spawn(scene.owner_command("plain"), {"ACTOR_RING=4096"});
    std::vector<pid_t> pids;
    for (std::uint32_t i = 0; i < writers; ++i) {
      pids.push_back(scene.spawn(scene.writer_command(i)));
    }
    scene.until([&] { return scene.writer(victim).started.load() > 0; });
    // At random moments, and at any instruction: in a send, in its sleep, on its way.
    for (int i = 0; i < 200 && scene.writer(victim).sent.load() < messages; ++i) {
      if (stop(pids[victim])) fault.fired();
      ::kill(pids[victim], SIGCONT);
      for (std::uint64_t spins = random() % 200'000; spins > 0; --spins)
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    // It stands still until all others are through, one of which begins only now; the first time
    // for longer than any sensible guess at a death would take.
    const bool stands = stop(pids[victim]);
    outlasted += stands ? 1 : 0;
    const auto enough = std::chrono::steady_clock::now() + (round == 0 ? 2s : 0s);
    const std::uint64_t there = scene.writer(victim).sent.load();
    scene.writer(late).go.store(1);
    scene.until([&] {
      for (std::uint32_t i = 0; i < writers; ++i) {
        if (i != victim && scene.writer(i).finished.load() == 0) return false;
      }
      return std::chrono::steady_clock::now() >= enough;
    });
    EXPECT_EQ(scene.writer(victim).sent.load(), there);
    EXPECT_EQ(scene.handler().died.load(), 0U);
    ::kill(pids[victim], SIGCONT);
    expect_complete(scene, owner, pids);
  }
  EXPECT_GT(outlasted, 0) << "the writer was always faster than this test";
  std::printf("writers stopped %llu times\n", static_cast<unsigned long long>(fault.count()));
}

TEST_F(Stopped, owner_lets_the_rings_fill_and_nothing_is_missing_afterwards) {
  Fault fault("owner-stopped");
  ForkedChild owning([this](Line& line) {
    auto owner = open();
    line.tell('o');
    serve_until_left(owner, 2);
    for (const cortado::Event& each : left) EXPECT_EQ(each.how, Left::closed) << each.writer;
    // Each text is its number.
    std::array<std::uint64_t, 2> next{};
    for (const std::string& each : heard) {
      std::uint64_t& number = next[each[0] == 'a' ? 0 : 1];
      if (std::stoull(each.substr(3)) != number++) return 1;
    }
    line.tell(HasFailure() ? '?' : 'k');
    return next[0] + next[1] == heard.size() ? 0 : 2;
  });
  ASSERT_EQ(owning.line().hear(), 'o');
  cortado::Writer a = joined("a");
  cortado::Writer b = joined("b");
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    owning.stop();
    fault.fired();
    for (cortado::Writer* writer : {&a, &b}) {
      while (writer->try_send(std::to_string(writer->sequence())) == SendStatus::sent) {
      }
      const std::uint64_t sequence = writer->sequence();
      const std::uint64_t unreleased = writer->unreleased();
      EXPECT_EQ(writer->try_send("x"), SendStatus::full);
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_EQ(writer->send(std::string_view("x"), 10ms), SendStatus::full);
      EXPECT_GE(std::chrono::steady_clock::now() - begin, 10ms);
      EXPECT_EQ(writer->claim_until(1, begin + 15ms).status(), SendStatus::full);
      EXPECT_EQ(writer->wait_applied(5ms).error().code, Errc::timed_out);
      EXPECT_EQ(writer->ask("x", 5ms).error().code, Errc::timed_out);
      EXPECT_EQ(writer->sequence(), sequence) << "nothing was written";
      EXPECT_EQ(writer->unreleased(), unreleased);
      EXPECT_EQ(writer->poll(), SendStatus::sent) << "it is stopped, not gone";
    }
    const auto late = [&] {
      auto chosen = as("late");
      chosen.timeout = 20ms;
      return cortado::Writer::join("setting", chosen);
    }();
    EXPECT_FALSE(late);
    if (!late) {
      EXPECT_EQ(late.error().code, Errc::timed_out) << late.error().text;
    }
    owning.resume();
    for (cortado::Writer* writer : {&a, &b}) {
      EXPECT_EQ(writer->send(std::to_string(writer->sequence()), kWatchdog), SendStatus::sent);
      EXPECT_TRUE(writer->wait_applied(kWatchdog));
      EXPECT_EQ(writer->stats().rejoins, 0U);
    }
  }
  EXPECT_EQ(a.close(kWatchdog), 0U);
  EXPECT_EQ(b.close(kWatchdog), 0U);
  EXPECT_EQ(owning.line().hear(), 'k');
  EXPECT_EQ(owning.wait(), 0);
}

TEST_F(Stopped, writer_that_is_sent_away_reaches_nobody_when_it_goes_on) {
  Fault fault("evicted-while-stopped");
  auto owner = open();
  cortado::Writer other = writer_of(owner, "other");
  for (const char kind : {'c', 's'}) {
    SCOPED_TRACE(kind);
    heard.clear();
    left.clear();
    ForkedChild child([&](Line& line) {
      cortado::Writer writer = joined("w");
      if (writer.try_send("before") != SendStatus::sent) return 1;
      cortado::Claim claimed = writer.claim(4000);
      line.tell('j');
      if (line.hear() != 'g') return 2;
      // Into the segment that it has still, and that nobody else has.
      std::memset(claimed.bytes().data(), 'x', claimed.bytes().size());
      if (kind == 'c' && claimed.commit() != SendStatus::closing) return 3;
      if (writer.try_send("after") != SendStatus::closing) return 4;
      if (writer.send(std::string_view("after"), kWatchdog) != SendStatus::closing) return 5;
      if (writer.poll() != SendStatus::closing) return 6;
      if (writer.ask("after", kWatchdog).error().code != Errc::closing) return 7;
      if (writer.stats().rejoins != 0 || writer.stats().sent != 1) return 8;
      return writer.close(kWatchdog) == 0 ? 0 : 9;
    });
    serve_until(owner, [&] { return owner.writers() == 2; });
    ASSERT_EQ(child.line().hear(), 'j');
    child.stop();
    fault.fired();
    ASSERT_TRUE(owner.evict("w"));
    serve_until_left(owner, 1);
    EXPECT_EQ(left[0].how, Left::evicted);
    // Its name and its slot are somebody else's now.
    cortado::Writer next = writer_of(owner, "w");
    ASSERT_EQ(next.try_send("of the next"), SendStatus::sent);
    ASSERT_EQ(other.try_send("of another"), SendStatus::sent);
    child.line().tell('g');
    child.resume();
    EXPECT_EQ(child.wait(), 0);
    serve_until_heard(owner, 3);
    EXPECT_EQ(heard[0], "w: before");
    EXPECT_EQ(std::set<std::string>(heard.begin() + 1, heard.end()),
              (std::set<std::string>{"w: of the next", "other: of another"}));
    EXPECT_EQ(next.poll(), SendStatus::sent);
    EXPECT_EQ(next.close(0s), 0U);
    serve_until_left(owner, 2);
    EXPECT_EQ(left[1].how, Left::closed);
  }
}

TEST_F(Stopped, nearly_by_a_busy_machine_a_writer_is_not_retired) {
  Fault fault("busy-machine");
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<ForkedChild>> busy;
  for (unsigned i = 0; i < processors + 1; ++i) {
    busy.push_back(std::make_unique<ForkedChild>([](Line& line) {
      line.tell('b');
      for (;;) std::atomic_signal_fence(std::memory_order_seq_cst);
      return 0;
    }));
    ASSERT_EQ(busy.back()->line().hear(), 'b');
  }
  auto owner = open();
  const std::size_t messages = 50;
  ForkedChild slow([this](Line& line) {
    const sched_param none{};
    line.tell(::setpriority(PRIO_PROCESS, 0, 19) == 0 &&
                      ::sched_setscheduler(0, SCHED_IDLE, &none) == 0
                  ? 'i'
                  : '?');
    cortado::Writer writer = joined("slow");
    for (std::size_t i = 0; i < messages; ++i) {
      // It sleeps in between, and must be given the processor each time.
      if (writer.ask(std::to_string(i), kWatchdog).error().code != Errc::unanswered) return 1;
    }
    return writer.close(kWatchdog) == 0 ? 0 : 2;
  });
  ASSERT_EQ(slow.line().hear(), 'i');
  fault.fired();
  serve_until_left(owner, 1);
  EXPECT_EQ(left[0].how, Left::closed);
  EXPECT_EQ(heard.size(), messages);
  EXPECT_EQ(slow.wait(), 0);
}

}  // namespace
