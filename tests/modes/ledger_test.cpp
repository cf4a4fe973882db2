// The ledger, over buffers and notes that were made by hand.
#include "lab/ledger.hpp"

#include <gtest/gtest.h>

#include "modes/order_source.hpp"
#include "modes/writer_body.hpp"
#include "scene.hpp"

namespace cortado::lab {
namespace {

using modes::Hand;
using modes::Nothing;
using modes::Plain;
using modes::Stage;
using modes::Stamp;

constexpr std::uint32_t kWriters = 3;
constexpr std::uint64_t kEach = 100;

class LedgerByHand : public testing::Test {
 protected:
  LedgerByHand() : stage_(make_stage()), by_hand_(16, kWriters) {}

  static Stage make_stage() {
    modes::Workload workload;
    workload.writers = kWriters;
    workload.orders = kWriters * kEach;
    auto stage = Stage::create(workload, {}, {});
    if (!stage) throw std::runtime_error(stage.error().text);
    return std::move(*stage);
  }

  void apply(Stamp stamp) {
    modes::OrderSource source(stage_);
    const modes::Order order = source.make(stamp);
    put(stamp, order.bytes());
  }
  void put(Stamp stamp, std::span<const std::byte> order) {
    const Nothing nothing{};
    Hand<Plain>(by_hand_.get(), 0).apply(stamp, order, modes::QuickPen<Nothing>{nothing}, false);
  }

  /// Everybody sent all they had, and it was taken.
  void note_all() {
    for (std::uint32_t w = 0; w < kWriters; ++w) {
      stage_.writer(w).begun = kEach;
      stage_.writer(w).taken = kEach;
      stage_.writer(w).ended_ns = 1;
    }
  }
  void apply_all_but(Stamp one) {
    for (std::uint64_t s = 0; s < kEach; ++s) {
      for (std::uint32_t w = 0; w < kWriters; ++w) {
        if (Stamp{w, s}.word() != one.word()) apply({w, s});
      }
    }
  }
  void apply_all() { apply_all_but({kWriters, kEach}); }
  Ledger ledger() { return make_ledger(stage_, by_hand_.get(), true); }

  Ledger expected() const {
    Ledger ledger;
    ledger.sent = ledger.applied = kWriters * kEach;
    return ledger;
  }

  Stage stage_;
  BufferByHand by_hand_;
};

TEST_F(LedgerByHand, IsCleanIfEveryOrderIsThereOnce) {
  note_all();
  apply_all();
  EXPECT_EQ(ledger(), expected());
  EXPECT_TRUE(ledger().is_clean());
}

TEST_F(LedgerByHand, SaysWhichOrderIsMissing) {
  note_all();
  apply_all_but({1, 50});
  Ledger wanted = expected();
  wanted.applied -= 1;
  wanted.lost = 1;
  EXPECT_EQ(ledger(), wanted);
  EXPECT_FALSE(ledger().balances());
}

TEST_F(LedgerByHand, SaysThatTheLastOrderIsMissing) {
  note_all();
  apply_all_but({2, kEach - 1});
  EXPECT_EQ(ledger().lost, 1U);
}

TEST_F(LedgerByHand, SaysThatAnOrderIsThereTwice) {
  note_all();
  apply_all();
  apply({0, 10});
  Ledger wanted = expected();
  wanted.duplicated = 1;
  EXPECT_EQ(ledger(), wanted);
  EXPECT_TRUE(ledger().balances());
  EXPECT_FALSE(ledger().is_clean());
}

TEST_F(LedgerByHand, ALossAndARepeatDoNotMakeUpForEachOther) {
  note_all();
  apply_all_but({1, 50});
  apply({1, 51});
  EXPECT_EQ(ledger().lost, 1U);
  EXPECT_EQ(ledger().duplicated, 1U);
}

TEST_F(LedgerByHand, SaysThatAnOrderCameLate) {
  note_all();
  apply_all_but({1, 50});
  apply({1, 50});
  Ledger wanted = expected();
  wanted.reordered = 1;
  EXPECT_EQ(ledger(), wanted);
}

TEST_F(LedgerByHand, SaysThatAByteOfTheBufferIsWrong) {
  note_all();
  apply_all();
  for (int at = 0; at < 16; ++at) {
    by_hand_.get().order()[at] ^= std::byte{4};
    EXPECT_EQ(ledger().torn, 1U) << at;
    by_hand_.get().order()[at] ^= std::byte{4};
  }
}

TEST_F(LedgerByHand, SaysThatSomethingStandsBehindTheOrder) {
  note_all();
  apply_all();
  stage_.writer(0).begun = stage_.writer(0).taken = kEach + 1;
  put({0, kEach}, bytes_of("short"));
  by_hand_.get().order()[10] = std::byte{'x'};
  EXPECT_FALSE(is_whole(by_hand_.get()));
}

TEST_F(LedgerByHand, SaysThatAnOrderIsNotTheOneThatWasSent) {
  note_all();
  apply_all_but({1, 50});
  put({1, 50}, bytes_of("something else.."));
  apply({1, 99});
  Ledger wanted = expected();
  wanted.reordered = 1;
  wanted.duplicated = 1;
  EXPECT_EQ(ledger(), wanted) << "a repeat makes the digest useless, but the repeat is told";
}

TEST_F(LedgerByHand, SaysThatAChangedOrderWasApplied) {
  note_all();
  for (std::uint64_t s = 0; s < kEach; ++s) {
    for (std::uint32_t w = 0; w < kWriters; ++w) {
      if (w != 1 || s != 50) {
        apply({w, s});
        continue;
      }
      put({w, s}, bytes_of("0123456789abcdef"));
    }
  }
  Ledger wanted = expected();
  wanted.torn = 1;
  EXPECT_EQ(ledger(), wanted);
}

TEST_F(LedgerByHand, SaysThatEffectsWereOverwritten) {
  note_all();
  apply_all();
  by_hand_.get().head().count -= 7;
  Ledger wanted = expected();
  wanted.applied -= 7;
  wanted.lost = 7;
  EXPECT_EQ(ledger(), wanted);
}

TEST_F(LedgerByHand, CountsRejectedOrdersWhereverTheyAre) {
  note_all();
  // Every other order of writer 0: more gaps than an account has room for.
  for (std::uint64_t s = 0; s < kEach; ++s) {
    for (std::uint32_t w = 0; w < kWriters; ++w) {
      if (w != 0 || s % 2 == 1) apply({w, s});
    }
  }
  stage_.writer(0).taken = kEach / 2;
  stage_.writer(0).rejected = kEach / 2;
  const Ledger got = ledger();
  EXPECT_EQ(got.rejected, kEach / 2);
  EXPECT_EQ(got.lost, 0U);
  EXPECT_TRUE(got.balances());
}

TEST_F(LedgerByHand, SaysThatAnOrderWasRejectedThoughItFits) {
  note_all();
  apply_all_but({1, kEach - 1});
  stage_.writer(1).taken = kEach - 1;
  stage_.writer(1).rejected = 1;
  EXPECT_FALSE(ledger().is_clean());
}

TEST_F(LedgerByHand, AWriterThatDiedLeavesOneOrderInDoubt) {
  for (const bool arrived : {false, true}) {
    note_all();
    stage_.writer(2).begun = 41;
    stage_.writer(2).taken = 40;
    stage_.writer(2).ended_ns = 0;
    by_hand_ = BufferByHand(16, kWriters);
    for (std::uint64_t s = 0; s < kEach; ++s) {
      for (std::uint32_t w = 0; w < kWriters; ++w) {
        if (w != 2 || s < (arrived ? 41 : 40)) apply({w, s});
      }
    }
    const Ledger got = ledger();
    EXPECT_EQ(got.sent, 2 * kEach + 41);
    EXPECT_EQ(got.abandoned, arrived ? 0U : 1U);
    EXPECT_TRUE(got.is_clean());
    stage_.writer(2).ended_ns = 1;  // it lived on, and gave that order up
    EXPECT_EQ(ledger().dropped, arrived ? 0U : 1U);
  }
}

TEST_F(LedgerByHand, WithoutABufferWhatWasTakenIsForgottenOrUnread) {
  note_all();
  stage_.writer(0).begun = kEach;
  stage_.writer(0).taken = kEach - 1;
  stage_.writer(0).ended_ns = 0;
  stage_.host().applied = 120;
  const Ledger queue = make_ledger(stage_, modes::Buffer(), true);
  EXPECT_EQ(queue.forgotten, 120U);
  EXPECT_EQ(queue.unread, kWriters * kEach - 121);
  EXPECT_EQ(queue.abandoned, 1U);
  EXPECT_TRUE(queue.balances());
  const Ledger lock = make_ledger(stage_, modes::Buffer(), false);
  EXPECT_EQ(lock.forgotten, kWriters * kEach - 1);
  EXPECT_EQ(lock.unread, 0U);
  EXPECT_TRUE(lock.balances());
  EXPECT_FALSE(lock.is_clean());
}

TEST_F(LedgerByHand, AnOrderThatAnExceptionLeftIsDroppedAndNotMissed) {
  note_all();
  apply_all_but({1, 50});
  stage_.head().workload.fault = {modes::Fault::Kind::thrown, 1, 50, 1};
  stage_.writer(1).taken = kEach - 1;
  stage_.writer(1).given_up = 1;
  Ledger wanted = expected();
  wanted.applied -= 1;
  wanted.dropped = 1;
  EXPECT_EQ(ledger(), wanted);
  EXPECT_TRUE(ledger().is_clean());
}

TEST_F(LedgerByHand, WhatADeadOwnerHadAppliedIsForgottenAndNoMore) {
  note_all();
  for (std::uint64_t s = 40; s < kEach; ++s) {
    for (std::uint32_t w = 0; w < kWriters; ++w) apply({w, s});
  }
  stage_.host().buried = kWriters * 40;
  Ledger wanted = expected();
  wanted.forgotten = kWriters * 40;
  EXPECT_EQ(ledger(), wanted);
  EXPECT_TRUE(ledger().balances());
  EXPECT_FALSE(ledger().is_clean());
  stage_.host().buried = kWriters * 40 - 3;  // three more are missing than it had applied
  EXPECT_EQ(ledger().forgotten, kWriters * 40 - 3);
  EXPECT_EQ(ledger().lost, 3U);
}

TEST_F(LedgerByHand, ASuccessorMayHaveSeenNothingOfAWriter) {
  note_all();
  for (std::uint64_t s = 0; s < kEach; ++s) {
    for (std::uint32_t w = 1; w < kWriters; ++w) apply({w, s});
  }
  stage_.host().buried = kEach;
  EXPECT_EQ(ledger().forgotten, kEach);
  EXPECT_EQ(ledger().lost, 0U);
}

// The kernel tells of its own part by ticks of milliseconds, of all of it exactly.
TEST(Usage, IsNeverLessThanNothing) {
  const modes::Usage before{3'000'000, 1'000'000, 5, 7};
  const modes::Usage after{2'500'000, 4'000'000, 6, 9};
  const modes::Usage used = after - before;
  EXPECT_EQ(used.user_ns, 0U);
  EXPECT_EQ(used.system_ns, 2'500'000U) << "all that was used";
  EXPECT_EQ(used.voluntary, 1U);
  EXPECT_EQ(used.involuntary, 2U);
}

}  // namespace
}  // namespace cortado::lab
