// A claim is worth something until the next call of its writer, and only in its own process.
#include <cstring>
#include <memory>

#include "../unit/forked_child.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::SendStatus;

class ClaimOf : public Setting {
 public:
  static cortado::Claim claimed(cortado::Writer& writer, std::string_view text) {
    auto claim = writer.claim(text.size());
    EXPECT_EQ(claim.status(), SendStatus::sent);
    std::memcpy(claim.bytes().data(), text.data(), text.size());
    return claim;
  }
};

TEST_F(ClaimOf, a_writer_that_sent_since_commits_nothing) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = claimed(writer, "Mocha");
  ASSERT_EQ(writer.try_send("Latte"), SendStatus::sent);
  EXPECT_EQ(claim.commit(), SendStatus::full);
  EXPECT_EQ(drain(owner), Texts{"Latte"});
  EXPECT_EQ(writer.sequence(), 1U);
  EXPECT_EQ(claimed(writer, "Choca").commit(), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"Choca"});
}

TEST_F(ClaimOf, a_writer_that_committed_another_commits_nothing) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto first = claimed(writer, "Mocha");
  auto second = claimed(writer, "Latte");
  EXPECT_EQ(second.commit(), SendStatus::sent);
  EXPECT_EQ(second.commit(), SendStatus::full) << "once";
  EXPECT_EQ(first.commit(), SendStatus::full);
  EXPECT_EQ(drain(owner), Texts{"Latte"});
}

TEST_F(ClaimOf, a_writer_that_asked_since_commits_nothing) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = claimed(writer, "Mocha");
  EXPECT_EQ(writer.ask("?", 0ms).error().code, cortado::Errc::unknown);
  EXPECT_EQ(claim.commit(), SendStatus::full);
  EXPECT_EQ(drain(owner), Texts{"?"});
}

TEST_F(ClaimOf, a_writer_that_lost_its_owner_commits_nothing) {
  auto owner = std::make_unique<cortado::Owner>(open());
  auto writer = writer_of(*owner, "a");
  auto claim = claimed(writer, "Mocha");
  owner.reset();
  EXPECT_EQ(writer.poll(), SendStatus::no_owner);
  EXPECT_EQ(claim.commit(), SendStatus::full);
  auto next = open();
  while (writer.poll() != SendStatus::sent) EXPECT_EQ(drain(next), Texts{});
  EXPECT_EQ(claim.commit(), SendStatus::full);
  EXPECT_EQ(drain(next), Texts{});
}

TEST_F(ClaimOf, a_writer_that_closed_commits_nothing) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = claimed(writer, "Mocha");
  EXPECT_EQ(writer.close(kWatchdog), 0U);
  EXPECT_EQ(claim.commit(), SendStatus::full);
  EXPECT_EQ(drain(owner), Texts{});
}

TEST_F(ClaimOf, a_length_over_its_own_is_refused_and_may_be_corrected) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = claimed(writer, "Mocha");
  EXPECT_EQ(claim.commit(6), SendStatus::too_large);
  EXPECT_EQ(claim.commit(5), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"Mocha"});
}

TEST_F(ClaimOf, the_parent_is_refused_in_a_forked_child) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  auto claim = claimed(writer, "Mocha");
  ForkedChild child([&](Line&) { return claim.commit() == SendStatus::forked ? 0 : 1; });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(drain(owner), Texts{});
  EXPECT_EQ(claim.commit(), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"Mocha"});
}

}  // namespace
