// Streams that were caught up with, and messages that are read where they stand.
#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

/// More than makes a stream, less than one turn.
constexpr int kStream = 100;
/// Most of them find a stream that rests; on a busy machine not all.
constexpr int kAttempts = 20;

class Streams : public Setting {
 public:
  static void stream(cortado::Writer& writer) {
    for (int i = 0; i < kStream; ++i) ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  }
  /// A stream that was found twice is looked at late in the next round.
  static void let_rest(cortado::Owner& owner, cortado::Writer& writer) {
    for (int round = 0; round < 2; ++round) {
      stream(writer);
      ASSERT_EQ(one_round(owner).size(), std::size_t{kStream});
    }
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
  // Not every time: a stream with a pause in it, on a busy machine, is none.
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    let_rest(owner, loud);
    ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
    ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
    if (one_round(owner) != Texts{"quiet", "loud"}) continue;
    ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
    ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
    EXPECT_EQ(one_round(owner).size(), 2U);
    return;
  }
  FAIL() << "it is never looked at late";
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

TEST_F(Streams, are_heard_when_a_lane_before_them_is_gone) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto owner = open();
    auto brief = writer_of(owner, "brief");
    auto loud = writer_of(owner, "loud");
    auto third = writer_of(owner, "third");
    let_rest(owner, loud);
    EXPECT_EQ(brief.close(0ns), 0U);
    while (owner.writers() != 2) {
      owner.wait(1ms);
      one_round(owner);
    }
    ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
    ASSERT_EQ(third.try_send("y"), SendStatus::sent);
    Texts names = one_round(owner);
    for (const std::string& more : one_round(owner)) names.push_back(more);
    std::sort(names.begin(), names.end());
    ASSERT_EQ(names, (Texts{"loud", "third"}));
  }
}

TEST_F(Streams, are_heard_with_lanes_that_their_handlers_make) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto owner = open();
    std::vector<cortado::Writer> writers;
    for (const char* name : {"a", "b"}) writers.push_back(writer_of(owner, name));
    for (int round = 0; round < 2; ++round) {
      for (cortado::Writer& each : writers) stream(each);
      ASSERT_EQ(one_round(owner).size(), 2U * kStream);
    }
    for (cortado::Writer& each : writers) ASSERT_EQ(each.try_send("x"), SendStatus::sent);
    Texts names;
    owner.drain([&](const cortado::Message& m) {
      names.emplace_back(m.writer());
      for (int i = 0; i < 20; ++i) {
        writers.push_back(writer_of(owner, "made by " + names.back() + std::to_string(i)));
        ASSERT_EQ(writers.back().try_send("z"), SendStatus::sent);
      }
    });
    EXPECT_EQ(names, (Texts{"a", "b"}));
    EXPECT_EQ(one_round(owner).size(), 40U);
  }
}

TEST_F(Streams, that_rest_are_heard_while_a_handler_waits) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  auto other = writer_of(owner, "other");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    for (int round = 0; round < 2; ++round) {
      stream(loud);
      stream(other);
      ASSERT_EQ(one_round(owner).size(), 2U * kStream);
    }
    ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
    ASSERT_EQ(other.try_send("y"), SendStatus::sent);
    // If both rest, neither is in the scan, and what a handler looks at counts as waiting, too.
    std::vector<bool> heard;
    owner.drain([&](const cortado::Message&) { heard.push_back(owner.wait(1s)); });
    ASSERT_EQ(heard, (std::vector<bool>{true, true}));
  }
}

TEST_F(Streams, have_their_turn_though_others_use_up_every_call) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  auto busy = writer_of(owner, "busy");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    let_rest(owner, loud);
    ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
    stream(busy);
    int calls = 0;
    bool heard = false;
    while (!heard && calls < kStream) {
      ++calls;
      owner.drain([&](const cortado::Message& m) { heard = m.writer() == "loud"; }, {1});
    }
    ASSERT_TRUE(heard);
    ASSERT_LE(calls, 3);
    one_round(owner);
  }
}

TEST_F(Streams, do_not_lose_their_turn_to_a_budget_that_is_used_up) {
  auto owner = open();
  auto first = writer_of(owner, "first");
  auto second = writer_of(owner, "second");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    let_rest(owner, first);
    ASSERT_EQ(first.try_send("x"), SendStatus::sent);
    stream(second);
    int heard = 0;
    const auto listen = [&](const cortado::Message& m) { heard += m.writer() == "first"; };
    ASSERT_EQ(owner.drain(listen, {1}), 1U);
    ASSERT_EQ(owner.drain(listen), std::size_t{kStream});
    ASSERT_EQ(heard, 1);
  }
}

TEST_F(Streams, of_long_messages_have_a_quarter_of_their_ring_in_a_turn) {
  auto chosen = options();
  chosen.ring_bytes = 4096;
  auto owner = open(chosen);
  auto loud = writer_of(owner, "loud");
  auto quiet = writer_of(owner, "quiet");
  const std::string message(300, 'x');  // 312 bytes of the ring each
  for (int i = 0; i < 6; ++i) ASSERT_EQ(loud.try_send(message), SendStatus::sent);
  ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
  EXPECT_EQ(one_round(owner), (Texts{"loud", "loud", "loud", "loud", "quiet"}));
  EXPECT_EQ(one_round(owner), (Texts{"loud", "loud"}));
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
