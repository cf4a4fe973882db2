#include "os/poller.hpp"

#include <array>
#include <cerrno>

#include <sys/time.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "os/event_descriptor.hpp"

namespace cortado::os {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct PollerTest : testing::Test {
  void SetUp() override {
    auto made = Poller::create();
    ASSERT_TRUE(made) << made.error().text;
    poller = std::move(*made);
    auto created = create_event();
    ASSERT_TRUE(created);
    event = std::move(*created);
  }

  int look() { return poller.wait(events, Clock::now()); }

  Poller poller;
  Descriptor event;
  std::array<epoll_event, 4> events{};
};

TEST_F(PollerTest, returns_the_tag_of_what_is_ready) {
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN, 77));
  EXPECT_EQ(look(), 0);
  signal_event(event.get());
  ASSERT_EQ(poller.wait(events, std::nullopt), 1);
  const std::uint64_t tag = events[0].data.u64;  // epoll_event is packed: nothing may refer into it
  EXPECT_EQ(tag, 77U);
}

TEST_F(PollerTest, is_itself_readable_while_something_is_ready) {
  auto outer = Poller::create();
  ASSERT_TRUE(outer);
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN, 1));
  ASSERT_TRUE(outer->add(poller.fd(), EPOLLIN, 2));
  EXPECT_EQ(outer->wait(events, Clock::now()), 0);
  signal_event(event.get());
  EXPECT_EQ(outer->wait(events, Clock::now()), 1);
  drain_event(event.get());
  EXPECT_EQ(outer->wait(events, Clock::now()), 0);
}

TEST_F(PollerTest, rings_once_for_each_edge_of_an_event_that_is_never_read) {
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN | EPOLLET, 1));
  signal_event(event.get());
  EXPECT_EQ(look(), 1);
  EXPECT_EQ(look(), 0);
  signal_event(event.get());
  EXPECT_EQ(look(), 1);
}

TEST_F(PollerTest, never_returns_before_its_deadline) {
  for (const auto length : {milliseconds(0), milliseconds(1), milliseconds(20)}) {
    const auto deadline = Clock::now() + length + std::chrono::microseconds(300);
    EXPECT_EQ(poller.wait(events, deadline), 0);
    EXPECT_GE(Clock::now(), deadline);
  }
}

TEST_F(PollerTest, only_looks_when_the_deadline_is_long_past_and_takes_the_furthest_one) {
  EXPECT_EQ(poller.wait(events, Clock::time_point::min()), 0);
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN, 1));
  signal_event(event.get());
  EXPECT_EQ(poller.wait(events, Clock::time_point::max()), 1);
}

TEST_F(PollerTest, keeps_its_deadline_in_a_storm_of_signals) {
  test::Fault fault("spurious-wake-ups");
  struct sigaction action {
  }, old{};
  static volatile sig_atomic_t count;
  count = 0;
  action.sa_handler = [](int) { count = count + 1; };
  ASSERT_EQ(::sigaction(SIGALRM, &action, &old), 0);  // no SA_RESTART
  const itimerval storm{{0, 1000}, {0, 1000}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &storm, nullptr), 0);
  const auto deadline = Clock::now() + milliseconds(50);
  EXPECT_EQ(poller.wait(events, deadline), 0);
  EXPECT_GE(Clock::now(), deadline);
  const itimerval none{};
  ::setitimer(ITIMER_REAL, &none, nullptr);
  ::sigaction(SIGALRM, &old, nullptr);
  EXPECT_GT(count, 0);
  fault.fired(static_cast<std::uint64_t>(count));
}

TEST_F(PollerTest, forgets_what_is_removed) {
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN, 1));
  signal_event(event.get());
  poller.remove(event.get());
  EXPECT_EQ(look(), 0);
}

TEST_F(PollerTest, reports_what_it_cannot_watch) {
  const auto added = poller.add(-1, EPOLLIN, 1);
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().text.find("EBADF"), std::string::npos);
  EXPECT_EQ(Poller().wait(events, Clock::now()), -EBADF);
}

TEST_F(PollerTest, treats_a_full_event_as_rung) {
  ASSERT_TRUE(poller.add(event.get(), EPOLLIN, 1));
  const std::uint64_t full = UINT64_MAX - 1;
  ASSERT_EQ(::write(event.get(), &full, sizeof full), 8);
  errno = 0;
  signal_event(event.get());
  EXPECT_EQ(errno, 0);
  EXPECT_EQ(look(), 1);
  drain_event(event.get());
  EXPECT_EQ(look(), 0);
}

}  // namespace
}  // namespace cortado::os
