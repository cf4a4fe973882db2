// Wake-ups without a reason: a signal every millisecond that interrupts system calls, doorbells and
// connections that ring for nothing. Every wait looks again, until its deadline and not shorter;
// nothing is lost, nobody gives up.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../support/inside.hpp"
#include "meeting.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"

namespace {

/// As much as surely is allocated between two signals.
constexpr off_t kBetweenSignals = off_t{1} << 20;
int allocations_interrupted = 0;

}  // namespace

// As it was before Linux 6.12: a signal ended the allocation of a memfd and undid it, so that who
// began anew under a periodic timer never came to the end.
extern "C" int fallocate(int file, int mode, off_t offset, off_t length) {
  if (length <= kBetweenSignals) {
    return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, length));
  }
  errno = ++allocations_interrupted < 1000 ? EINTR : EIO;
  return -1;
}

namespace {

using namespace identity;
using cortado::test::inside;
using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t interruptions = 0;

/// SIGALRM every millisecond, without SA_RESTART, for as long as it lives.
class Interrupted {
 public:
  Interrupted() {
    struct sigaction action {};
    action.sa_handler = [](int) { interruptions = interruptions + 1; };
    ::sigaction(SIGALRM, &action, &old_);
    const itimerval every{{0, 1000}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  ~Interrupted() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &old_, nullptr);
    ::alarm(300);  // the timer had taken the place of the test's
  }
  Interrupted(const Interrupted&) = delete;
  Interrupted& operator=(const Interrupted&) = delete;

 private:
  struct sigaction old_ {};
};

class Storm : public Meeting {};

/// How long a call took at least: it may be late, never early.
template <class Call>
void expect_not_before(std::chrono::milliseconds wanted, const char* what, Call call) {
  const auto begin = Clock::now();
  call();
  EXPECT_GE(Clock::now() - begin, wanted) << what;
}

TEST_F(Storm, of_signals_ends_no_wait_of_a_writer_before_its_deadline) {
  Fault fault("spurious-wake-ups");
  auto owner = open();
  cortado::Writer writer = writer_of(owner, "w");
  while (writer.try_send("x") == SendStatus::sent) {
  }
  const Interrupted interrupted;
  const int before = interruptions;
  expect_not_before(40ms, "send",
                    [&] { EXPECT_EQ(writer.send(std::string_view("x"), 40ms), SendStatus::full); });
  expect_not_before(40ms, "claim_until", [&] {
    EXPECT_EQ(writer.claim_until(1, Clock::now() + 40ms).status(), SendStatus::full);
  });
  expect_not_before(40ms, "wait_applied",
                    [&] { EXPECT_EQ(writer.wait_applied(40ms).error().code, Errc::timed_out); });
  expect_not_before(40ms, "ask, full",
                    [&] { EXPECT_EQ(writer.ask("x", 40ms).error().code, Errc::timed_out); });
  drain(owner);
  expect_not_before(40ms, "ask, unanswered",
                    [&] { EXPECT_EQ(writer.ask("x", 40ms).error().code, Errc::unknown); });
  expect_not_before(40ms, "join", [&] {
    auto chosen = as("another");
    chosen.timeout = 40ms;
    EXPECT_EQ(cortado::Writer::join("setting", chosen).error().code, Errc::timed_out);
  });
  expect_not_before(40ms, "close", [&] { EXPECT_EQ(writer.close(40ms), 1U); });
  EXPECT_GE(interruptions - before, 7 * 20);
  fault.fired(static_cast<std::uint64_t>(interruptions - before));
}

TEST_F(Storm, of_signals_ends_no_sleep_of_an_owner_before_its_deadline) {
  Fault fault("spurious-wake-ups");
  auto owner = open();
  cortado::Writer writer = writer_of(owner, "w");
  drain(owner);
  owner.wait(0ms);  // the news of the writer
  const Interrupted interrupted;
  const int before = interruptions;
  expect_not_before(60ms, "wait", [&] { EXPECT_FALSE(owner.wait(60ms)); });
  expect_not_before(60ms, "wait_until",
                    [&] { EXPECT_FALSE(owner.wait_until(Clock::now() + 60ms)); });
  EXPECT_GE(interruptions - before, 60);
  fault.fired(static_cast<std::uint64_t>(interruptions - before));
}

TEST_F(Storm, of_signals_and_empty_wake_ups_on_both_sides_loses_nothing) {
  Fault fault("spurious-wake-ups");
  constexpr std::size_t kMessages = 20'000;
  auto chosen = options();
  chosen.ring_bytes = 4096;  // so that both sleep all the time
  ForkedChild owning([&](Line& line) {
    auto owner = open(chosen);
    line.tell('o');
    const Interrupted interrupted;
    const auto end = Clock::now() + kWatchdog;
    while (left.empty() && Clock::now() < end) {
      const auto count = [this](const cortado::Message& m) {
        if (m.text() != std::to_string(heard.size())) ::_exit(1);
        if (m.is_ask()) m.reply(m.text());
        heard.emplace_back(m.text());
      };
      if (owner.drain(count) == 0) owner.wait(kWatchdog);
      for (auto& lane : inside(owner).lanes) {  // wakes a writer that may not sleep, or for nothing
        inside(owner).ring_writer(*lane);
      }
      for (cortado::Event& event : events(owner)) {
        if (event.kind == cortado::Event::Kind::left) left.push_back(event);
      }
    }
    if (heard.size() != kMessages || left.empty() || left[0].how != Left::closed) return 2;
    return interruptions > 0 ? 0 : 3;
  });
  ASSERT_EQ(owning.line().hear(), 'o');
  const Interrupted interrupted;
  const int before = interruptions;
  cortado::Writer writer = joined("w");
  for (std::size_t i = 0; i < kMessages; ++i) {
    cortado::os::signal_event(inside(writer).doorbell.get());
    if (i % 64 == 0) {
      const auto answer = writer.ask(std::to_string(i), kWatchdog);
      ASSERT_TRUE(answer) << answer.error().text;
      ASSERT_EQ(*answer, std::to_string(i));
    } else {
      ASSERT_EQ(writer.send(std::to_string(i), kWatchdog), SendStatus::sent);
    }
  }
  EXPECT_EQ(writer.close(kWatchdog), 0U);
  fault.fired(static_cast<std::uint64_t>(interruptions - before));
  EXPECT_EQ(owning.wait(), 0);
  EXPECT_EQ(writer.stats().rejoins, 0U);
}

TEST_F(Storm, of_signals_does_not_keep_a_large_lane_from_being_made) {
  Fault fault("spurious-wake-ups");
  const Interrupted interrupted;
  const int before = interruptions;
  const auto large = cortado::os::create_memory_file("storm", std::size_t{256} << 20);
  ASSERT_TRUE(large) << large.error().text;
  struct stat status {};
  ASSERT_EQ(::fstat(large->get(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, off_t{256} << 20);
  while (interruptions == before) {
  }
  EXPECT_EQ(allocations_interrupted, 0);
  fault.fired(static_cast<std::uint64_t>(interruptions - before));
}

}  // namespace
