#include "os/file_lock.hpp"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "os/descriptor.hpp"
#include "temporary_directory.hpp"

namespace cortado::os {
namespace {

struct FileLockTest : testing::Test {
  /// Takes the lock, says so, and keeps it until it hears something.
  int hold(Line& line) const {
    const auto lock = FileLock::acquire(path);
    line.tell(lock ? 'y' : 'n');
    line.hear();
    return lock ? 0 : 1;
  }

  /// What another process gets.
  Errc of_another_process() const {
    ForkedChild child([this](Line&) {
      const auto lock = FileLock::acquire(path);
      return lock ? 100 : static_cast<int>(lock.error().code);
    });
    return static_cast<Errc>(child.wait());
  }

  TemporaryDirectory directory;
  std::string path = directory.file("name.lock");
};

constexpr Errc kAcquired{100};

TEST_F(FileLockTest, creates_a_private_file_and_removes_it) {
  {
    const auto lock = FileLock::acquire(path);
    ASSERT_TRUE(lock) << lock.error().text;
    struct stat status {};
    ASSERT_EQ(::lstat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
  }
  EXPECT_TRUE(directory.empty());
}

TEST_F(FileLockTest, is_refused_to_another_process_with_the_holders_pid) {
  ForkedChild child([this](Line& line) { return hold(line); });
  ASSERT_EQ(child.line().hear(), 'y');
  const auto lock = FileLock::acquire(path);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::name_taken);
  EXPECT_NE(lock.error().text.find("process " + std::to_string(child.pid())), std::string::npos)
      << lock.error().text;
  child.line().tell('.');
  EXPECT_EQ(child.wait(), 0);
  EXPECT_TRUE(FileLock::acquire(path));
}

TEST_F(FileLockTest, is_kept_by_a_stopped_process) {
  test::Fault fault("owner-stopped-second-starts");
  ForkedChild child([this](Line& line) { return hold(line); });
  ASSERT_EQ(child.line().hear(), 'y');
  child.stop();
  fault.fired();
  const auto lock = FileLock::acquire(path);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::name_taken);
  child.resume();
}

TEST_F(FileLockTest, is_free_once_its_holder_is_killed) {
  test::Fault fault("stale-rendezvous");
  ForkedChild child([this](Line& line) { return hold(line); });
  ASSERT_EQ(child.line().hear(), 'y');
  child.kill();
  fault.fired();
  child.wait();
  EXPECT_TRUE(std::filesystem::exists(path));
  {
    const auto lock = FileLock::acquire(path);
    EXPECT_TRUE(lock) << lock.error().text;
  }
  EXPECT_TRUE(directory.empty());
}

TEST_F(FileLockTest, is_refused_inside_the_same_process_and_stays_held) {
  const auto lock = FileLock::acquire(path);
  ASSERT_TRUE(lock);
  const auto again = FileLock::acquire(path);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::name_taken);
  EXPECT_NE(again.error().text.find(std::to_string(::getpid())), std::string::npos);
  // The refused attempt must not have opened and closed the file, which would drop the lock.
  EXPECT_EQ(of_another_process(), Errc::name_taken);
}

TEST_F(FileLockTest, is_not_inherited_by_a_forked_child) {
  test::Fault fault("owner-forks");
  ForkedChild holder([this](Line& line) {
    auto lock = FileLock::acquire(path);
    if (!lock) return 1;
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      line.tell('y');
      line.hear();
      ::_exit(0);
    }
    ::pause();
    return 0;
  });
  ASSERT_EQ(holder.line().hear(), 'y');
  EXPECT_EQ(of_another_process(), Errc::name_taken);
  holder.kill();
  fault.fired();
  holder.wait();
  EXPECT_TRUE(FileLock::acquire(path)) << "although the holder's child lives";
}

TEST_F(FileLockTest, is_untouched_when_a_forked_child_destroys_its_copy) {
  test::Fault fault("owner-forks");
  auto lock = FileLock::acquire(path);
  ASSERT_TRUE(lock);
  ForkedChild child([&lock](Line&) {
    const FileLock copy = std::move(*lock);
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
  fault.fired();
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(of_another_process(), Errc::name_taken);
}

TEST_F(FileLockTest, is_refused_to_a_forked_child_and_free_for_it_afterwards) {
  auto lock = FileLock::acquire(path);
  ASSERT_TRUE(lock);
  EXPECT_EQ(of_another_process(), Errc::name_taken);
  { const FileLock released = std::move(*lock); }
  EXPECT_EQ(of_another_process(), kAcquired);
}

TEST_F(FileLockTest, moves_with_its_file) {
  auto lock = FileLock::acquire(path);
  auto other = FileLock::acquire(directory.file("other.lock"));
  ASSERT_TRUE(lock && other);
  *lock = std::move(*other);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::exists(directory.file("other.lock")));
}

TEST_F(FileLockTest, does_not_remove_a_file_that_is_no_longer_its_own) {
  {
    const auto lock = FileLock::acquire(path);
    ASSERT_TRUE(lock);
    std::filesystem::remove(path);
    std::ofstream(path) << "somebody else's";
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(FileLockTest, refuses_a_link_a_directory_a_fifo_and_a_second_name) {
  test::Fault fault("squatted-rendezvous");
  const auto refused = [this] {
    const auto lock = FileLock::acquire(path);
    return !lock && lock.error().code == Errc::permission;
  };
  std::ofstream(directory.file("target")) << "x";
  std::filesystem::create_symlink(directory.file("target"), path);
  EXPECT_TRUE(refused()) << "symbolic link";
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_TRUE(refused()) << "directory";
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(refused()) << "fifo";
  std::filesystem::remove(path);
  std::filesystem::create_hard_link(directory.file("target"), path);
  EXPECT_TRUE(refused()) << "hard link";
  fault.fired();
}

TEST_F(FileLockTest, refuses_a_file_of_another_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make one";
  test::Fault fault("squatted-rendezvous");
  std::ofstream(path) << "";
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  const auto lock = FileLock::acquire(path);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, Errc::permission);
  fault.fired();
}

// Each takes the lock, counts in the file beside it, and releases (which unlinks) again and again.
TEST_F(FileLockTest, excludes_processes_that_acquire_and_release_at_the_same_time) {
  test::Fault fault("two-owners-start");
  const std::string counter = directory.file("counter");
  std::ofstream(counter) << 0;
  constexpr int kRounds = 200;
  const auto body = [&](Line&) {
    for (int done = 0; done < kRounds;) {
      const auto lock = FileLock::acquire(path);
      if (!lock) {
        if (lock.error().code != Errc::name_taken && lock.error().code != Errc::try_again) return 1;
        continue;
      }
      int value = 0;
      std::ifstream(counter) >> value;
      std::ofstream(counter) << value + 1;
      ++done;
    }
    return 0;
  };
  ForkedChild a(body), b(body), c(body);
  EXPECT_EQ(a.wait(), 0);
  EXPECT_EQ(b.wait(), 0);
  EXPECT_EQ(c.wait(), 0);
  int value = 0;
  std::ifstream(counter) >> value;
  EXPECT_EQ(value, 3 * kRounds);
  fault.fired();
}

}  // namespace
}  // namespace cortado::os
