#include "os/fork_guard.hpp"

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "forked_child.hpp"

namespace cortado::os {
namespace {

TEST(ForkGuard, stays_equal_in_one_process) {
  const std::uint64_t epoch = process_epoch();
  EXPECT_NE(epoch, 0U);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(process_epoch(), epoch);
}

TEST(ForkGuard, is_the_same_for_threads_that_ask_first_at_the_same_time) {
  // In a child, where nobody has asked yet.
  ForkedChild child([](Line&) {
    constexpr std::size_t count = 8;
    std::vector<std::uint64_t> seen(count);
    std::vector<std::thread> threads;
    std::atomic<bool> go{false};
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        while (!go.load()) std::this_thread::yield();
        seen[i] = process_epoch();
      });
    }
    go.store(true);
    for (auto& thread : threads) thread.join();
    return std::set<std::uint64_t>(seen.begin(), seen.end()).size() == 1 && seen[0] != 0 ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(ForkGuard, differs_in_a_child_and_in_its_child) {
  const std::uint64_t epoch = process_epoch();
  ForkedChild child([epoch](Line&) {
    const std::uint64_t of_child = process_epoch();
    if (of_child == epoch || of_child != process_epoch()) return 1;
    ForkedChild grandchild([epoch, of_child](Line&) {
      const std::uint64_t mine = process_epoch();
      return mine != epoch && mine != of_child ? 0 : 1;
    });
    return grandchild.wait() == 0 ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(process_epoch(), epoch);
}

TEST(ForkGuard, differs_in_a_grandchild_whose_parent_never_asked) {
  const std::uint64_t epoch = process_epoch();
  ForkedChild child([epoch](Line&) {
    ForkedChild grandchild([epoch](Line&) { return process_epoch() != epoch ? 0 : 1; });
    return grandchild.wait();
  });
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace cortado::os
