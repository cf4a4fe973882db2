// Streams that were caught up with, and messages that are read where they stand.
#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

/// More than makes a stream, less than one turn.
constexpr int kStream = 100;

class Streams : public Setting {
 public:
  static void stream(cortado::Writer& writer) {
    for (int i = 0; i < kStream; ++i) ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  }
  /// The names of the writers whose messages one call of drain handles, in order.
  static Texts one_round(cortado::Owner& owner) {
    Texts names;
    owner.drain([&](const cortado::Message& m) { names.emplace_back(m.writer()); });
    return names;
  }
};

TEST_F(Streams, that_were_caught_up_with_have_their_turn_after_all_others) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  auto quiet = writer_of(owner, "quiet");
  for (int round = 0; round < 2; ++round) {
    stream(loud);
    ASSERT_EQ(one_round(owner).size(), std::size_t{kStream});
  }
  ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
  ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
  EXPECT_EQ(one_round(owner), (Texts{"quiet", "loud"}));
}

TEST_F(Streams, let_a_lone_message_be_seen_by_the_next_drain) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  for (int round = 0; round < 3; ++round) {
    stream(writer);
    ASSERT_EQ(one_round(owner).size(), std::size_t{kStream});
    ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
    EXPECT_EQ(one_round(owner).size(), 1U);
  }
}

TEST_F(Streams, are_read_on_though_lanes_come_and_go) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  for (int round = 0; round < 20; ++round) {
    auto brief = writer_of(owner, "brief");
    stream(loud);
    ASSERT_EQ(brief.try_send("y"), SendStatus::sent);
    ASSERT_EQ(brief.close(0ns), 1U);
    Texts names;
    while (names.size() <= kStream) {
      const Texts some = one_round(owner);
      names.insert(names.end(), some.begin(), some.end());
    }
    ASSERT_EQ(std::count(names.begin(), names.end(), "brief"), 1) << "round " << round;
    while (owner.writers() != 1) owner.wait(1ms), one_round(owner);
  }
}

TEST_F(Streams, that_rest_are_heard_while_a_handler_waits) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  auto quiet = writer_of(owner, "quiet");
  for (int round = 0; round < 2; ++round) {
    stream(loud);
    ASSERT_EQ(one_round(owner).size(), std::size_t{kStream});
  }
  ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
  ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
  bool is_first = true;
  bool heard = false;
  owner.drain([&](const cortado::Message& m) {
    EXPECT_EQ(m.writer(), is_first ? "quiet" : "loud");
    // Handled already, and no more of the quiet one's: what is heard is the stream.
    if (std::exchange(is_first, false))
      heard = owner.wait_until(std::chrono::steady_clock::time_point::max());
  });
  EXPECT_TRUE(heard);
}

TEST_F(Streams, do_not_lose_their_turn_to_a_budget_that_is_used_up) {
  auto owner = open();
  auto first = writer_of(owner, "first");
  auto second = writer_of(owner, "second");
  const auto ignore = [](const cortado::Message&) {};
  for (int round = 0; round < 2; ++round) {
    stream(first);
    ASSERT_EQ(owner.drain(ignore), std::size_t{kStream});
  }
  ASSERT_EQ(first.try_send("x"), SendStatus::sent);
  stream(second);
  ASSERT_EQ(owner.drain(ignore, {1}), 1U) << "the second's, and nothing of the first";
  bool heard = false;
  owner.drain([&](const cortado::Message& m) { heard = heard || m.writer() == "first"; });
  EXPECT_TRUE(heard);
}

class InPlace : public Setting {
 public:
  cortado::OwnerOptions trusting() const {
    auto chosen = options();
    chosen.read_in_place = true;
    chosen.ring_bytes = 4096;
    return chosen;
  }
};

TEST_F(InPlace, messages_stand_in_the_ring_and_are_whole_where_it_wraps) {
  auto owner = open(trusting());
  auto writer = writer_of(owner, "a");
  std::set<const std::byte*> places;
  for (int i = 0; i < 200; ++i) {
    const std::string sent(static_cast<std::size_t>(i * 7 % 300), static_cast<char>('a' + i % 26));
    ASSERT_EQ(writer.try_send(sent), SendStatus::sent);
    ASSERT_EQ(owner.drain([&](const cortado::Message& m) {
      EXPECT_EQ(m.text(), sent);
      places.insert(m.bytes().data());
    }),
              1U);
  }
  EXPECT_GT(places.size(), 100U) << "one place: a private copy";
}

TEST_F(InPlace, messages_are_copied_unless_it_is_asked_for) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  std::set<const std::byte*> places;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
    owner.drain([&](const cortado::Message& m) { places.insert(m.bytes().data()); });
  }
  EXPECT_EQ(places.size(), 1U);
}

TEST_F(InPlace, an_ask_is_answered) {
  auto owner = open(trusting());
  auto writer = writer_of(owner, "a");
  std::jthread asker([&] {
    const auto answer = writer.ask(std::string_view("7"), kWatchdog);
    ASSERT_TRUE(answer) << answer.error().text;
    EXPECT_EQ(answer->size(), 2U);
  });
  bool answered = false;
  while (!answered) {
    owner.drain([&](const cortado::Message& m) {
      EXPECT_EQ(m.text(), "7");
      EXPECT_EQ(m.reply(std::string_view("49")), cortado::ReplyStatus::replied);
      answered = true;
    });
    if (!answered) owner.wait(kWatchdog);
  }
}

}  // namespace
