// Answers that die with their owner, between its commit and the answer. The room that the writer
// kept free for them must come back.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "../support/inside.hpp"
#include "temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

struct State {
  int asked = 0;
};

TEST(LostAnswer, leaves_room_for_the_next_once_a_later_one_came) {
  const TemporaryDirectory directory;
  OwnerOptions options;
  options.directory = directory.path();
  options.reply_bytes = 4096;  // room for three answers of the usual limit
  auto owner = Owner::open<State>("owner", options);
  ASSERT_TRUE(owner) << owner.error().text;
  auto writer = owner->make_writer();
  ASSERT_TRUE(writer) << writer.error().text;
  for (int round = 0; round < 8; ++round) {
    const auto lost = writer->ask("lost", 0s);
    ASSERT_EQ(lost.error().code, Errc::unknown) << lost.error().text;
    owner->drain([&](const Message& message, State&) {
      EXPECT_EQ(message.reply("an answer"), ReplyStatus::replied);
      inside(*owner).held_reply.held = false;  // as if the owner died before it goes out
    });
    const auto late = writer->ask("late", 0s);
    ASSERT_EQ(late.error().code, Errc::unknown) << "round " << round << ": " << late.error().text;
    owner->drain([&](const Message& message, State&) {
      EXPECT_EQ(message.reply("an answer"), ReplyStatus::replied);
    });
  }
}

}  // namespace
}  // namespace cortado::test
