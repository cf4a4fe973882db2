// A ledger that cannot lie: whatever happens to an order on its way, in any mode, it says so.
#include <gtest/gtest.h>

#include "scene.hpp"

namespace cortado::lab {
namespace {

using Kind = modes::Fault::Kind;

constexpr std::uint64_t kOrders = 2000;

class Mischief : public EveryMode {
 protected:
  /// One writer in the races, so that what it finds is what was done to it, and nothing else.
  static RunSpec spec_with(Kind kind, std::uint64_t sequence) {
    RunSpec wanted = spec(races() ? 1 : 4, kOrders);
    wanted.workload.fault = {kind, races() ? 0U : 2U, sequence};
    return wanted;
  }
  static std::uint64_t last() { return (races() ? kOrders : kOrders / 4) - 1; }
};

TEST_P(Mischief, NoneIsClean) {
  EXPECT_TRUE(run_it(spec_with(Kind::none, 0)).ledger.is_clean());
}

TEST_P(Mischief, AFlippedByteIsTorn) {
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{77}, last()}) {
    const Ledger ledger = run_it(spec_with(Kind::flipped, sequence)).ledger;
    EXPECT_EQ(ledger.torn, 1U) << sequence;
    EXPECT_EQ(ledger.lost + ledger.duplicated + ledger.reordered, 0U);
  }
}

TEST_P(Mischief, ADroppedOrderIsLost) {
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{77}, last()}) {
    const Ledger ledger = run_it(spec_with(Kind::lost, sequence)).ledger;
    EXPECT_EQ(ledger.lost, 1U) << sequence;
    EXPECT_EQ(ledger.applied, kOrders - 1);
    EXPECT_FALSE(ledger.balances());
  }
}

TEST_P(Mischief, ADoubledOrderIsDuplicated) {
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{77}, last()}) {
    const Ledger ledger = run_it(spec_with(Kind::doubled, sequence)).ledger;
    EXPECT_EQ(ledger.duplicated, 1U) << sequence;
    EXPECT_EQ(ledger.applied, kOrders);
    EXPECT_FALSE(ledger.is_clean());
  }
}

TEST_P(Mischief, SwappedOrdersAreReordered) {
  for (const std::uint64_t sequence : {std::uint64_t{0}, std::uint64_t{77}, last() - 1}) {
    const Ledger ledger = run_it(spec_with(Kind::swapped, sequence)).ledger;
    EXPECT_EQ(ledger.reordered, 1U) << sequence;
    EXPECT_EQ(ledger.applied, kOrders);
    EXPECT_EQ(ledger.lost + ledger.duplicated + ledger.torn, 0U);
    EXPECT_FALSE(ledger.is_clean());
  }
}

INSTANTIATE_TEST_SUITE_P(All, Mischief, all_of_them(), name_of_mode);

}  // namespace
}  // namespace cortado::lab
