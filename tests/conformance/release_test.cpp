// Releases by hand: what they do not hold back, and where they are refused.
#include <optional>
#include <thread>

#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

class Release : public Setting {
 public:
  cortado::Owner open_manual() const {
    auto chosen = options();
    chosen.manual_release = true;
    return open(chosen);
  }
};

TEST_F(Release, by_hand_holds_no_answer_back) {
  auto owner = open_manual();
  constexpr std::uint64_t kAsks = 200;
  auto writer = writer_of(owner, "a");
  std::thread asker([&] {
    for (std::uint64_t i = 0; i < kAsks; ++i) {
      auto answer = writer.ask("?", kWatchdog);
      ASSERT_TRUE(answer) << answer.error().text;
      ASSERT_EQ(*answer, "!");
    }
  });
  std::uint64_t answered = 0;
  while (answered < kAsks) {
    const std::size_t now = owner.drain(
        [](const cortado::Message& m) { EXPECT_EQ(m.reply("!"), cortado::ReplyStatus::replied); });
    answered += now;
    if (now == 0) {
      ASSERT_TRUE(owner.wait(kWatchdog));
    }
  }
  asker.join();
  // Nothing was released up to here.
  EXPECT_EQ(writer.unreleased(), kAsks);
  owner.release_all();
  EXPECT_EQ(writer.unreleased(), 0U);
}

TEST_F(Release, of_a_message_that_is_being_handled_is_refused) {
  auto owner = open_manual();
  auto writer = writer_of(owner, "a");
  for (const char* text : {"1", "2"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  std::vector<cortado::Receipt> receipts;
  owner.drain([&](const cortado::Message& m) {
    EXPECT_FALSE(owner.release(m.receipt())) << m.text();
    receipts.push_back(m.receipt());
  });
  ASSERT_EQ(receipts.size(), 2U);
  EXPECT_EQ(writer.unreleased(), 2U);
  EXPECT_TRUE(owner.release(receipts[1]));
  EXPECT_FALSE(owner.release(receipts[1])) << "once";
  EXPECT_EQ(writer.unreleased(), 0U);
}

TEST_F(Release, in_a_handler_of_what_was_handled_before_it_is_taken) {
  auto owner = open_manual();
  auto writer = writer_of(owner, "a");
  for (const char* text : {"1", "2", "3"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  std::optional<cortado::Receipt> last;
  owner.drain([&](const cortado::Message& m) {
    if (last) {
      EXPECT_TRUE(owner.release(*last)) << m.text();
    }
    last = m.receipt();
  });
  EXPECT_EQ(writer.unreleased(), 1U);
  EXPECT_TRUE(owner.release(*last));
  EXPECT_TRUE(owner.drained());
}

TEST_F(Release, all_in_a_handler_leaves_the_message_that_is_being_handled) {
  auto owner = open_manual();
  auto writer = writer_of(owner, "a");
  for (const char* text : {"1", "2", "3"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  std::uint64_t unreleased = 3;
  owner.drain([&](const cortado::Message& m) {
    owner.release_all();
    EXPECT_EQ(writer.unreleased(), unreleased--) << m.text();
  });
  EXPECT_EQ(writer.unreleased(), 1U);
}

struct Cups {
  std::uint64_t filled = 0;
};

TEST_F(Release, by_hand_changes_nothing_where_the_state_commits_by_itself) {
  auto owner = cortado::Owner::open<Cups>("setting", options());
  ASSERT_TRUE(owner) << owner.error().text;
  auto writer = writer_of(*owner, "a");
  for (int i = 0; i < 4; ++i) ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  const Cups* working = nullptr;
  std::uint64_t calls = 0;
  owner->drain([&](const cortado::Message& m, Cups& cups) {
    if (calls++ == 0) working = &cups;
    EXPECT_EQ(&cups, working);
    ++cups.filled;
    owner->release_all();
    EXPECT_FALSE(owner->release(m.receipt()));
    EXPECT_EQ(cups.filled, calls);
    EXPECT_EQ(owner->state().filled, 0U);
    EXPECT_EQ(writer.unreleased(), 4U);
  });
  EXPECT_EQ(calls, 4U);
  EXPECT_EQ(owner->state().filled, 4U);
  EXPECT_EQ(writer.unreleased(), 0U);
}

}  // namespace
