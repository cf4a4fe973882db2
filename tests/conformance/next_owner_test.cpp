// Owners without a keeper: the last thing that one does, and what the next one is given.
#include <memory>
#include <thread>

#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

class NextOwner : public Setting {};

TEST_F(NextOwner, gets_a_backlog_that_is_larger_than_its_ring_though_it_sleeps) {
  auto first = std::make_unique<cortado::Owner>(open());
  auto writer = writer_of(*first, "a");
  constexpr std::size_t kMessages = 50;
  for (std::size_t i = 0; i < kMessages; ++i) {
    ASSERT_EQ(writer.try_send(std::to_string(i) + std::string(1000, ' ')), SendStatus::sent);
  }
  first.reset();
  auto chosen = options();
  chosen.ring_bytes = 4096;
  auto next = open(chosen);
  std::thread closing([&] { EXPECT_EQ(writer.close(kWatchdog), 0U); });
  std::size_t received = 0;
  while (received < kMessages) {
    const std::size_t now = next.drain([&](const cortado::Message& m) {
      EXPECT_EQ(std::stoul(std::string(m.text())), received++);
      EXPECT_FALSE(m.redelivered());
    });
    if (now == 0 && !next.wait(kWatchdog)) {
      ADD_FAILURE() << "the owner slept over the backlog, after " << received;
      break;
    }
  }
  EXPECT_EQ(departure(next).how, cortado::Left::closed);
  closing.join();
}

TEST_F(NextOwner, is_not_needed_for_an_answer_that_the_last_one_gave) {
  for (int round = 0; round < 20; ++round) {
    auto owner = std::make_unique<cortado::Owner>(open());
    std::thread asker([joined = writer_of(*owner, "a")]() mutable {
      auto answer = joined.ask("quit", kWatchdog);
      ASSERT_TRUE(answer) << answer.error().text;
      EXPECT_EQ(*answer, "bye");
      EXPECT_EQ(joined.stats().rejoins, 0U);
    });
    const auto reply = [](const cortado::Message& m) {
      EXPECT_EQ(m.reply("bye"), cortado::ReplyStatus::replied);
    };
    while (owner->drain(reply) == 0) owner->wait(kWatchdog);
    owner.reset();
    asker.join();
  }
}

}  // namespace
