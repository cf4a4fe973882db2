// Questions and answers.
#include <atomic>
#include <thread>

#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::Errc;
using cortado::ReplyStatus;

/// An owner in its own thread, so that an ask in this one is answered.
template <class Handler>
class Answering {
 public:
  Answering(cortado::Owner& owner, Handler handler)
      : thread_([&owner, handler, this] {
          while (!stop_.load()) {
            if (owner.drain(handler) == 0) owner.wait(5ms);
          }
        }) {}
  ~Answering() {
    stop_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Ask : public Setting {};

TEST_F(Ask, returns_what_the_handler_replied) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  Answering answering(owner, [](const cortado::Message& m) {
    EXPECT_EQ(m.reply("a cup of " + std::string(m.text())), ReplyStatus::replied);
    EXPECT_EQ(m.reply("twice"), ReplyStatus::not_asked);
  });
  for (int i = 0; i < 1000; ++i) {
    auto answer = writer.ask("Mocha " + std::to_string(i), kWatchdog);
    ASSERT_TRUE(answer) << answer.error().text;
    ASSERT_EQ(*answer, "a cup of Mocha " + std::to_string(i));
  }
}

TEST_F(Ask, without_a_reply_ends_as_unanswered) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  Answering answering(owner, [](const cortado::Message& m) { EXPECT_TRUE(m.is_ask()); });
  auto answer = writer.ask("?", kWatchdog);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unanswered);
}

TEST_F(Ask, with_an_answer_over_the_limit_says_so) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  Answering answering(owner, [](const cortado::Message& m) {
    EXPECT_EQ(m.reply(std::string(100, 'x')), ReplyStatus::too_large);
  });
  auto answer = writer.ask("?", kWatchdog, {99});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::too_large);
}

TEST_F(Ask, with_a_limit_over_the_ring_is_refused_before_it_is_sent) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto answer = writer.ask("?", 1ms, {1U << 20});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::too_large);
  EXPECT_EQ(writer.sequence(), 0U);
}

TEST_F(Ask, that_is_late_ends_unknown_and_its_answer_is_dropped) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto late = writer.ask("first", 1ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::unknown);
  Answering answering(owner, [](const cortado::Message& m) { m.reply(m.text()); });
  auto answer = writer.ask("second", kWatchdog);
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, "second");
}

TEST_F(Ask, never_blocks_the_owner_though_nobody_takes_the_answers) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  int asked = 0;
  while (true) {
    auto answer = writer.ask("?", 0ms, {1000});
    ASSERT_FALSE(answer);
    if (answer.error().code == Errc::too_large) break;
    EXPECT_EQ(answer.error().code, Errc::unknown);
    ++asked;
  }
  EXPECT_GE(asked, 3);
  int replied = 0;
  owner.drain([&](const cortado::Message& m) {
    EXPECT_EQ(m.reply(std::string(1000, 'x')), ReplyStatus::replied);
    ++replied;
  });
  EXPECT_EQ(replied, asked);
}

TEST_F(Ask, reply_to_a_plain_message_is_refused) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  ASSERT_EQ(writer.try_send("no question"), cortado::SendStatus::sent);
  owner.drain([](const cortado::Message& m) { EXPECT_EQ(m.reply("?"), ReplyStatus::not_asked); });
}

}  // namespace
