// A writer that ends half way through an order: who survives.
#include <csignal>

#include <gtest/gtest.h>

#include "scene.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;
using Kind = modes::Fault::Kind;

constexpr std::uint32_t kWriters = 4;
constexpr std::uint64_t kEach = 5000;
constexpr std::uint64_t kAt = 1234;

class Disaster : public EveryMode {
 protected:
  static RunResult run_with(Kind kind) {
    RunSpec wanted = spec(kWriters, kWriters * kEach);
    wanted.workload.fault = {kind, 1, kAt};
    if (stops_all()) {
      wanted.workload.orders = 0;  // so that nobody is through before it happens; see below
      wanted.duration = 1h;
    }
    wanted.watchdog = 3s;  // what hangs, hangs for good
    return run_it(wanted);
  }

  static bool is_robust() { return &mode() == &modes::kProcessRobustMutex; }
  /// A writer process that dies with it has the lock that all need.
  static bool stops_all() {
    if (&mode() == &modes::kProcessMessageQueue) return true;
    return has_processes() && mode().sharing == modes::Sharing::mutex && !is_robust();
  }
  static void expect_queue_broken(const RunResult& result) {
    // Nothing is said of what is still read from it: the order half way may be, too.
    EXPECT_FALSE(result.is_complete());
    if (result.outcome == Outcome::hung) return;  // where the queue's lock does not tell
    for (std::uint32_t w = 0; w < kWriters; ++w) {
      if (w == 1) continue;
      EXPECT_EQ(result.writers[w].failure, modes::Failure::queue_broken) << w;
    }
  }

  static void expect_others_complete(const RunResult& result) {
    EXPECT_EQ(result.outcome, Outcome::finished);
    for (std::uint32_t w = 0; w < kWriters; ++w) {
      EXPECT_EQ(result.writers[w].applied, w == 1 ? kAt : kEach) << w;
    }
    EXPECT_EQ(result.ledger.abandoned, 1U);
    EXPECT_FALSE(result.is_complete());
  }
};

TEST_P(Disaster, OfAWriterProcess) {
  if (!has_processes()) GTEST_SKIP() << "killing a thread is killing its process";
  for (const auto& [kind, signal] : {std::pair{Kind::killed, SIGKILL}, {Kind::crashed, SIGSEGV}}) {
    const RunResult result = run_with(kind);
    EXPECT_EQ(result.writers[1].signal, signal);
    EXPECT_EQ(result.host_signal, 0);
    if (is_robust()) {  // the next holder empties the cup, and all go on
      expect_others_complete(result);
      EXPECT_TRUE(result.ledger.is_clean());
      continue;
    }
    if (&mode() == &modes::kProcessMessageQueue) {
      expect_queue_broken(result);
      continue;
    }
    switch (mode().sharing) {
      case modes::Sharing::none:
        FAIL() << "has no processes";
      case modes::Sharing::ring:  // nobody else notices
        expect_others_complete(result);
        EXPECT_TRUE(result.ledger.is_clean());
        break;
      case modes::Sharing::race:  // nothing is held, so the others go on; the buffer is as ever
        expect_others_complete(result);
        break;
      case modes::Sharing::mutex:  // the lock has no holder that lives: nobody gets on
        EXPECT_FALSE(result.is_whole);
        EXPECT_EQ(result.ledger.torn, 1U);
        EXPECT_EQ(result.ledger.abandoned + result.ledger.dropped, kWriters);
        EXPECT_EQ(result.writers[1].applied, kAt);
        for (const WriterResult& writer : result.writers) {  // those that were not left hanging
          const bool gave_up = writer.has_ended && writer.signal == 0;
          EXPECT_EQ(writer.failure == modes::Failure::lock_broken, gave_up);
        }
        break;
    }
  }
}

TEST_P(Disaster, OfAWriterThreadTakesAllAlong) {
  if (has_processes()) GTEST_SKIP() << "see the other test";
  for (const auto& [kind, signal] : {std::pair{Kind::killed, SIGKILL}, {Kind::crashed, SIGSEGV}}) {
    const RunResult result = run_with(kind);
    EXPECT_EQ(result.outcome, Outcome::host_died);
    EXPECT_EQ(result.host_signal, signal);
    EXPECT_FALSE(result.has_buffer);
    EXPECT_EQ(result.ledger.forgotten, result.ledger.applied);
    EXPECT_TRUE(result.ledger.balances());
    EXPECT_FALSE(result.is_complete());
  }
}

INSTANTIATE_TEST_SUITE_P(All, Disaster, all_of_them(), name_of_mode);

}  // namespace
}  // namespace cortado::lab
