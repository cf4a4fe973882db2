#include "os/memory_file.hpp"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "os/memory_headroom.hpp"
#include "temporary_directory.hpp"

namespace cortado::os {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBytes = 64 * 1024;

TEST(MemoryFile, has_exactly_its_size_and_all_of_it_allocated) {
  const auto memfd = create_memory_file("test", kBytes);
  ASSERT_TRUE(memfd) << memfd.error().text;
  struct stat status {};
  ASSERT_EQ(::fstat(memfd->get(), &status), 0);
  EXPECT_EQ(static_cast<std::size_t>(status.st_size), kBytes);
  EXPECT_GE(static_cast<std::size_t>(status.st_blocks) * 512, kBytes);
  EXPECT_EQ(::fcntl(memfd->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_TRUE(verify_memory_file(memfd->get(), kBytes));
}

TEST(MemoryFile, cannot_be_truncated_grown_or_sealed_further) {
  test::Fault fault("segment-truncated");
  const auto memfd = create_memory_file("test", kBytes);
  ASSERT_TRUE(memfd);
  for (const off_t size : {off_t{0}, off_t{4096}, off_t{kBytes} + 1}) {
    EXPECT_EQ(::ftruncate(memfd->get(), size), -1);
    EXPECT_EQ(errno, EPERM);
    fault.fired();
  }
  EXPECT_EQ(::fcntl(memfd->get(), F_ADD_SEALS, F_SEAL_WRITE), -1);
  EXPECT_EQ(errno, EPERM);
  fault.fired();
}

TEST(MemoryFile, is_refused_when_its_size_is_not_sealed) {
  const Descriptor open_ended(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(open_ended.get(), off_t{kBytes}), 0);
  ASSERT_EQ(::fcntl(open_ended.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  const auto verified = verify_memory_file(open_ended.get(), kBytes);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, Errc::malformed);
  ASSERT_EQ(::fcntl(open_ended.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
  EXPECT_TRUE(verify_memory_file(open_ended.get(), kBytes));
}

TEST(MemoryFile, is_refused_when_it_has_another_size_or_is_no_memfd) {
  const auto memfd = create_memory_file("test", kBytes);
  ASSERT_TRUE(memfd);
  EXPECT_FALSE(verify_memory_file(memfd->get(), kBytes + 1));
  EXPECT_FALSE(verify_memory_file(memfd->get(), kBytes - 1));
  EXPECT_FALSE(verify_memory_file(0, kBytes));
  EXPECT_FALSE(verify_memory_file(-1, kBytes));
}

TEST(MemoryFile, names_the_limit_of_file_sizes_instead_of_being_killed_by_it) {
  test::Fault fault("limits-hit");
  ForkedChild child([](Line&) {
    const rlimit limit{kBytes, kBytes};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    if (!create_memory_file("test", kBytes)) return 3;
    const auto refused = create_memory_file("test", kBytes + 4096);
    if (refused || refused.error().code != Errc::no_memory) return 4;
    return refused.error().text.find("ulimit -f") == std::string::npos ? 5 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
  fault.fired();
}

TEST(MemoryFile, is_refused_when_it_is_larger_than_the_machine) {
  test::Fault fault("no-memory-for-a-lane");
  const auto refused = create_memory_file("test", std::size_t{1} << 50);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_memory) << refused.error().text;
  fault.fired();
}

TEST(MemoryFile, is_refused_when_it_is_empty) {
  const auto refused = create_memory_file("test", 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

class Headroom : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  TemporaryDirectory root;
};

TEST_F(Headroom, is_unlimited_where_no_file_limits_it) {
  EXPECT_EQ(memory_headroom(root.path()).bytes, UINT64_MAX);
}

TEST_F(Headroom, counts_what_the_machine_has_available_and_can_swap) {
  write("/proc/meminfo", "MemTotal:  900 kB\nMemAvailable:    300 kB\nSwapFree:  20 kB\n");
  EXPECT_EQ(memory_headroom(root.path()).bytes, 320U * 1024);
}

TEST_F(Headroom, is_the_least_along_the_path_in_version_2) {
  write("/proc/self/cgroup", "0::/a/b\n");
  write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  write("/sys/fs/cgroup/a/b/memory.current", "10\n");
  write("/sys/fs/cgroup/a/memory.max", "1000\n");
  write("/sys/fs/cgroup/a/memory.current", "400\n");
  const auto headroom = memory_headroom(root.path());
  EXPECT_EQ(headroom.bytes, 600U);
  EXPECT_EQ(headroom.limited_by, root.path() + "/sys/fs/cgroup/a/memory.max");
}

TEST_F(Headroom, reads_version_1) {
  write("/proc/self/cgroup", "5:cpu,cpuacct:/z\n4:memory:/a\n0::/\n");
  write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000\n");
  write("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "900\n");
  EXPECT_EQ(memory_headroom(root.path()).bytes, 100U);
}

TEST_F(Headroom, does_not_count_page_cache_as_used) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "1000\n");
  write("/sys/fs/cgroup/memory.current", "1000\n");
  write("/sys/fs/cgroup/memory.stat", "anon 300\ninactive_file 600\nactive_file 100\n");
  EXPECT_EQ(memory_headroom(root.path()).bytes, 700U);
}

TEST_F(Headroom, is_none_when_usage_is_above_the_limit) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/memory.max", "1000\n");
  write("/sys/fs/cgroup/memory.current", "1200\n");
  EXPECT_EQ(memory_headroom(root.path()).bytes, 0U);
}

TEST(RecentHeadroom, is_believed_for_a_while_where_it_is_plenty) {
  RecentHeadroom recent;
  const RecentHeadroom::clock::time_point now{};
  EXPECT_FALSE(recent.grants(1, now)) << "nobody has read it";
  recent.remember({1024 * 1000 + 7, ""}, 7, now);
  EXPECT_TRUE(recent.grants(1000, now));
  EXPECT_TRUE(recent.grants(999, now + RecentHeadroom::kAge - 1ns));
  EXPECT_FALSE(recent.grants(1, now + RecentHeadroom::kAge)) << "stale";
}

TEST(RecentHeadroom, is_not_believed_where_it_is_close) {
  RecentHeadroom recent;
  const RecentHeadroom::clock::time_point now{};
  recent.remember({1024 * 1000, ""}, 0, now);
  EXPECT_FALSE(recent.grants(1001, now));
  EXPECT_TRUE(recent.grants(1000, now));
  EXPECT_FALSE(recent.grants(1000, now)) << "what was granted is gone";
}

}  // namespace
}  // namespace cortado::os
