// What an owner rations: doorbells that ring in vain, connections, joins at a time, lanes that come
// and go; and what it still reads of a writer that was told to stop.
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "../support/inside.hpp"
#include "lane/rendezvous.hpp"
#include "os/timer_descriptor.hpp"
#include "os/unix_socket.hpp"
#include "temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

class Flood : public testing::Test {
 protected:
  Flood() {
    ::alarm(60);
    OwnerOptions options;
    options.directory = directory_.path();
    options.ring_bytes = options.reply_bytes = ring::kMinCapacity;
    options.spin = 0ns;
    owner_.emplace(std::move(*Owner::open("owner", options)));
    loud_.emplace(std::move(*owner_->make_writer()));
    honest_.emplace(std::move(*owner_->make_writer()));
    settle();
  }
  ~Flood() override { ::alarm(0); }

  /// Until there is no news.
  void settle() {
    while (owner_->wait(0ns)) drain();
  }
  std::size_t drain() {
    return owner_->drain([](const Message&) {});
  }
  OwnerParts& parts() { return inside(*owner_); }
  owner::OwnerLane& lane() { return *parts().lanes.at(0); }

  void ring() {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(inside(*loud_).doorbell.get(), &one, sizeof one), 8);
  }
  /// Rings until the owner listens no more; its rest does not end by itself then.
  void ring_until_muffled() {
    std::uint64_t heard = 0;
    for (; !lane().muffled && heard <= owner::OwnerLane::kRingCredit; ++heard) {
      ring();
      ASSERT_TRUE(owner_->wait(0ns)) << "ring " << heard;
      drain();
    }
    end_rest_at(std::nullopt);
    ASSERT_TRUE(lane().muffled);
    ASSERT_EQ(heard, owner::OwnerLane::kRingCredit + 1);
  }
  void end_rest_at(std::optional<std::chrono::steady_clock::time_point> when) {
    os::set_timer(parts().rest_timer.get(), when);
  }
  bool readable() {
    pollfd state{owner_->fd(), POLLIN, 0};
    return ::poll(&state, 1, 0) == 1;
  }
  /// Knocks that are never made, by a clock that is far ahead: the door does not open by itself.
  void knock_until_shut() {
    const auto now = std::chrono::steady_clock::now() + 1h;
    for (int knocks = 0; !parts().door_shut && knocks < 1000; ++knocks) parts().count_knock(now);
    ASSERT_TRUE(parts().door_shut);
  }
  os::Descriptor connection() { return std::move(*connect_to_owner("owner", directory_.path())); }

  TemporaryDirectory directory_;
  std::optional<Owner> owner_;
  std::optional<Writer> loud_, honest_;
};

TEST_F(Flood, of_rings_without_a_message_is_slept_through) {
  Fault fault("wake-storm");
  ring_until_muffled();
  for (int i = 0; i < 100; ++i) {
    ring();
    fault.fired();
    ASSERT_FALSE(owner_->wait(0ns));
  }
}

TEST_F(Flood, of_rings_without_a_message_is_slept_through_in_an_event_loop) {
  Fault fault("wake-storm");
  owner_->fd();
  drain();
  for (std::uint64_t i = 0; i <= owner::OwnerLane::kRingCredit; ++i) {
    ring();
    ASSERT_TRUE(readable()) << "ring " << i;
    drain();
  }
  end_rest_at(std::nullopt);
  ASSERT_TRUE(lane().muffled);
  ring();
  fault.fired();
  EXPECT_FALSE(readable());
  ASSERT_EQ(honest_->try_send("x"), SendStatus::sent);
  EXPECT_TRUE(readable()) << "others are heard";
  EXPECT_EQ(drain(), 1U);
  while (readable()) drain();  // it looks once more before it sleeps
  end_rest_at(std::chrono::steady_clock::now());
  EXPECT_TRUE(readable()) << "the rest is over";
}

TEST_F(Flood, of_rings_leaves_no_message_unseen_for_longer_than_a_rest) {
  Fault fault("wake-storm");
  ring_until_muffled();
  end_rest_at(std::chrono::steady_clock::now() + 50ms);
  std::size_t seen = 0;
  std::thread owning([&] {
    while (seen == 0) {
      owner_->wait(60s);
      seen = drain();
    }
  });
  // While it sleeps, so that a ring is what it takes: and nobody listens to it.
  while ((inside(*loud_).control->owner_state.load() & lane::owner_state::armed) == 0) {
    std::this_thread::yield();
  }
  EXPECT_EQ(loud_->try_send("at last"), SendStatus::sent);
  fault.fired();
  owning.join();
  EXPECT_EQ(seen, 1U);
}

TEST_F(Flood, that_has_ended_costs_no_further_wake_up) {
  Fault fault("wake-storm");
  ring_until_muffled();
  fault.fired();
  end_rest_at(std::chrono::steady_clock::now());
  int woken = 0;
  while (woken < 10 && owner_->wait(0ns)) {
    drain();
    ++woken;
  }
  EXPECT_LT(woken, 10);
  EXPECT_FALSE(lane().muffled);
  EXPECT_FALSE(parts().resting);
  ring();
  EXPECT_TRUE(owner_->wait(0ns)) << "it is listened to again";
}

/// Once for each message, as an honest writer that meets a sleeping owner every time.
TEST_F(Flood, is_not_what_a_writer_does_that_rings_for_each_message) {
  owner_->fd();
  drain();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(loud_->try_send("x"), SendStatus::sent);
    ASSERT_TRUE(readable());
    ASSERT_EQ(drain(), 1U);
    while (readable()) drain();  // it looks once more before it sleeps
    ASSERT_FALSE(lane().muffled);
  }
  EXPECT_GE(loud_->stats().doorbells, 1000U);
}

TEST_F(Flood, of_connections_gives_the_lanes_a_turn_after_a_few) {
  Fault fault("bad-handshakes");
  std::vector<os::Descriptor> silent;
  for (int i = 0; i < 40; ++i) silent.push_back(connection());
  fault.fired(silent.size());
  std::size_t before = 0;
  while (parts().pending_joins.size() < silent.size()) {
    ASSERT_TRUE(owner_->wait(0ns)) << "the others still knock";
    const std::size_t now = parts().pending_joins.size();
    ASSERT_LE(now - before, OwnerParts::kAcceptsPerServe);
    ASSERT_EQ(honest_->try_send("x"), SendStatus::sent);
    ASSERT_EQ(drain(), 1U);
    before = parts().pending_joins.size();
  }
}

/// Also if the owner never sleeps: some each drain, once it has seen that they knock.
TEST_F(Flood, of_joins_is_worked_off_though_messages_keep_coming) {
  constexpr int kJoins = 20;
  std::vector<os::Descriptor> knocking;
  for (int i = 0; i < kJoins; ++i) {
    knocking.push_back(connection());
    const lane::Hello hello;
    os::send_message(knocking.back().get(), std::as_bytes(std::span(&hello, 1)), {}, 0);
  }
  const auto busy_drain = [&] {
    ASSERT_EQ(honest_->try_send("x"), SendStatus::sent);
    ASSERT_EQ(drain(), 1U);
  };
  while (parts().pending_joins.empty()) busy_drain();
  for (int drains = 1; owner_->writers() < 2 + kJoins; ++drains) {
    busy_drain();
    ASSERT_LE(drains, kJoins) << owner_->writers() << " writers";
  }
}

TEST_F(Flood, of_connections_shuts_the_door_after_a_burst) {
  Fault fault("bad-handshakes");
  const auto now = std::chrono::steady_clock::now() + 1h;
  const auto knock = [&](std::chrono::nanoseconds later) {
    fault.fired();
    parts().count_knock(now + later);
    return parts().door_shut;
  };
  for (int i = 0; i < 256; ++i) ASSERT_FALSE(knock(0ns)) << "knock " << i;
  for (int i = 1; i < 1000; ++i) ASSERT_FALSE(knock(i * 200us)) << "at the pace of the ration";
  EXPECT_TRUE(knock(999 * 200us)) << "one more";
  parts().open_door();
  EXPECT_FALSE(parts().door_shut);
  for (int i = 1; i < 300; ++i) ASSERT_FALSE(knock((1000 + i) * 200us)) << "at that pace again";
  for (int i = 0; i < 256; ++i) ASSERT_FALSE(knock(1h)) << "after a pause, a burst again";
  EXPECT_TRUE(knock(1h));
}

TEST_F(Flood, of_connections_waits_at_the_door_until_it_opens) {
  Fault fault("bad-handshakes");
  knock_until_shut();
  const os::Descriptor first = connection(), second = connection();
  fault.fired(2);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_FALSE(owner_->wait(0ns)) << "nobody is to be seen";
    ASSERT_EQ(honest_->try_send("x"), SendStatus::sent);
    ASSERT_EQ(drain(), 1U);
  }
  EXPECT_TRUE(parts().pending_joins.empty());
  os::set_timer(parts().door_timer.get(), std::chrono::steady_clock::now() + 50ms);
  while (parts().pending_joins.empty()) ASSERT_TRUE(owner_->wait(60s)) << "it sleeps on";
  settle();
  EXPECT_EQ(parts().pending_joins.size(), 1U) << "there was no time for more";
  EXPECT_TRUE(parts().door_shut);
}

TEST_F(Flood, of_connections_waits_at_the_door_of_an_event_loop) {
  Fault fault("bad-handshakes");
  owner_->fd();
  while (readable()) drain();
  knock_until_shut();
  const os::Descriptor knocking = connection();
  const lane::Hello hello;
  os::send_message(knocking.get(), std::as_bytes(std::span(&hello, 1)), {}, 0);
  fault.fired();
  EXPECT_FALSE(readable());
  os::set_timer(parts().door_timer.get(), std::chrono::steady_clock::now());
  EXPECT_TRUE(readable()) << "the door opens";
  while (owner_->writers() != 3) drain();
}

TEST_F(Flood, of_lanes_that_come_and_go_is_told_to_try_again) {
  Fault fault("too-many-writers");
  while (parts().may_make_lane()) {
    parts().count_turnover();
    fault.fired();
  }
  EXPECT_GE(fault.count(), 64U) << "a burst is not";
  parts().turnovers_paid += 1h;  // not a matter of time here
  const os::Descriptor knocking = connection();
  const lane::Hello hello;
  os::send_message(knocking.get(), std::as_bytes(std::span(&hello, 1)), {}, 0);
  settle();
  lane::Welcome welcome;
  ASSERT_EQ(::recv(knocking.get(), &welcome, sizeof welcome, MSG_DONTWAIT),
            static_cast<ssize_t>(sizeof welcome));
  EXPECT_EQ(welcome.refused, 1 + static_cast<std::uint32_t>(Errc::try_again)) << welcome.text;
  EXPECT_TRUE(owner_->make_writer()) << "the owner's own threads are no flood";
}

TEST_F(Flood, of_unnamed_writers_gives_each_the_first_free_name) {
  std::vector<Writer> writers;
  const std::string first = loud_->name();
  EXPECT_EQ(honest_->name(), first + "-2");
  for (int i = 3; i <= 50; ++i) {
    writers.push_back(std::move(*owner_->make_writer()));
    EXPECT_EQ(writers.back().name(), first + "-" + std::to_string(i));
  }
  JoinOptions odd;
  for (const char* end : {"-x", "-", "-51x", "-99999999999999999999", "-0"}) {
    odd.name = first + end;
    writers.push_back(std::move(*owner_->make_writer(odd)));
  }
  writers.erase(writers.begin() + 4);  // number 7
  loud_.reset();
  while (owner_->writers() != 53) {
    owner_->wait(0ns);
    drain();
  }
  EXPECT_EQ(owner_->make_writer()->name(), first);
  writers.push_back(std::move(*owner_->make_writer()));
  EXPECT_EQ(writers.back().name(), first + "-7");
  writers.push_back(std::move(*owner_->make_writer()));
  EXPECT_EQ(writers.back().name(), first + "-51");
}

/// It does not look at what it is told, and writes on as fast as it is read.
TEST_F(Flood, of_messages_after_the_end_does_not_keep_an_owner_from_ending) {
  Fault fault("writer-ignores-closing");
  auto& ring = inside(*loud_).there;
  std::uint64_t sequence = 0;
  const auto fill = [&] {
    while (ring.write({}, {0, 0, static_cast<std::uint8_t>(sequence), 0})) ++sequence;
  };
  fill();
  const std::uint64_t before = sequence;
  owner_->close();
  std::uint64_t after = 0;
  while (!owner_->drained()) {
    after += drain();
    fill();
    fault.fired();
    ASSERT_LE(after, 3 * ring::kMinCapacity / 8) << "it goes on for ever";
  }
  EXPECT_GE(after, before) << "what was sent before is read";
}

}  // namespace
}  // namespace cortado::test
