// When an owner stays away from a stream that it has caught up with, and for how long.
#include "owner/headway.hpp"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace {

using std::chrono::nanoseconds;

struct Clock {
  using time_point = std::chrono::time_point<Clock, nanoseconds>;
  using duration = nanoseconds;
  static inline time_point time;
  static time_point now() noexcept { return time; }
};
using Headway = cortado::owner::BasicHeadway<Clock>;

constexpr std::uint64_t kRing = std::uint64_t{256} << 10;
constexpr std::uint64_t kRecord = 72;

/// A lane as its owner finds it: so many records together, then nothing. `ns` after the last time.
class Lane {
 public:
  /// True: it is to be given headway before the next look.
  bool finds(std::uint64_t records, int ns, std::uint64_t record_bytes = kRecord) {
    Clock::time += nanoseconds(ns);
    position_ += records * record_bytes;
    return headway_.caught_up(position_, records);
  }
  /// Two looks at a stream whose owner is on its writer's line: 40 ns each.
  bool finds_a_stream() { return finds(20, 800) || finds(20, 800); }
  /// A moment, and the same stream with headway: 10 ns each.
  bool finds_after_a_moment() {
    headway_.give();
    const auto ns = static_cast<int>(headway_.length().count());
    return finds(static_cast<std::uint64_t>(ns) / 10, ns);
  }
  Headway& headway() { return headway_; }

 private:
  std::uint64_t position_ = 512;
  Headway headway_{kRing};
};

TEST(Headway, is_not_given_to_messages_that_come_one_at_a_time) {
  Lane lane;
  for (int i = 0; i < 10'000; ++i) ASSERT_FALSE(lane.finds(1, 100));
}

TEST(Headway, is_due_for_a_stream_that_was_found_twice) {
  Lane lane;
  EXPECT_FALSE(lane.finds(100, 1000)) << "its rate is not known";
  EXPECT_TRUE(lane.finds(2, 80));
}

TEST(Headway, is_due_for_a_stream_that_is_found_two_and_three_at_a_time) {
  Lane lane;
  int looks = 0;
  while (!lane.finds(looks % 3 == 0 ? 1 : 3, 100)) ASSERT_LT(++looks, 30);
}

TEST(Headway, is_not_due_for_pairs_with_as_many_lone_messages_between) {
  Lane lane;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_FALSE(lane.finds(2, 100));
    ASSERT_FALSE(lane.finds(1, 100));
  }
}

TEST(Headway, grows_to_its_longest_where_it_pays) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  EXPECT_EQ(lane.headway().length(), Headway::kShortest);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lane.finds_after_a_moment());
  EXPECT_EQ(lane.headway().length(), Headway::kLongest);
}

TEST(Headway, shrinks_when_half_a_ring_has_piled_up) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(lane.finds_after_a_moment());
  const auto before = lane.headway().length();
  lane.headway().give();
  ASSERT_TRUE(lane.finds(kRing / 2 / 1032 + 1, 4000, 1032));
  EXPECT_EQ(lane.headway().length(), before / 2);
}

TEST(Headway, that_does_not_pay_ends_and_twice_as_much_is_to_be_seen) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  lane.headway().give();
  EXPECT_TRUE(lane.finds(10, 400)) << "40 ns each, as without: one moment says little";
  lane.headway().give();
  EXPECT_FALSE(lane.finds(20, 800));
  EXPECT_FALSE(lane.finds(17, 680));
  EXPECT_FALSE(lane.finds(16, 640));
  EXPECT_TRUE(lane.finds(2, 80)) << "32 beyond the first of each look";
}

TEST(Headway, that_brought_nothing_at_all_ends) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  lane.headway().give();
  EXPECT_FALSE(lane.finds(0, 400));
}

TEST(Headway, ends_for_a_stream_that_rests_and_has_nothing_while_others_are_busy) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  EXPECT_TRUE(lane.finds(5, 400)) << "it has: it goes on to be looked at late";
  EXPECT_FALSE(lane.finds(0, 400));
}

/// Bursts at a pace of their own: with the pauses between them in it, their rate would look low.
TEST(Headway, is_not_due_for_what_was_seen_before_a_pause) {
  Lane lane;
  for (int burst = 0; burst < 1'000; ++burst) {
    ASSERT_FALSE(lane.finds(9, 900'000));
    ASSERT_FALSE(lane.finds(8, 400)) << "15 beyond one of each look, and 15 more of other bursts";
  }
}

/// Who sends a hundred, waits until they are handled, and sends the next hundred.
TEST(Headway, is_soon_no_longer_given_to_bursts_of_a_writer_that_waits) {
  Lane lane;
  int given = 0;
  for (int burst = 0; burst < 10'000; ++burst) {
    if (!lane.finds(100, 2000)) continue;
    lane.headway().give();
    const bool again = lane.finds(100, 2400);
    lane.headway().give();
    given += again && lane.finds(100, 2800) ? 100'000 : 2;
  }
  EXPECT_LT(given, 10'000 / 20);
}

/// 50 ns from one to the next: they pile up only while the owner stays away, or is held up.
TEST(Headway, is_not_given_for_long_to_messages_at_a_pace_of_their_own) {
  Lane lane;
  int given = 0;
  bool due = false;
  for (int i = 0; i < 100'000; ++i) {
    if (due) {
      ++given;
      lane.headway().give();
      due = lane.finds(8, 400);
    } else {
      due = i % 100 == 0 ? lane.finds(40, 2000) : lane.finds(i % 3 == 0 ? 2 : 1, 50);
    }
  }
  EXPECT_LT(given, 100);
}

TEST(Headway, is_given_for_ever_to_a_stream_that_goes_on) {
  Lane lane;
  ASSERT_TRUE(lane.finds_a_stream());
  int proofs = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (lane.finds_after_a_moment()) continue;
    ++proofs;
    ASSERT_TRUE(lane.finds_a_stream()) << "measured anew";
  }
  EXPECT_EQ(proofs, 10'000 / static_cast<int>(Headway::kTrial));
}

}  // namespace
