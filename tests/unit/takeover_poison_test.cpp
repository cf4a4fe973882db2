// Owners that die, one after the other: which lane is condemned for it, and after how many deaths.
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "../support/keep.hpp"

namespace cortado::test {
namespace {

constexpr int kEndedByHandler = 9;

/// The handler does not return from that message: the owner's process ends.
OwnerBody ended_by(const std::string& poison) {
  return serving([poison](const Message& m) {
    if (m.text() == poison) ::_exit(kEndedByHandler);
  });
}

TEST(Poison, of_one_lane_condemns_no_other_that_had_messages_in_hand) {
  Fault fault("poison-message");
  Keep keep;
  keep.start(ended_by("once"));
  Writer bad = keep.join("bad");  // the first to be drained
  Writer good = keep.join("good");
  ASSERT_EQ(good.try_send("once"), SendStatus::sent);
  EXPECT_EQ(keep.wait(), kEndedByHandler);
  ASSERT_EQ(bad.try_send("poison"), SendStatus::sent);
  for (int failures = 1; failures <= 3; ++failures) {
    keep.start(ended_by("poison"));
    EXPECT_EQ(keep.wait(), kEndedByHandler);
  }
  fault.fired();
  keep.start(ended_by("poison"));
  const Lines lines = keep.heard_all({"good: once again", "left bad quarantined"});
  EXPECT_FALSE(contains(lines, "left good quarantined"));
  EXPECT_EQ(bad.try_send("x"), SendStatus::quarantined);
  EXPECT_EQ(good.try_send("more"), SendStatus::sent);
  keep.heard_until("good: more");
}

TEST(Poison, that_is_thrown_through_the_owner_counts_once_a_time) {
  Fault fault("handler-throws");
  Keep keep;
  const auto body = [](Owner& owner, const Reports& reports) {
    const auto fail = [](const Message& m) {
      if (m.text() == "poison") throw std::runtime_error("spilt");
    };
    try {
      serving(fail)(owner, reports);
    } catch (const std::runtime_error&) {
      ::_exit(kEndedByHandler);
    }
  };
  keep.start(body);
  Writer writer = keep.join("w");
  ASSERT_EQ(writer.try_send("poison"), SendStatus::sent);
  EXPECT_EQ(keep.wait(), kEndedByHandler);
  for (int failures = 2; failures <= 3; ++failures) {
    keep.start(body);
    ASSERT_EQ(keep.wait(), kEndedByHandler) << "failure " << failures;
    fault.fired();
  }
  keep.start(body);
  keep.heard_until("left w quarantined");
  EXPECT_EQ(writer.try_send("x"), SendStatus::quarantined);
}

TEST(Poison, is_nothing_that_an_idle_owner_was_killed_with) {
  Keep keep;
  OwnerOptions options;
  options.manual_release = true;
  keep.start(serving(), options);
  Writer writer = keep.join("w");
  ASSERT_EQ(writer.try_send("m"), SendStatus::sent);
  keep.heard_until("w: m");  // told after the drain
  for (int deaths = 1; deaths <= 4; ++deaths) {
    keep.kill();
    keep.start(serving(), options);
    EXPECT_FALSE(contains(keep.heard_until("w: m again"), "left w quarantined"));
  }
  EXPECT_EQ(writer.try_send("n"), SendStatus::sent);
  EXPECT_EQ(keep.heard(), "w: n");
}

}  // namespace
}  // namespace cortado::test
