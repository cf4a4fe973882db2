#include "os/fork_guard.hpp"

#include <cortado/owner.hpp>

#include <atomic>
#include <cerrno>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "../support/forbid.hpp"
#include "forked_child.hpp"
#include "temporary_directory.hpp"

namespace cortado::os {
namespace {

/// What the guard has before anybody has asked.
const auto* const undecided = fork_guard::word.load();

/// Runs `body` in a process whose kernel knows no MADV_WIPEONFORK, as those before Linux 4.14.
/// What it returns; kNotPermitted: there can be no such process here.
int without_wiped_pages(const std::function<int()>& body) {
  ForkedChild child([&](Line&) {
    if (!test::forbid(SYS_madvise, EINVAL, test::Argument{2, MADV_WIPEONFORK})) {
      return test::kNotPermitted;
    }
    fork_guard::word.store(undecided);
    const std::uint64_t first = process_epoch();
    const bool no_page = fork_guard::word.load() != undecided && *fork_guard::word.load() == 0;
    return no_page && process_epoch() == first ? body() : 99;
  });
  return child.wait();
}

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

TEST(ForkGuard, tells_processes_apart_where_no_page_is_wiped) {
  test::Fault fault("calls-forbidden");
  const int status = without_wiped_pages([] {
    const std::uint64_t epoch = process_epoch();
    bool same = epoch != 0;
    for (int i = 0; i < 1000; ++i) same = same && process_epoch() == epoch;
    std::thread([&] { same = same && process_epoch() == epoch; }).join();
    if (!same) return 1;
    ForkedChild child([epoch](Line&) {
      const std::uint64_t of_child = process_epoch();
      if (of_child == 0 || of_child == epoch || of_child != process_epoch()) return 1;
      ForkedChild grandchild([epoch, of_child](Line&) {
        const std::uint64_t mine = process_epoch();
        return mine != epoch && mine != of_child ? 0 : 1;
      });
      return grandchild.wait() == 0 ? 0 : 2;
    });
    return child.wait() == 0 && process_epoch() == epoch ? 0 : 2;
  });
  if (status == test::kNotPermitted) GTEST_SKIP() << "system call filters are not permitted here";
  fault.fired();
  EXPECT_EQ(status, 0);
}

/// Each message is handled once, by the process that opened; a child that its handler makes has
/// nothing of it.
TEST(ForkGuard, does_not_mislead_an_owner_where_no_page_is_wiped) {
  test::Fault fault("calls-forbidden");
  const TemporaryDirectory directory;
  const int status = without_wiped_pages([&] {
    OwnerOptions options;
    options.directory = directory.path();
    auto owner = Owner::open("owner", options);
    if (!owner) return 1;
    auto writer = owner->make_writer();
    if (!writer) return 2;
    for (int i = 0; i < 10; ++i) {
      if (writer->try_send("x") != SendStatus::sent) return 3;
    }
    int handled = 0, wrong = 0;
    const auto handle = [&](const Message& message) {
      wrong += message.redelivered() || message.sequence() != static_cast<std::uint64_t>(handled);
      if (++handled != 5) return;
      ForkedChild child([&](Line&) {
        const bool nothing = owner->drain([](const Message&) {}) == 0;
        return nothing && writer->try_send("x") == SendStatus::forked ? 0 : 1;
      });
      wrong += child.wait() != 0;
    };
    owner->drain(handle);
    owner->drain(handle);
    if (handled != 10 || wrong != 0) return 4;
    return writer->close(std::chrono::seconds(60)) == 0 ? 0 : 5;
  });
  if (status == test::kNotPermitted) GTEST_SKIP() << "system call filters are not permitted here";
  fault.fired();
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cortado::os
