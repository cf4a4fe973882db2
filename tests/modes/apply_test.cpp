// What applying an order does to the buffer, byte by byte.
#include "modes/apply.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "modes/letter_pen.hpp"
#include "scene.hpp"

namespace cortado::lab {
namespace {

using modes::Account;
using modes::Hand;
using modes::Nothing;
using modes::Plain;
using modes::QuickPen;
using modes::Racy;
using modes::Stamp;

const Nothing kNothing{};

template <class Access>
bool put(Hand<Access>& hand, Stamp stamp, std::string_view order, bool redelivered = false) {
  return hand.apply(stamp, bytes_of(order), QuickPen<Nothing>{kNothing}, redelivered);
}

std::string padded(std::string text, std::size_t size) {
  text.resize(size, '\0');
  return text;
}

template <class Access>
class Applying : public testing::Test {};
using Accesses = testing::Types<Plain, Racy>;
TYPED_TEST_SUITE(Applying, Accesses);

TYPED_TEST(Applying, WritesLengthStampBytesCheckAndCounts) {
  const BufferByHand by_hand(16, 2);
  Hand<TypeParam> hand(by_hand.get(), 0);
  ASSERT_TRUE(put(hand, {1, 0}, "Mocha"));
  const auto& head = by_hand.get().head();
  EXPECT_EQ(by_hand.cup(), padded("Mocha", 16));
  EXPECT_EQ(head.length, 5U);
  EXPECT_EQ(head.stamp, Stamp(1, 0).word());
  EXPECT_EQ(head.check, modes::order_check({1, 0}, bytes_of("Mocha")));
  EXPECT_EQ(head.count, 1U);
  EXPECT_EQ(head.digest, head.check);
  EXPECT_EQ(by_hand.get().account(1).count, 1U);
  EXPECT_EQ(by_hand.get().account(1).next, 1U);
  EXPECT_EQ(by_hand.get().account(0).count, 0U);
}

TYPED_TEST(Applying, AShorterOrderLeavesNothingOfALongerOne) {
  for (std::size_t longer = 0; longer <= 40; ++longer) {
    for (std::size_t shorter = 0; shorter <= longer; ++shorter) {
      const BufferByHand by_hand(40, 1);
      Hand<TypeParam> hand(by_hand.get(), 0);
      ASSERT_TRUE(put(hand, {0, 0}, std::string(longer, 'x')));
      const std::string order(shorter, 'y');
      ASSERT_TRUE(put(hand, {0, 1}, order));
      ASSERT_EQ(by_hand.cup(), padded(order, 40));
      ASSERT_TRUE(is_whole(by_hand.get()));
    }
  }
}

TYPED_TEST(Applying, AnOrderLongerThanTheBufferTouchesNothing) {
  const BufferByHand by_hand(8, 1);
  Hand<TypeParam> hand(by_hand.get(), 0);
  ASSERT_TRUE(put(hand, {0, 0}, "12345678"));
  EXPECT_FALSE(put(hand, {0, 1}, "Mocha with Milk"));
  EXPECT_EQ(by_hand.cup(), "12345678");
  EXPECT_EQ(by_hand.get().head().count, 1U);
  EXPECT_EQ(by_hand.get().account(0).next, 1U);
}

TYPED_TEST(Applying, AFlippedByteIsFoundByTheNextLook) {
  const BufferByHand by_hand(16, 1);
  Hand<TypeParam> hand(by_hand.get(), 0);
  put(hand, {0, 0}, "Banana Shake");
  EXPECT_TRUE(hand.is_whole());
  for (const std::size_t at : {0U, 5U, 11U}) {
    by_hand.get().order()[at] ^= std::byte{1};
    EXPECT_FALSE(hand.is_whole());
    by_hand.get().order()[at] ^= std::byte{1};
  }
  by_hand.get().order()[3] ^= std::byte{1};
  put(hand, {0, Hand<TypeParam>::kLookAt}, "Choca");
  EXPECT_EQ(by_hand.get().head().torn, 1U);
}

TEST(Accounts, TellMissingRepeatedAndLateOrdersApart) {
  struct Case {
    std::vector<std::uint64_t> sequences;
    std::uint64_t duplicated, reordered, next;
    std::uint32_t gaps;
  };
  const Case cases[] = {
      {{0, 1, 2, 3}, 0, 0, 4, 0}, {{0, 2, 3}, 0, 0, 4, 1},       {{0, 0, 1}, 1, 0, 2, 0},
      {{1, 0, 2}, 0, 1, 3, 0},    {{2, 1, 0}, 0, 2, 3, 0},       {{0, 5, 3, 3}, 1, 1, 6, 2},
      {{0, 5, 1, 4}, 0, 2, 6, 1}, {{3, 0, 1, 2, 2}, 1, 3, 4, 0},
  };
  for (const Case& c : cases) {
    const BufferByHand by_hand(8, 1);
    Hand<Plain> hand(by_hand.get(), 0);
    for (const std::uint64_t sequence : c.sequences) put(hand, {0, sequence}, "x");
    const Account& account = by_hand.get().account(0);
    SCOPED_TRACE(testing::PrintToString(c.sequences));
    EXPECT_EQ(account.count, c.sequences.size());
    EXPECT_EQ(account.duplicated, c.duplicated);
    EXPECT_EQ(account.reordered, c.reordered);
    EXPECT_EQ(account.next, c.next);
    EXPECT_EQ(account.gaps, c.gaps);
  }
}

TEST(Accounts, AgreeWithASetOfEverySequenceSeen) {
  const auto seed = static_cast<std::uint64_t>(testing::UnitTest::GetInstance()->random_seed());
  std::mt19937_64 random(seed);
  SCOPED_TRACE("random_seed " + std::to_string(seed));
  for (int round = 0; round < 200; ++round) {
    const BufferByHand by_hand(8, 1);
    Hand<Plain> hand(by_hand.get(), 0);
    std::vector<int> seen(24);
    std::uint64_t duplicated = 0;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t sequence = random() % seen.size();
      duplicated += seen[sequence]++ != 0 ? 1 : 0;
      put(hand, {0, sequence}, "x");
    }
    const Account& account = by_hand.get().account(0);
    if (account.gaps_dropped != 0) continue;
    ASSERT_EQ(account.duplicated, duplicated);
    std::uint64_t missing = 0;
    for (std::uint32_t i = 0; i < account.gaps; ++i)
      missing += account.gap[i].to - account.gap[i].from;
    std::uint64_t expected = 0;
    for (std::uint64_t s = 0; s < account.next; ++s) expected += seen[s] == 0 ? 1 : 0;
    ASSERT_EQ(missing, expected);
  }
}

TEST(Pens, LeaveTheSameQuicklyAndLetterByLetter) {
  modes::Workload workload;
  workload.writers = 1;
  workload.orders = 3;
  workload.letter_delay_ns = 1;
  auto stage = modes::Stage::create(workload, {"a"}, {});
  ASSERT_TRUE(stage) << stage.error().text;
  const BufferByHand quick(16, 1);
  const BufferByHand slow(16, 1);
  Hand<Plain> quick_hand(quick.get(), 0);
  Hand<Racy> slow_hand(slow.get(), 0);
  std::uint64_t sequence = 0;
  for (const std::string order : {"Mocha with Milk", "", "Choca"}) {
    const Stamp stamp{0, sequence++};
    put(quick_hand, stamp, order);
    slow_hand.apply(stamp, bytes_of(order), modes::LetterPen<Nothing>{*stage, kNothing, true},
                    false);
    const auto left = quick.get().memory();
    const auto right = slow.get().memory();
    EXPECT_TRUE(std::equal(left.begin(), left.end(), right.begin(), right.end())) << order;
  }
  EXPECT_EQ(stage->head().strokes_made, 3U * 16);
  EXPECT_EQ(stage->strokes()[1].letter, 'o');
  EXPECT_EQ(stage->strokes()[1].cell, 1U);
  EXPECT_EQ(stage->strokes()[15].letter, 0);
}

TEST(Pens, CallMidwayOnceInTheMiddle) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 15U, 16U, 17U, 64U, 1000U}) {
    const BufferByHand by_hand(1000, 1);
    Hand<Plain> hand(by_hand.get(), 0);
    std::size_t there = 0;
    int calls = 0;
    const auto midway = [&] {
      ++calls;
      const auto cup = by_hand.cup();
      there = cup.find('\0') == std::string_view::npos ? cup.size() : cup.find('\0');
    };
    const std::string order(size, 'x');
    hand.apply({0, 0}, bytes_of(order), QuickPen<decltype(midway)>{midway}, false);
    EXPECT_EQ(calls, 1);
    EXPECT_LE(there, size);
    EXPECT_EQ(there<size, size> 8) << size;
    EXPECT_EQ(there > 0, size > 0) << size;
    EXPECT_EQ(by_hand.cup(), padded(order, 1000));
  }
}

TEST(Stamps, HoldWriterAndSequence) {
  const Stamp stamp{Stamp::kMostWriters - 1, 0xffff'ffff'fffe};
  EXPECT_EQ(stamp.writer(), Stamp::kMostWriters - 1);
  EXPECT_EQ(stamp.sequence(), 0xffff'ffff'fffeU);
  EXPECT_EQ(Stamp::of(stamp.word()).word(), stamp.word());
}

}  // namespace
}  // namespace cortado::lab
