// Writers and owners that go, by order, by themselves or by the rules: what the other side is told.
#include <memory>
#include <stdexcept>
#include <thread>

#include "../support/fault.hpp"
#include "../unit/forked_child.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::Errc;
using cortado::Left;
using cortado::SendStatus;

class Leaving : public Setting {
 public:
  /// Lets the handler fail, until the lane is condemned for it.
  static int fail_until_quarantined(cortado::Owner& owner) {
    int failures = 0;
    for (;;) {
      try {
        if (owner.drain([](const cortado::Message&) { throw std::runtime_error("spilt"); }) == 0) {
          owner.wait(kWatchdog);
        }
      } catch (const std::runtime_error&) {
        ++failures;
      }
      for (const cortado::Event& event : events(owner)) {
        if (event.kind != cortado::Event::Kind::left) continue;
        EXPECT_EQ(event.how, Left::quarantined);
        return failures;
      }
    }
  }
};

TEST_F(Leaving, a_quarantined_writer_that_asks_is_told_and_does_not_rejoin) {
  auto owner = open();
  std::thread asker([joined = writer_of(owner, "w")]() mutable {
    auto answer = joined.ask("poison", kWatchdog);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::quarantined) << answer.error().text;
    EXPECT_EQ(joined.stats().rejoins, 0U);
    EXPECT_EQ(joined.poll(), SendStatus::quarantined);
  });
  EXPECT_EQ(fail_until_quarantined(owner), 3);
  asker.join();
  EXPECT_EQ(owner.writers(), 0U);
}

TEST_F(Leaving, a_quarantined_writer_that_waits_for_room_is_told_and_does_not_rejoin) {
  auto owner = open();
  auto writer = writer_of(owner, "w");
  while (writer.try_send("poison") == SendStatus::sent) {
  }
  std::thread sender([&] {
    EXPECT_EQ(writer.send(std::string_view("more"), kWatchdog), SendStatus::quarantined);
    EXPECT_EQ(writer.wait_applied(kWatchdog).error().code, Errc::quarantined);
    EXPECT_EQ(writer.stats().rejoins, 0U);
  });
  EXPECT_EQ(fail_until_quarantined(owner), 3);
  sender.join();
}

TEST_F(Leaving, an_evicted_writer_is_told_closing_for_good) {
  auto owner = open();
  auto writer = writer_of(owner, "w");
  ASSERT_EQ(writer.try_send("1"), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"1"});
  ASSERT_TRUE(owner.evict("w"));
  EXPECT_EQ(departure(owner).how, Left::evicted);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(writer.try_send("2"), SendStatus::closing);
    ASSERT_EQ(writer.send(std::string_view("2"), kWatchdog), SendStatus::closing);
    ASSERT_EQ(writer.poll(), SendStatus::closing);
    ASSERT_EQ(writer.ask("2", kWatchdog).error().code, Errc::closing);
    ASSERT_EQ(drain(owner), Texts{});
  }
  EXPECT_EQ(owner.writers(), 0U);
  EXPECT_EQ(writer.stats().rejoins, 0U);
  EXPECT_EQ(writer.close(kWatchdog), 0U);
}

TEST_F(Leaving, an_evicted_writer_that_waits_for_room_is_told_closing) {
  auto owner = open();
  std::thread sender([joined = writer_of(owner, "w")]() mutable {
    SendStatus status = SendStatus::sent;
    while (status == SendStatus::sent) status = joined.send(std::string(1000, 'x'), kWatchdog);
    EXPECT_EQ(status, SendStatus::closing);
    EXPECT_EQ(joined.stats().rejoins, 0U);
  });
  EXPECT_TRUE(owner.wait(kWatchdog));
  ASSERT_TRUE(owner.evict("w"));
  EXPECT_EQ(departure(owner).how, Left::evicted);
  sender.join();
}

TEST_F(Leaving, a_writer_that_closes_is_seen_to_though_a_child_has_its_descriptors) {
  cortado::test::Fault fault("writer-forks");
  auto owner = open();
  auto writer = std::make_unique<cortado::Writer>(writer_of(owner, "w"));
  ASSERT_EQ(writer->try_send("last"), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"last"});
  ForkedChild child([](Line& line) { return line.hear() == 'x' ? 0 : 1; });
  EXPECT_EQ(writer->close(kWatchdog), 0U);
  EXPECT_EQ(departure(owner).how, Left::closed);
  fault.fired();
  EXPECT_EQ(owner.writers(), 0U);
  auto next = writer_of(owner, "w");
  EXPECT_EQ(next.try_send("next"), SendStatus::sent);
  EXPECT_EQ(drain(owner), Texts{"next"});
  child.line().tell('x');
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(Leaving, an_owner_that_goes_is_seen_to_though_a_child_has_its_descriptors) {
  cortado::test::Fault fault("owner-forks");
  auto owner = std::make_unique<cortado::Owner>(open());
  auto writer = writer_of(*owner, "w");
  ASSERT_EQ(writer.try_send("unread"), SendStatus::sent);
  ForkedChild child([](Line& line) { return line.hear() == 'x' ? 0 : 1; });
  owner.reset();
  fault.fired();
  EXPECT_EQ(writer.poll(), SendStatus::no_owner);
  auto next = open();
  while (writer.poll() != SendStatus::sent) EXPECT_EQ(drain(next), Texts{});
  EXPECT_EQ(drain(next), Texts{"unread"});
  child.line().tell('x');
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
