// No wake-up is lost: what owner and writer leave behind when one of them is between its store and
// its load of the other's word. Nothing here sleeps: what is asked is whether the owner could.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/estate.hpp"

namespace cortado::test {
namespace {

class WakeUp : public ::testing::Test {
 protected:
  WakeUp() {
    estate_.begin({});
    estate_.hand_over();
    auto owner = Owner::open(Estate::kName);
    EXPECT_TRUE(owner) << owner.error().text;
    owner_.emplace(std::move(*owner));
    writer_.emplace(estate_.attach_writer(0, 0));
    drain();
  }

  void SetUp() override { alarm(60); }  // a watchdog: who sleeps here sleeps for ever
  void TearDown() override { alarm(0); }

  void send() { EXPECT_EQ(writer_->try_send("news"), SendStatus::sent); }
  std::size_t drain() {
    return owner_->drain([](const Message&) {});
  }
  /// True: the owner finds nothing and would sleep now, until a doorbell rings.
  bool falls_asleep() { return inside(*owner_).arm(); }
  /// Found twice with many messages and no pause between: it is given headway before the next look.
  void let_it_rest() {
    while (!rests()) {
      for (int i = 0; i < 50; ++i) send();
      ASSERT_EQ(drain(), 50U);
    }
  }
  bool rests() {
    return inside(*owner_).scan.any_unseen([](std::size_t) { return true; });
  }
  bool armed() const {
    return (estate_.control().owner_state.load() & lane::owner_state::armed) != 0;
  }
  std::uint64_t rings() const { return estate_.rings(); }

  Estate estate_{0};
  std::optional<Owner> owner_;
  std::optional<Writer> writer_;
};

TEST_F(WakeUp, an_owner_does_not_sleep_over_what_was_sent_before_it_armed) {
  send();  // after the owner's last look at the ring, before it arms: nobody rings
  EXPECT_EQ(rings(), 0U);
  EXPECT_FALSE(falls_asleep());
  EXPECT_EQ(drain(), 1U);
  EXPECT_TRUE(falls_asleep());
}

TEST_F(WakeUp, an_owner_does_not_sleep_over_a_message_of_a_stream_that_rests) {
  let_it_rest();
  send();
  EXPECT_FALSE(falls_asleep());
  EXPECT_EQ(drain(), 1U);
}

TEST_F(WakeUp, a_stream_that_rests_is_looked_at_again_when_nothing_comes) {
  let_it_rest();
  EXPECT_TRUE(falls_asleep());
  EXPECT_EQ(drain(), 0U);
  EXPECT_FALSE(rests()) << "a moment that brought nothing";
  send();
  EXPECT_FALSE(falls_asleep());
  EXPECT_EQ(drain(), 1U);
}

TEST_F(WakeUp, a_handler_that_throws_leaves_a_stream_that_rested_readable) {
  let_it_rest();
  send();
  send();
  EXPECT_THROW(owner_->drain([](const Message&) { throw 1; }), int);
  EXPECT_FALSE(falls_asleep());
  EXPECT_EQ(drain() + drain(), 2U);
}

TEST_F(WakeUp, wait_returns_at_once_for_what_stands_in_a_ring_though_no_doorbell_rings) {
  send();
  EXPECT_EQ(rings(), 0U);
  EXPECT_TRUE(owner_->wait_until(std::chrono::steady_clock::time_point::max()));
}

TEST_F(WakeUp, a_writer_rings_for_each_sleep_once) {
  std::uint64_t sequence = 0;
  for (std::uint64_t sleep = 1; sleep <= 8; ++sleep) {
    ASSERT_TRUE(falls_asleep()) << "sleep " << sleep;
    for (int i = 0; i < 3; ++i) send();
    EXPECT_EQ(rings(), 1U) << "sleep " << sleep;
    EXPECT_EQ(writer_->stats().doorbells, sleep);
    sequence += drain();
  }
  EXPECT_EQ(sequence, 24U);
}

/// The one that would wake the owner may die before it does: whoever comes next must see the owner
/// asleep still.
TEST_F(WakeUp, a_writer_leaves_the_lane_armed_for_whoever_comes_after_it) {
  ASSERT_TRUE(falls_asleep());
  const std::uint64_t asleep = estate_.control().owner_state.load();
  send();
  EXPECT_TRUE(armed());
  EXPECT_EQ(estate_.control().owner_state.load(), asleep);
  EXPECT_EQ(rings(), 1U);
  Writer next = estate_.attach_writer(ring::record_bytes(4), 1);
  EXPECT_EQ(next.try_send("more"), SendStatus::sent);
  EXPECT_EQ(rings(), 1U);
  EXPECT_EQ(drain(), 2U);
  EXPECT_FALSE(armed());
}

}  // namespace
}  // namespace cortado::test
