// An owner killed under a keeper: what the next one makes of the lanes, and of what stands in them.
#include <chrono>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/estate.hpp"
#include "../support/fault.hpp"
#include "../support/keep.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

/// A control page as a hostile writer may leave it.
class HostilePage : public testing::TestWithParam<int> {};

TEST_P(HostilePage, does_not_stop_the_next_owner_or_any_other_lane) {
  Keep keep;
  keep.start(serving());
  Writer bad = keep.join("bad");
  Writer good = keep.join("good");
  keep.heard_all({"joined bad", "joined good"});
  std::memset(static_cast<void*>(&inside(bad).memory->control()), GetParam(), lane::kPageBytes);
  keep.kill();

  keep.start(serving());
  ASSERT_EQ(good.try_send("here"), SendStatus::sent);
  const Lines lines = keep.heard_all({"opened", "adopted good", "good: here"});
  // Its own lane goes on, or ends. Who took back the number of the owner's sleep may have rung for
  // that number before, so others have to wake the owner.
  const SendStatus status = bad.try_send("me, too");
  ASSERT_EQ(good.try_send("still here"), SendStatus::sent);
  if (status == SendStatus::sent) {
    EXPECT_TRUE(contains(lines, "adopted bad"));
    keep.heard_all({"bad: me, too", "good: still here"});
  } else {
    EXPECT_TRUE(contains(lines, "left bad quarantined") || contains(lines, "left bad evicted"));
    keep.heard_until("good: still here");
  }
}

INSTANTIATE_TEST_SUITE_P(Takeover, HostilePage, testing::Values(0x00, 0xff, 0x5a));

TEST(Takeover, knows_a_lane_by_the_kept_segment_alone) {
  Fault fault("owner-reconfigured");
  Keep keep;
  OwnerOptions options;
  options.ring_bytes = options.reply_bytes = 4096;
  keep.start(serving(), options);
  Writer writer = keep.join("w");
  keep.heard_until("joined w");
  keep.kill();

  lane::LaneControl& control = inside(writer).memory->control();
  control.ring_bytes = control.reply_bytes = 1U << 20;
  control.lane_id = 77;
  options.ring_bytes = options.reply_bytes = 8192;
  fault.fired();
  const auto body = [](Owner& owner, const Reports& reports) {
    auto event = owner.next_event();
    reports.tell(told(*event) + " " + std::to_string(event->uid) + " " +
                 std::to_string(event->pid) + " " + std::to_string(event->lane_id));
    const auto answer = [](const Message& m) { m.reply(std::string(1000, 'r')); };
    for (;;) drain_and_tell(owner, reports, answer);
  };
  keep.start(body, options);
  keep.heard_until("adopted w " + std::to_string(::geteuid()) + " " + std::to_string(::getpid()) +
                   " 1");
  // Several times around both rings.
  for (int i = 0; i < 20; ++i) {
    const std::string text(1000, static_cast<char>('a' + i));
    ASSERT_EQ(writer.send(text, kWatchdog), SendStatus::sent);
    EXPECT_EQ(keep.heard(), "w: " + text);
    auto answer = writer.ask("?", kWatchdog);
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(*answer, std::string(1000, 'r'));
    EXPECT_EQ(keep.heard(), "w: ?");
  }
}

TEST(Takeover, takes_closing_back) {
  Fault fault("owner-killed-in-shutdown");
  Keep keep;
  keep.start([](Owner& owner, const Reports& reports) {
    for (;;) {
      if (!contains(drain_and_tell(owner, reports, [](const Message&) {}), "close")) continue;
      owner.close();
      reports.tell("closing");
    }
  });
  Writer writer = keep.join("w");
  ASSERT_EQ(writer.try_send("close"), SendStatus::sent);
  keep.heard_until("closing");
  EXPECT_EQ(writer.try_send("late"), SendStatus::closing);
  keep.kill();
  fault.fired();

  keep.start(serving());
  keep.heard_until("adopted w");
  EXPECT_EQ(writer.poll(), SendStatus::sent);
  EXPECT_EQ(writer.try_send("again"), SendStatus::sent);
  keep.heard_until("w: again");
  Writer another = keep.join("another");
  EXPECT_EQ(another.try_send("hello"), SendStatus::sent);
  keep.heard_until("another: hello");
}

TEST(Takeover, lets_an_evicted_writer_go) {
  Keep keep;
  OwnerOptions options;
  options.manual_release = true;  // or the lane would end with its eviction
  keep.start(
      [](Owner& owner, const Reports& reports) {
        for (;;) {
          if (!contains(drain_and_tell(owner, reports, [](const Message&) {}), "m")) continue;
          owner.evict("w");
          reports.tell("evicted");
        }
      },
      options);
  Writer writer = keep.join("w");
  ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
  keep.heard_until("evicted");
  EXPECT_EQ(writer.try_send("late"), SendStatus::closing);
  keep.kill();
  EXPECT_EQ(writer.try_send("late"), SendStatus::closing);

  keep.start(serving());
  keep.heard_all({"w: m again", "left w evicted"});
  EXPECT_EQ(writer.try_send("late"), SendStatus::closing);
  EXPECT_EQ(writer.poll(), SendStatus::closing);
  EXPECT_EQ(writer.stats().rejoins, 0U);
  Writer next = keep.join("w");
  EXPECT_EQ(next.try_send("new"), SendStatus::sent);
  keep.heard_until("w: new");
}

/// What it does to its own page changes nothing: the kept segment says who was sent away.
TEST(Takeover, does_not_believe_a_writer_that_takes_its_eviction_back) {
  for (const auto stage : {lane::KeptLane::Stage::evicted, lane::KeptLane::Stage::condemned}) {
    Estate estate(0);
    estate.begin({});
    Writer writer = estate.attach_writer(0, 0);
    ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
    estate.kept_lane().stage.store(stage);
    estate.control().owner_state.store(0);
    estate.hand_over();
    auto owner = Owner::open(Estate::kName);
    ASSERT_TRUE(owner) << owner.error().text;
    const bool condemned = stage == lane::KeptLane::Stage::condemned;
    EXPECT_NE(estate.control().owner_state.load() & lane::owner_state::ended, 0U);
    EXPECT_EQ(owner->drain([](const Message&) {}), condemned ? 0U : 1U);
    EXPECT_EQ(owner->writers(), 0U);
    EXPECT_EQ(writer.try_send("n"), condemned ? SendStatus::quarantined : SendStatus::closing);
  }
}

TEST(Takeover, does_not_believe_a_writer_that_says_it_was_sent_away) {
  Estate estate(0);
  estate.begin({});
  Writer writer = estate.attach_writer(0, 0);
  ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
  estate.control().owner_state.store(lane::owner_state::ended);
  estate.hand_over();
  auto owner = Owner::open(Estate::kName);
  ASSERT_TRUE(owner) << owner.error().text;
  EXPECT_EQ(owner->drain([](const Message&) {}), 1U);
  EXPECT_EQ(writer.try_send("n"), SendStatus::sent);
  EXPECT_EQ(owner->drain([](const Message&) {}), 1U);
}

TEST(Takeover, has_room_for_replies_though_the_last_owners_fill_the_ring) {
  Keep keep;
  OwnerOptions options;
  options.manual_release = true;  // all that was answered is in hand still, and comes again
  options.reply_bytes = 4096;
  const auto answering = serving([](const Message& m) { m.reply(std::string(1000, 'r')); });
  keep.start(answering, options);
  Writer writer = keep.join("w");
  for (int generation = 1; generation <= 3; ++generation) {
    for (int i = 0; i < 6; ++i) {
      auto answer = writer.ask("?", kWatchdog);
      ASSERT_TRUE(answer) << answer.error().text;
      ASSERT_EQ(answer->size(), 1000U);
    }
    keep.kill();
    keep.start(answering, options);
  }
  EXPECT_TRUE(writer.ask("?", kWatchdog));
}

/// The last owner may have died between the Welcome that the writer has and its own note of it.
TEST(Takeover, tells_of_a_writer_that_no_owner_told_of_as_joined) {
  Estate estate(0);
  estate.begin({});
  estate.kept_lane().stage.store(lane::KeptLane::Stage::offered);
  Writer writer = estate.attach_writer(0, 0);
  ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
  estate.hand_over();
  auto owner = Owner::open(Estate::kName);
  ASSERT_TRUE(owner) << owner.error().text;
  const auto event = owner->next_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(told(*event), std::string("joined ") + Estate::kWriter);
  EXPECT_FALSE(owner->next_event());
  EXPECT_EQ(owner->drain([](const Message&) {}), 1U);
  EXPECT_EQ(writer.poll(), SendStatus::sent) << "it hears a second Welcome, and goes on";
  EXPECT_EQ(writer.try_send("n"), SendStatus::sent);
  EXPECT_EQ(owner->drain([](const Message&) {}), 1U);
}

/// It had its Welcome, sent something, and died, as the owner did before it could note the Welcome.
TEST(Takeover, tells_of_a_writer_as_joined_once_though_it_is_gone_and_owners_die) {
  Estate estate(0);
  estate.begin({});
  estate.kept_lane().stage.store(lane::KeptLane::Stage::offered);
  Writer writer = estate.attach_writer(0, 0);
  ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
  for (const char* const event : {"joined ", "adopted ", "adopted "}) {
    estate.hand_over();
    estate.close_writers_end();
    auto owner = Owner::open(Estate::kName);
    ASSERT_TRUE(owner) << owner.error().text;
    EXPECT_EQ(told(owner->next_event().value()), event + std::string(Estate::kWriter));
    EXPECT_FALSE(owner->next_event());
  }
  estate.hand_over();
  auto owner = Owner::open(Estate::kName);
  ASSERT_TRUE(owner) << owner.error().text;
  EXPECT_EQ(owner->drain([](const Message&) {}), 1U);
  EXPECT_EQ(told(owner->next_event().value()), std::string("adopted ") + Estate::kWriter);
  while (owner->writers() != 0) {
    owner->wait(kWatchdog);
    owner->drain([](const Message&) {});
  }
  EXPECT_EQ(told(owner->next_event().value()), std::string("left ") + Estate::kWriter + " died");
}

/// What lies in the kept segment if the dead owner scribbled over it.
TEST(Takeover, gives_up_a_lane_whose_kept_positions_cannot_be) {
  const auto damages = {
      +[](lane::KeptLane& record) { record.slots[0].position = 4; },
      +[](lane::KeptLane& record) { record.reply_slots[0].position = 1; },
      +[](lane::KeptLane& record) { record.in_hand.store(3); },
      +[](lane::KeptLane& record) { record.handling.store(9); },
      +[](lane::KeptLane& record) { record.ring_bytes -= 8, record.reply_bytes += 8; },
      +[](lane::KeptLane& record) { record.ring_bytes = 0, record.reply_bytes *= 2; },
  };
  for (const auto damage : damages) {
    Estate estate(0);
    estate.begin({});
    damage(estate.kept_lane());
    estate.hand_over();
    auto owner = Owner::open(Estate::kName);
    ASSERT_TRUE(owner) << owner.error().text;
    const auto event = owner->next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(told(*event), std::string("left ") + Estate::kWriter + " quarantined");
    EXPECT_NE(event->reason.find("damaged"), std::string::npos) << event->reason;
    EXPECT_EQ(owner->writers(), 0U);
  }
}

/// An ask that the dead owner had answered, and had in hand.
class AnsweredAsk : public testing::TestWithParam<bool> {};

TEST_P(AnsweredAsk, is_not_answered_twice) {
  const bool counted = GetParam();
  Estate estate(0);
  estate.begin({});
  Writer writer = estate.attach_writer(0, 0);
  EXPECT_EQ(writer.ask("?", 0ms).error().code, Errc::unknown);
  const std::uint64_t behind = ring::record_bytes(sizeof(ring::AskPrefix) + 1);
  estate.kept_lane().in_hand.store(behind);
  estate.kept_lane().handling.store(behind);
  std::byte reply[sizeof(ring::ReplyPrefix) + 5] = {};  // to the ask of sequence 0
  std::memcpy(reply + sizeof(ring::ReplyPrefix), "first", 5);
  ring::Producer back(estate.reply_ring(), Estate::kRingBytes, 0, &estate.control().reply_released);
  ASSERT_TRUE(back.write(reply, {}));
  if (counted) estate.kept_lane().commit(lane::Replied{back.position(), 1, 1});
  estate.hand_over();

  auto owner = Owner::open(Estate::kName);
  ASSERT_TRUE(owner) << owner.error().text;
  const auto answer_second = [](const Message& m) {
    EXPECT_EQ(m.reply("second"), ReplyStatus::replied);
  };
  EXPECT_EQ(owner->drain(answer_second), 1U);
  EXPECT_EQ(owner->stats().at(0).redelivered, 1U);
  EXPECT_EQ(owner->stats().at(0).replies, 0U);
  const auto answer_to = [&](std::uint64_t sequence) {
    Result<std::vector<std::byte>> answer = Error{Errc::unknown, {}};
    if (!inside(writer).take_reply(sequence, answer) || !answer) return std::string("none");
    return std::string(reinterpret_cast<const char*>(answer->data()), answer->size());
  };
  EXPECT_EQ(answer_to(0), "first");
  EXPECT_EQ(answer_to(0), "none");
  // The next one has the number that follows.
  EXPECT_EQ(writer.ask("?", 0ms).error().code, Errc::unknown);
  EXPECT_EQ(owner->drain(answer_second), 1U);
  EXPECT_EQ(answer_to(1), "second");
}

INSTANTIATE_TEST_SUITE_P(Takeover, AnsweredAsk, testing::Bool(), [](const auto& counted) {
  return std::string(counted.param ? "and_counted" : "and_not_counted");
});

}  // namespace
}  // namespace cortado::test
