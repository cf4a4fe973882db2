// Process numbers under a test's control: a pid namespace, in which nobody else takes any.
#pragma once

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "../unit/forked_child.hpp"

namespace identity {

/// Children that are forked from now on live in a new pid namespace; the first one is its process 1
/// and must outlive the others. As root, or as root of a user namespace. False: not permitted.
inline bool separate_children() {
  if (::geteuid() == 0) return ::unshare(CLONE_NEWPID) == 0;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " + user + " 1";
  std::ofstream("/proc/self/gid_map") << "0 " + group + " 1";
  return ::geteuid() == 0;
}

/// The next child of this namespace that is forked gets that number. False: not permitted.
inline bool choose_next_pid(pid_t pid) {
  std::ofstream file("/proc/sys/kernel/ns_last_pid");
  file << pid - 1 << std::flush;
  return file.good();
}

inline constexpr int kNotPermitted = 77;

/// Runs `body`, with its expectations, as process 1 of a new namespace. False: it was not run, and
/// the test is skipped.
inline bool run_as_process_1(const std::function<void()>& body) {
  ForkedChild outside([&](Line&) {
    if (!separate_children()) return kNotPermitted;
    ForkedChild first([&](Line&) {
      body();
      std::fflush(nullptr);
      return ::testing::Test::HasFailure() ? 1 : 0;
    });
    return first.wait();
  });
  const int status = outside.wait();
  EXPECT_TRUE(status == 0 || status == kNotPermitted) << "see above; status " << status;
  return status != kNotPermitted;
}

}  // namespace identity
