// The interleaving that a seed draws.
#include "modes/turns.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "scene.hpp"

namespace cortado::lab {
namespace {

using modes::cup_after;
using modes::letter_turns;
using modes::order_turns;

TEST(Turns, AreTheSameForTheSameSeedOnEveryMachine) {
  const auto turns = letter_turns(coffee_orders(), 4, 16, 7);
  EXPECT_EQ(turns, letter_turns(coffee_orders(), 4, 16, 7));
  EXPECT_NE(turns, letter_turns(coffee_orders(), 4, 16, 8));
  const std::vector<std::uint32_t> first(turns.begin(), turns.begin() + 8);
  EXPECT_EQ(first, (std::vector<std::uint32_t>{0, 3, 2, 0, 2, 2, 3, 2}));
}

TEST(Turns, GiveEachWriterEachOfItsLetters) {
  const auto turns = letter_turns(coffee_orders(), 4, 16, 1);
  for (std::uint32_t w = 0; w < 4; ++w) EXPECT_EQ(std::count(turns.begin(), turns.end(), w), 16);
}

TEST(Turns, GarbleWhateverTheSeed) {
  std::set<std::string> cups;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const std::string cup =
        cup_after(letter_turns(coffee_orders(), 4, 16, seed), coffee_orders(), 4, 16);
    for (std::string order : coffee_orders()) {
      order.resize(16, '\0');
      ASSERT_NE(cup, order) << "seed " << seed;
    }
    cups.insert(cup);
  }
  EXPECT_GT(cups.size(), 400U);
  // Two orders of one letter, in a buffer of two: few interleavings garble.
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const std::vector<std::string> orders{"ab", "cd"};
    const std::string cup = cup_after(letter_turns(orders, 2, 2, seed), orders, 2, 2);
    ASSERT_TRUE(cup == "ad" || cup == "cb") << cup;
  }
}

TEST(Turns, EndWhereNothingCanBeGarbled) {
  EXPECT_EQ(letter_turns({"ab"}, 1, 2, 1).size(), 2U);
  EXPECT_EQ(letter_turns({"ab", "ab"}, 2, 2, 1).size(), 4U);
}

TEST(Turns, LeaveOutWhatIsRejected) {
  const std::vector<std::string> orders{"Mocha with Milk", "Tea", "Choca", "Chai"};
  const auto turns = letter_turns(orders, 2, 8, 3);  // writer 0: Mocha, Choca; writer 1: Tea, Chai
  EXPECT_EQ(std::count(turns.begin(), turns.end(), 0U), 8);
  EXPECT_EQ(std::count(turns.begin(), turns.end(), 1U), 16);
  EXPECT_EQ(cup_after({1, 1, 1, 1, 1, 1, 1, 1}, orders, 2, 8), std::string("Tea\0\0\0\0\0", 8));
}

TEST(Turns, OfWholeOrdersFollowTheFirstLetters) {
  EXPECT_EQ(order_turns({1, 0, 0, 1, 1, 1}, 2, 2), (std::vector<std::uint32_t>{1, 0, 1}));
}

}  // namespace
}  // namespace cortado::lab
