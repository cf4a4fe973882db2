// A lane that is condemned while messages of it are not released: it is kept for these, no more.
#include <chrono>
#include <optional>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>

#include "../support/inside.hpp"
#include "ring/ring.hpp"
#include "temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

class CondemnedLane : public testing::Test {
 protected:
  CondemnedLane() {
    OwnerOptions options;
    options.directory = directory_.path();
    options.manual_release = true;
    owner_.emplace(std::move(*Owner::open("owner", options)));
    writer_.emplace(std::move(*owner_->make_writer()));
    EXPECT_EQ(writer_->try_send("held"), SendStatus::sent);
    EXPECT_EQ(drain(), 1U);
  }
  /// Puts what is no record behind the last one.
  void break_rule() {
    auto& parts = inside(*writer_);
    ring::word_at(parts.memory->ring(), parts.there.capacity(), parts.there.position()).store(5);
    EXPECT_EQ(drain(), 0U);
    EXPECT_EQ(writer_->try_send("x"), SendStatus::quarantined);
    ASSERT_EQ(owner_->writers(), 1U);
  }
  std::size_t drain() {
    return owner_->drain([](const Message&) {});
  }
  Event last_event() {
    Event last;
    while (auto event = owner_->next_event()) last = std::move(*event);
    return last;
  }

  TemporaryDirectory directory_;
  std::optional<Owner> owner_;
  std::optional<Writer> writer_;
};

TEST_F(CondemnedLane, lets_its_owner_sleep_in_wait) {
  break_rule();
  // News of before may end a few.
  int ended_at_once = 0;
  while (ended_at_once < 100 && owner_->wait(0ms)) {
    drain();
    ++ended_at_once;
  }
  EXPECT_LT(ended_at_once, 100);
  for (int i = 0; i < 3; ++i) {
    drain();
    EXPECT_FALSE(owner_->wait(0ms));
  }
}

TEST_F(CondemnedLane, lets_its_owner_sleep_on_fd) {
  pollfd readable{owner_->fd(), POLLIN, 0};
  break_rule();
  int woken = 0;
  while (woken < 100 && ::poll(&readable, 1, 0) == 1) {
    drain();
    ++woken;
  }
  EXPECT_LT(woken, 100);
}

TEST_F(CondemnedLane, goes_when_the_last_message_is_released) {
  break_rule();
  owner_->release_all();
  EXPECT_TRUE(owner_->wait(0ms)) << "there is a writer to let go";
  drain();
  EXPECT_EQ(owner_->writers(), 0U);
  const Event event = last_event();
  EXPECT_EQ(event.kind, Event::Kind::left);
  EXPECT_EQ(event.how, Left::quarantined);
  EXPECT_FALSE(event.reason.empty());
}

}  // namespace
}  // namespace cortado::test
