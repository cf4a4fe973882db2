// What every mode must do, and what the safe ones must not.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "modes/order_source.hpp"
#include "scene.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;

/// The order of that stamp, made once more.
std::string order_of(const RunSpec& spec, modes::Stamp stamp) {
  auto stage = modes::Stage::create(spec.workload, spec.listed, {});
  modes::OrderSource source(*stage);
  const auto bytes = source.make(stamp).bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Modes : public EveryMode {
 protected:
  /// Everything that holds for a finished run of any mode.
  static void expect_told(const RunResult& result, std::uint64_t orders) {
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_TRUE(result.has_buffer);
    EXPECT_EQ(result.ledger.sent, orders);
    EXPECT_EQ(result.ledger.duplicated + result.ledger.reordered, 0U);
    EXPECT_EQ(result.ledger.sent,
              result.ledger.applied + result.ledger.rejected + result.ledger.lost);
    EXPECT_TRUE(races() || result.ledger.is_clean());
    std::uint64_t of_writers = 0;
    for (const WriterResult& writer : result.writers) of_writers += writer.sent;
    EXPECT_EQ(of_writers, orders);
    EXPECT_GT(result.throughput_per_s, 0);
  }
};

TEST_P(Modes, TakeEveryOrder) {
  for (const std::uint32_t writers : {1U, 4U, 16U}) {
    const RunSpec wanted = spec(writers, 20'000);
    const RunResult result = run_it(wanted);
    expect_told(result, 20'000);
    if (races()) continue;
    // What stands there is the last order of one of the writers.
    const auto stamp = modes::Stamp::of(result.buffer.stamp);
    EXPECT_EQ(stamp.sequence(), wanted.workload.orders_of(stamp.writer()) - 1);
    EXPECT_EQ(result.cup, order_of(wanted, stamp));
  }
}

TEST_P(Modes, TakeOrdersOfAnyLength) {
  for (const std::uint32_t payload : {0U, 1U, 7U, 8U, 15U, 17U, 4096U, 1U << 20}) {
    RunSpec wanted = spec(2, 40);
    wanted.workload.payload = wanted.workload.capacity = payload;
    SCOPED_TRACE(payload);
    expect_told(run_it(wanted), 40);
  }
}

TEST_P(Modes, RejectWhatIsLongerThanTheBuffer) {
  RunSpec wanted = spec(2, 40);
  wanted.listed = {"Tea", "Choca", "Mocha with Milk", "", "12345678", "Banana Shake"};
  wanted.workload.capacity = 8;
  const RunResult result = run_it(wanted);
  expect_told(result, 40);
  EXPECT_EQ(result.ledger.rejected, 13U);  // numbers 2 and 5 of each 6, up to 40
}

TEST_P(Modes, StopWhenTheTimeIsOver) {
  RunSpec wanted = spec(2, 0);
  wanted.workload.sample_shift = 10;
  wanted.duration = 20ms;
  const RunResult result = run_it(wanted);
  expect_told(result, result.ledger.sent);
  EXPECT_GT(result.ledger.sent, 0U);
  EXPECT_GT(result.wall_ns, 0U);
}

TEST_P(Modes, LeaveLittleBehindWhenOrdersAreSlow) {
  RunSpec wanted = spec(2, 0);
  wanted.duration = 50ms;
  set_hold(wanted.workload, 5ms);
  const RunResult result = run_it(wanted);
  expect_told(result, result.ledger.sent);
  // What fits into the time, and four of each writer: not the thousands that a ring holds.
  EXPECT_LT(result.ledger.sent, 200U);
  EXPECT_TRUE(result.is_complete());
}

TEST_P(Modes, SpellOrdersLetterByLetter) {
  RunSpec wanted = spec(4, 4);
  wanted.listed = coffee_orders();
  wanted.workload.letter_delay_ns = 100'000;
  wanted.workload.takes_turns = 1;
  wanted.workload.seed = 7;
  const RunResult result = run_it(wanted);
  EXPECT_EQ(result.outcome, Outcome::finished);
  EXPECT_EQ(result.strokes.size(), 4U * 16);
  EXPECT_EQ(result.is_whole, !races());
  EXPECT_EQ(result.ledger.is_clean(), !races());
  EXPECT_EQ(run_it(wanted).cup, result.cup) << "the same seed";
  std::string from_strokes(16, '?');
  for (const modes::Stroke& stroke : result.strokes) {
    from_strokes[stroke.cell] = static_cast<char>(stroke.letter);
  }
  EXPECT_EQ(from_strokes, result.cup);
}

TEST_P(Modes, TellWhereTheBufferIs) {
  const RunResult result = run_it(spec(3, 30));
  const bool writers_have_it = mode().sharing != modes::Sharing::ring;
  EXPECT_NE(result.host_pid, 0U);
  EXPECT_NE(result.buffer_address, 0U);
  for (const WriterResult& writer : result.writers) {
    EXPECT_EQ(writer.buffer_address != 0, writers_have_it);
    EXPECT_EQ(writer.pid != result.host_pid, has_processes());
  }
}

TEST_P(Modes, KeepTheBufferFromAnIntruderOnlyIfItIsPrivate) {
  if (!has_processes()) GTEST_SKIP() << "a thread of the host has all of its memory";
  if (mode().sharing != modes::Sharing::ring) GTEST_SKIP() << "the segment is for anybody to map";
  RunSpec wanted = spec(2, 10'000);
  wanted.with_intruder = true;
  const RunResult result = run_it(wanted);
  expect_told(result, 10'000);
  EXPECT_NE(result.intruder_pid, 0U);
  EXPECT_FALSE(result.intruder_found);
  EXPECT_EQ(result.intruder_signal, SIGSEGV);
}

TEST_P(Modes, SendOrdersWhenTheyAreDue) {
  constexpr std::uint64_t kOrders = 200;
  RunSpec wanted = spec(2, kOrders);
  wanted.workload.load_per_s = 4000;
  const RunResult result = run_it(wanted);
  expect_told(result, kOrders);
  EXPECT_EQ(result.latency.samples(), kOrders);
  EXPECT_EQ(result.latency_from_send.samples(), kOrders);
  EXPECT_GE(result.wall_ns, (kOrders - 1) * 250'000) << "none is sent before it is due";
}

TEST_P(Modes, CountAStallForEveryOrderThatWasDueMeanwhile) {
  // All are due at once, so that the nth waits for n: by its own send, none waits for so many.
  RunSpec wanted = spec(1, 100);
  set_hold(wanted.workload, 1ms);
  wanted.workload.load_per_s = 1e7;
  const RunResult result = run_it(wanted);
  expect_told(result, 100);
  EXPECT_GT(result.latency.at(0.9), 2 * result.latency_from_send.at(0.5));
  EXPECT_GE(result.latency.longest(), result.latency_from_send.longest());
}

TEST_P(Modes, MeasureWhatTheyUse) {
  RunSpec wanted = spec(2, 2000);
  set_hold(wanted.workload, 20us);
  const RunResult result = run_it(wanted);
  EXPECT_GT(result.usage.user_ns, 10'000'000U) << "2,000 orders of 20 us of work";
  const Latency latency = latency_of(result.latency);
  EXPECT_EQ(latency.samples, 2000U) << "each is timed";
  EXPECT_GE(latency.max, latency.p99_9);
  EXPECT_GE(latency.p99, latency.p50);
  EXPECT_GT(latency.max, 0U);
  EXPECT_GT(result.longest_stall_ns, 0U);
  EXPECT_GT(result.peak_memory, 0U);
  EXPECT_GT(result.cpu_ns_per_order(), 0);
  EXPECT_TRUE(result.is_complete());
}

TEST_P(Modes, TellHowLongWritersAreBlockedAndHowFullTheQueueIs) {
  RunSpec wanted = spec(4, 4000);
  set_hold(wanted.workload, 20us);
  const RunResult result = run_it(wanted);
  const bool has_lock = mode().sharing == modes::Sharing::mutex;
  const bool has_queue = mode().sharing == modes::Sharing::ring;
  std::uint64_t of_writers = 0;
  for (const WriterResult& writer : result.writers) of_writers += writer.blocked_ns;
  EXPECT_EQ(result.blocked_ns, of_writers);
  // Most of the time somebody has the lock, or the owner is behind: then all others wait.
  EXPECT_EQ(result.blocked_ns > 0, has_lock || has_queue);
  if (has_lock) {  // each wait is timed, so that it is no estimate
    EXPECT_LT(result.blocked_ns, 4 * result.wall_ns);
  }
  ASSERT_EQ(result.queue_depth.has_value(), has_queue);
  if (!has_queue) return;
  EXPECT_GT(result.queue_depth->samples, 1U);
  EXPECT_GT(result.queue_depth->mean, 1);
  EXPECT_GE(static_cast<double>(result.queue_depth->max), result.queue_depth->mean);
  EXPECT_LE(result.queue_depth->max, 4000U);
}

/// Processes of runs that this process started. Threads of this process have the same parent.
std::size_t members() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string pid, name, state, parent;
    if (file >> pid >> name >> state >> parent && name == "(cortado-member)" &&
        parent == std::to_string(::getpid())) {
      ++count;
    }
  }
  return count;
}

TEST_P(Modes, EndAtOnceWhenAskedAndLeaveNobody) {
  RunSpec wanted = spec(4, 0);
  wanted.duration = 1h;
  int looks = 0;
  wanted.go_on = [&looks] { return ++looks < 5; };
  const auto result = run(wanted);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::closing);
  EXPECT_EQ(members(), 0U);
}

TEST(Workloads, ThatCannotBeAreRefused) {
  const auto why = [](RunSpec spec) {
    const auto result = run(std::move(spec));
    return result ? std::string() : result.error().text;
  };
  EXPECT_NE(why(spec_of(modes::known_modes().size(), 1, 1)).find("mode"), std::string::npos);
  EXPECT_NE(why(spec_of(0, 1, 0)).find("a time"), std::string::npos);
  EXPECT_NE(why(spec_of(0, 5, 4)).find("more writers (5) than orders (4)"), std::string::npos);
  RunSpec none = spec_of(0, 1, 1);
  none.workload.writers = 0;
  EXPECT_NE(why(none).find("writer"), std::string::npos);
  EXPECT_NE(why(spec_of(0, 4097, 5000)).find("4096"), std::string::npos);
  RunSpec long_one = spec_of(0, 1, 1);
  long_one.workload.payload = (1U << 20) + 1;
  RunSpec idle = spec_of(0, 2, 100);
  idle.workload.load_per_s = 0.1;
  EXPECT_NE(why(idle).find("watchdog"), std::string::npos);
  idle.workload.load_per_s = -1;
  EXPECT_NE(why(idle).find("load"), std::string::npos);
  EXPECT_NE(why(long_one).find("1048576"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Modes, all_of_them(), name_of_mode);

}  // namespace
}  // namespace cortado::lab
