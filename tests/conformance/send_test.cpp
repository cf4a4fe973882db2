// Sending: what a writer can do, and what the owner sees of it.
#include <cstring>
#include <memory>
#include <thread>

#include <sys/wait.h>

#include <poll.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

class Send : public Setting {};

TEST_F(Send, delivers_messages_of_one_writer_in_order) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  for (const char* text : {"Choca", "", "Mocha with Milk"}) {
    EXPECT_EQ(writer.try_send(text), SendStatus::sent);
  }
  EXPECT_EQ(drain(owner), (Texts{"Choca", "", "Mocha with Milk"}));
  EXPECT_EQ(writer.sequence(), 3U);
  EXPECT_EQ(writer.unreleased(), 0U);
}

TEST_F(Send, gives_the_handler_writer_and_sequence) {
  auto owner = open();
  auto one = writer_of(owner, "one");
  auto two = writer_of(owner, "two");
  ASSERT_EQ(one.try_send("x"), SendStatus::sent);
  ASSERT_EQ(two.try_send("y"), SendStatus::sent);
  ASSERT_EQ(two.try_send("z"), SendStatus::sent);
  Texts seen;
  owner.drain([&](const cortado::Message& m) {
    seen.push_back(std::string(m.writer()) + std::to_string(m.sequence()) + std::string(m.text()));
    EXPECT_FALSE(m.redelivered());
    EXPECT_FALSE(m.is_ask());
  });
  EXPECT_EQ(seen, (Texts{"one0x", "two0y", "two1z"}));
}

TEST_F(Send, refuses_what_is_too_large_before_the_first_store) {
  cortado::test::Fault fault("message-sizes");
  auto owner = open();
  auto writer = writer_of(owner, "a");
  const std::string largest(writer.max_message(), 'x');
  EXPECT_EQ(writer.max_message(), options().ring_bytes - 16);
  EXPECT_EQ(writer.try_send(largest + "x"), SendStatus::too_large);
  EXPECT_EQ(writer.claim(largest.size() + 1).status(), SendStatus::too_large);
  EXPECT_EQ(writer.sequence(), 0U);
  EXPECT_EQ(drain(owner), Texts{});
  EXPECT_EQ(writer.try_send(largest), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{largest});
  fault.fired();
}

TEST_F(Send, says_full_and_goes_on_after_a_drain) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  std::uint64_t sent = 0;
  while (writer.try_send(std::to_string(sent)) == SendStatus::sent) ++sent;
  EXPECT_EQ(writer.try_send("late"), SendStatus::full);
  const Texts texts = drain(owner);
  ASSERT_EQ(texts.size(), sent);
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_EQ(texts[i], std::to_string(i));
  EXPECT_EQ(writer.try_send("next"), SendStatus::sent);
}

TEST_F(Send, keeps_to_its_deadline_when_the_ring_stays_full) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  while (writer.try_send("x") == SendStatus::sent) {
  }
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(writer.send(std::string_view("y"), 20ms), SendStatus::full);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
}

TEST_F(Send, claim_publishes_nothing_before_commit_and_nothing_on_discard) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = writer.claim(5);
  ASSERT_TRUE(claim);
  std::memcpy(claim->bytes().data(), "Mocha", 5);
  EXPECT_EQ(drain(owner), Texts{});
  claim->discard();
  EXPECT_EQ(drain(owner), Texts{});
  auto again = writer.claim(5);
  std::memcpy(again->bytes().data(), "Latte", 5);
  EXPECT_EQ(again->commit(3), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"Lat"});
  EXPECT_EQ(writer.sequence(), 1U);
}

TEST_F(Send, blocks_until_another_thread_makes_room) {
  auto owner = open();
  const std::uint64_t messages = 200'000;
  std::thread sender([&, joined = writer_of(owner, "a")]() mutable {
    for (std::uint64_t i = 0; i < messages; ++i) {
      ASSERT_EQ(joined.send(std::to_string(i), kWatchdog), SendStatus::sent);
    }
    EXPECT_EQ(joined.close(kWatchdog), 0U);
  });
  std::uint64_t next = 0;
  bool in_order = true;
  while (next < messages) {
    if (owner.drain([&](const cortado::Message& m) {
          in_order = in_order && m.text() == std::to_string(next);
          ++next;
        }) == 0) {
      owner.wait(kWatchdog);
    }
  }
  sender.join();
  EXPECT_TRUE(in_order);
  const cortado::Event left = departure(owner);
  EXPECT_EQ(left.how, cortado::Left::closed);
  EXPECT_EQ(left.delivered, messages);
}

TEST_F(Send, by_a_thread_that_joins_by_name_works_the_same) {
  auto owner = open();
  std::thread sender([&] {
    auto writer = cortado::Writer::join("setting", as("by-name"));
    ASSERT_TRUE(writer) << writer.error().text;
    EXPECT_EQ(writer->try_send("hello"), SendStatus::sent);
    EXPECT_TRUE(writer->wait_applied(kWatchdog));
  });
  Texts texts;
  while (texts.empty()) {
    owner.wait(kWatchdog);
    for (auto& text : drain(owner)) texts.push_back(text);
  }
  sender.join();
  EXPECT_EQ(texts, Texts{"hello"});
}

TEST_F(Send, in_a_forked_child_is_refused_and_the_parent_is_unharmed) {
  cortado::test::Fault fault("writer-forks");
  auto owner = open();
  auto writer = writer_of(owner, "a");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(writer.try_send("child") == SendStatus::forked ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  fault.fired();
  EXPECT_EQ(status, 0);
  fault.fired();
  EXPECT_EQ(writer.try_send("parent"), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"parent"});
}

TEST_F(Send, through_event_loops_wakes_both_sides) {
  auto owner = open();
  const std::uint64_t messages = 50'000;
  std::thread sender([&, joined = writer_of(owner, "a")]() mutable {
    pollfd readable{joined.fd(), POLLIN, 0};
    for (std::uint64_t i = 0; i < messages;) {
      const SendStatus status = joined.try_send("0123456789012345678901234567890123456789");
      if (status == SendStatus::sent) {
        ++i;
        continue;
      }
      ASSERT_EQ(status, SendStatus::full);
      ASSERT_EQ(::poll(&readable, 1, 60'000), 1);
      ASSERT_EQ(joined.poll(), SendStatus::sent);
    }
  });
  std::uint64_t handled = 0;
  pollfd readable{owner.fd(), POLLIN, 0};
  while (handled < messages) {
    handled += owner.drain([](const cortado::Message&) {});
    if (handled < messages) {
      ASSERT_EQ(::poll(&readable, 1, 60'000), 1);
    }
  }
  sender.join();
}

TEST_F(Send, to_an_owner_that_closes_says_closing_and_loses_nothing) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  ASSERT_EQ(writer.try_send("before"), SendStatus::sent);
  owner.close();
  EXPECT_EQ(writer.try_send("after"), SendStatus::closing);
  EXPECT_EQ(writer.send(std::string_view("after"), kWatchdog), SendStatus::closing);
  EXPECT_FALSE(owner.drained());
  EXPECT_EQ(drain(owner), Texts{"before"});
  EXPECT_TRUE(owner.drained());
  EXPECT_TRUE(writer.wait_applied(kWatchdog));
  EXPECT_EQ(writer.close(kWatchdog), 0U);
}

TEST_F(Send, after_the_owner_went_is_no_owner_and_the_next_owner_gets_everything) {
  auto first = std::make_unique<cortado::Owner>(open());
  auto writer = writer_of(*first, "a");
  ASSERT_EQ(writer.try_send("applied"), SendStatus::sent);
  EXPECT_EQ(drain(*first), Texts{"applied"});
  ASSERT_EQ(writer.try_send("unread"), SendStatus::sent);
  first.reset();
  EXPECT_EQ(writer.poll(), SendStatus::no_owner);
  EXPECT_EQ(writer.try_send("nothing is written"), SendStatus::no_owner);
  EXPECT_EQ(writer.send(std::string_view("nor here"), 1ms), SendStatus::no_owner);
  EXPECT_EQ(writer.unreleased(), 1U);

  auto next = open();
  Texts texts;
  while (texts.size() < 2) {
    if (writer.poll() == SendStatus::sent && writer.sequence() == 2) {
      ASSERT_EQ(writer.try_send("new"), SendStatus::sent);
    }
    for (auto& text : drain(next)) texts.push_back(text);
  }
  EXPECT_EQ(texts, (Texts{"unread", "new"}));
  EXPECT_EQ(writer.stats().rejoins, 1U);
}

}  // namespace
