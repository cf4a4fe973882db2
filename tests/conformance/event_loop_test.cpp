// Owners and writers in an event loop: fd() is readable whenever there is something to do.
#include <atomic>
#include <stdexcept>
#include <thread>

#include <poll.h>

#include "../support/fault.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

class EventLoop : public Setting {
 public:
  static bool readable(int descriptor, int milliseconds) {
    pollfd state{descriptor, POLLIN, 0};
    return ::poll(&state, 1, milliseconds) == 1;
  }
  /// A minute is the watchdog.
  static bool becomes_readable(cortado::Owner& owner) { return readable(owner.fd(), 60'000); }
  /// As an event loop does it, until nothing is left to do.
  static Texts drain_loop(cortado::Owner& owner) {
    owner.fd();
    Texts texts = drain(owner);
    while (readable(owner.fd(), 0)) {
      for (std::string& text : drain(owner)) texts.push_back(std::move(text));
    }
    return texts;
  }
};

TEST_F(EventLoop, goes_on_after_a_handler_that_threw) {
  cortado::test::Fault fault("handler-throws");
  auto owner = open();
  auto writer = writer_of(owner, "a");
  EXPECT_EQ(drain_loop(owner), Texts{});
  ASSERT_EQ(writer.try_send("1"), SendStatus::sent);
  EXPECT_TRUE(becomes_readable(owner));
  EXPECT_THROW(owner.drain([](const cortado::Message&) { throw std::runtime_error("spilt"); }),
               std::runtime_error);
  fault.fired();
  EXPECT_TRUE(becomes_readable(owner)) << "the message waits still";
  EXPECT_EQ(drain_loop(owner), Texts{"1"});
  ASSERT_EQ(writer.try_send("2"), SendStatus::sent);
  EXPECT_TRUE(becomes_readable(owner));
  EXPECT_EQ(drain_loop(owner), Texts{"2"});
}

TEST_F(EventLoop, hears_a_writer_that_was_made_between_two_drains) {
  auto owner = open();
  EXPECT_EQ(drain_loop(owner), Texts{});
  auto one = writer_of(owner, "one");
  EXPECT_TRUE(becomes_readable(owner)) << "a writer joined";
  EXPECT_EQ(drain_loop(owner), Texts{});
  ASSERT_EQ(one.try_send("1"), SendStatus::sent);
  EXPECT_TRUE(becomes_readable(owner));
  EXPECT_EQ(drain_loop(owner), Texts{"1"});

  auto two = writer_of(owner, "two");
  ASSERT_EQ(two.try_send("2"), SendStatus::sent);  // before any drain
  EXPECT_TRUE(becomes_readable(owner));
  EXPECT_EQ(drain_loop(owner), Texts{"2"});
}

TEST_F(EventLoop, hears_of_what_the_owner_itself_decided) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  EXPECT_EQ(drain_loop(owner), Texts{});
  ASSERT_TRUE(owner.evict("a"));
  EXPECT_TRUE(becomes_readable(owner));
  EXPECT_EQ(drain_loop(owner), Texts{});
  EXPECT_EQ(owner.writers(), 0U);
}

TEST_F(EventLoop, takes_no_deadline_from_a_blocking_send) {
  auto chosen = options();
  chosen.ring_bytes = 4096;
  auto owner = open(chosen);
  auto writer = writer_of(owner, "a");
  pollfd readable_again{writer.fd(), POLLIN, 0};
  const std::string text(1000, 'x');
  // Room is made at every moment of a try_send that finds none, so wake-ups of all kinds are left
  // over when the blocking call comes.
  std::atomic<bool> stop{false};
  std::thread draining([&] {
    while (!stop.load()) owner.drain([](const cortado::Message&) {});
  });
  for (int sent = 0; sent < 20'000;) {
    const SendStatus status = writer.try_send(text);
    if (status == SendStatus::sent) {
      ++sent;
    } else {
      ASSERT_EQ(status, SendStatus::full);
    }
  }
  stop.store(true);
  draining.join();
  while (writer.try_send(text) == SendStatus::sent) {
  }
  EXPECT_EQ(writer.send(text, 20ms), SendStatus::full);
  EXPECT_EQ(writer.ask(text, 20ms).error().code, cortado::Errc::timed_out);
  EXPECT_GT(drain(owner).size(), 0U);
  EXPECT_EQ(::poll(&readable_again, 1, 60'000), 1);
  EXPECT_EQ(writer.send(text, kWatchdog), SendStatus::sent);
}

}  // namespace
