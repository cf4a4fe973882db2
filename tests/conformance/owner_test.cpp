// The owner: delivery, failures of the handler, releases by hand, kept state, who may join.
#include <stdexcept>

#include "../support/fault.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::Errc;
using cortado::SendStatus;

class OwnerOf : public Setting {};

TEST_F(OwnerOf, a_name_is_one_at_a_time) {
  auto owner = open();
  auto second = cortado::Owner::open("setting", options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::name_taken) << second.error().text;
}

TEST_F(OwnerOf, leaves_no_file_behind) {
  { auto owner = open(); }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(OwnerOf, many_writers_takes_a_bounded_share_of_each) {
  auto owner = open();
  auto loud = writer_of(owner, "loud");
  auto quiet = writer_of(owner, "quiet");
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(loud.try_send("x"), SendStatus::sent);
  ASSERT_EQ(quiet.try_send("y"), SendStatus::sent);
  bool heard = false;
  owner.drain([&](const cortado::Message& m) { heard = heard || m.writer() == "quiet"; });
  EXPECT_TRUE(heard);
}

TEST_F(OwnerOf, a_budget_handles_no_more_than_that) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  for (int i = 0; i < 10; ++i) ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  const auto ignore = [](const cortado::Message&) {};
  EXPECT_EQ(owner.drain(ignore, {3}), 3U);
  EXPECT_EQ(owner.drain(ignore, {100}), 7U);
}

TEST_F(OwnerOf, a_handler_that_throws_gets_the_message_again_flagged) {
  cortado::test::Fault fault("handler-throws");
  auto owner = open();
  auto writer = writer_of(owner, "a");
  for (const char* text : {"1", "2", "3"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  Texts handled;
  bool thrown = false;
  const auto handler = [&](const cortado::Message& m) {
    if (m.text() == "2" && !thrown) {
      thrown = true;
      throw std::runtime_error("spilt");
    }
    handled.push_back(std::string(m.text()) + (m.redelivered() ? " again" : ""));
  };
  EXPECT_THROW(owner.drain(handler), std::runtime_error);
  fault.fired();
  EXPECT_EQ(writer.unreleased(), 2U) << "the first one stands";
  while (owner.drain(handler) != 0) {
  }
  EXPECT_EQ(handled, (Texts{"1", "2 again", "3"}));
}

TEST_F(OwnerOf, a_poison_message_quarantines_its_lane_and_no_other) {
  cortado::test::Fault fault("handler-throws");
  auto owner = open();
  auto bad = writer_of(owner, "bad");
  auto good = writer_of(owner, "good");
  ASSERT_EQ(bad.try_send("fine"), SendStatus::sent);
  ASSERT_EQ(bad.try_send("poison"), SendStatus::sent);
  ASSERT_EQ(bad.try_send("behind"), SendStatus::sent);
  int failures = 0;
  Texts handled;
  const auto handler = [&](const cortado::Message& m) {
    if (m.text() == "poison") throw std::runtime_error("poison");
    handled.emplace_back(m.text());
  };
  for (int i = 0; i < 10; ++i) {
    try {
      owner.drain(handler);
    } catch (const std::runtime_error&) {
      ++failures;
      fault.fired();
    }
  }
  EXPECT_EQ(failures, 3);
  fault.fired();
  EXPECT_EQ(handled, Texts{"fine"});
  EXPECT_EQ(bad.try_send("x"), SendStatus::quarantined);
  EXPECT_EQ(bad.poll(), SendStatus::quarantined);
  ASSERT_EQ(good.try_send("still here"), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"still here"});
  const auto all = events(owner);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].how, cortado::Left::quarantined);
  EXPECT_NE(all[2].reason.find("poison"), std::string::npos) << all[2].reason;
}

TEST_F(OwnerOf, manual_release_keeps_the_bytes_until_told) {
  auto chosen = options();
  chosen.manual_release = true;
  auto owner = open(chosen);
  auto writer = writer_of(owner, "a");
  for (const char* text : {"1", "2", "3"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  std::vector<cortado::Receipt> receipts;
  owner.drain([&](const cortado::Message& m) { receipts.push_back(m.receipt()); });
  ASSERT_EQ(receipts.size(), 3U);
  EXPECT_EQ(writer.unreleased(), 3U);
  EXPECT_TRUE(owner.release(receipts[1]));
  EXPECT_EQ(writer.unreleased(), 1U);
  EXPECT_FALSE(owner.release(receipts[0])) << "cumulative: it is behind";
  EXPECT_FALSE(owner.drained());
  owner.release_all();
  EXPECT_EQ(writer.unreleased(), 0U);
  EXPECT_TRUE(owner.drained());
}

struct Cups {
  std::uint64_t filled = 0;
};

TEST_F(OwnerOf, a_kept_state_takes_back_what_a_failed_batch_had_changed) {
  cortado::test::Fault fault("handler-throws");
  auto owner = cortado::Owner::open<Cups>("setting", options());
  ASSERT_TRUE(owner) << owner.error().text;
  auto writer = writer_of(*owner, "a");
  for (int i = 0; i < 4; ++i) ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  int calls = 0;
  const auto handler = [&](const cortado::Message&, Cups& cups) {
    ++cups.filled;
    if (++calls == 3) throw std::runtime_error("spilt");
  };
  EXPECT_THROW(owner->drain(handler), std::runtime_error);
  fault.fired();
  EXPECT_EQ(owner->state().filled, 0U);
  while (owner->drain(handler) != 0) {
  }
  EXPECT_EQ(owner->state().filled, 4U);
  EXPECT_EQ(writer.unreleased(), 0U);
}

TEST_F(OwnerOf, a_writer_that_was_destroyed_hears_that_it_closed) {
  auto owner = open();
  { auto writer = writer_of(owner, "tidy"); }
  EXPECT_EQ(departure(owner).how, cortado::Left::closed);
  EXPECT_EQ(owner.writers(), 0U);
}

TEST_F(OwnerOf, an_evicted_writer_is_read_to_the_end_and_let_go) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  ASSERT_EQ(writer.try_send("last"), SendStatus::sent);
  EXPECT_TRUE(owner.evict("a"));
  EXPECT_FALSE(owner.evict("nobody"));
  EXPECT_EQ(writer.try_send("more"), SendStatus::closing);
  EXPECT_EQ(drain(owner), Texts{"last"});
  EXPECT_EQ(owner.writers(), 0U);
  EXPECT_EQ(events(owner).back().how, cortado::Left::evicted);
}

TEST_F(OwnerOf, a_policy_refuses_with_the_reason) {
  cortado::test::Fault fault("name-taken-twice");
  auto chosen = options();
  chosen.max_writers = 2;
  auto owner = open(chosen);
  auto a = writer_of(owner, "a");
  cortado::JoinOptions join;
  join.name = "a";
  auto same = owner.make_writer(join);
  fault.fired();
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().code, Errc::name_in_use) << same.error().text;
  auto b = writer_of(owner, "b");
  join.name = "c";
  auto third = owner.make_writer(join);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::too_many_writers) << third.error().text;
}

TEST_F(OwnerOf, a_quota_holds_for_each_user) {
  cortado::test::Fault fault("too-many-writers");
  auto chosen = options();
  chosen.max_writers_per_user = 1;
  auto owner = open(chosen);
  auto a = writer_of(owner, "a");
  auto second = owner.make_writer({});
  fault.fired();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::quota) << second.error().text;
}

TEST_F(OwnerOf, other_schemas_refuses_the_writer) {
  auto chosen = options();
  chosen.schemas = {{"Order", 2, 77}};
  auto owner = open(chosen);
  const auto refused = [&](cortado::Schema schema) {
    cortado::JoinOptions join;
    join.schemas = {schema};
    auto writer = owner.make_writer(join);
    return writer ? "joined" : cortado::to_string(writer.error().code);
  };
  EXPECT_STREQ(refused({"Order", 2, 77}), "joined");
  EXPECT_STREQ(refused({"Order", 1, 77}), "schema_mismatch");
  EXPECT_STREQ(refused({"Order", 2, 78}), "schema_mismatch");
  EXPECT_STREQ(refused({"Bill", 2, 77}), "schema_mismatch");
}

TEST_F(OwnerOf, bad_options_are_named) {
  const auto refused = [&](auto change) {
    auto chosen = options();
    change(chosen);
    auto owner = cortado::Owner::open("setting", chosen);
    return owner ? std::string("opened") : owner.error().text;
  };
  using Chosen = cortado::OwnerOptions;
  EXPECT_NE(refused([](Chosen& o) { o.ring_bytes = 5000; }).find("ring_bytes"), std::string::npos);
  EXPECT_NE(refused([](Chosen& o) { o.max_writers = 0; }).find("max_writers"), std::string::npos);
  auto slash = cortado::Owner::open("a/b", options());
  ASSERT_FALSE(slash);
  EXPECT_EQ(slash.error().code, Errc::invalid_argument);
}

}  // namespace
