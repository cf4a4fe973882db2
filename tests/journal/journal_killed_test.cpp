// Killed at every system call: a child opens the journal, commits a batch and ends it; it is
// traced, and killed at its n-th stop (at the entry, then at the return of each call), for n = 1,
// 2, ... until it comes to its end. What it leaves is judged from the file: the batch and its
// positions are there wholly or not at all, what was there before stays, and the next owner goes
// on.
//
// A store to the page cache is as durable as the machine, so this says nothing of a power loss.
#include <cortado/journal.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "../unit/temporary_directory.hpp"
#include "rows.hpp"

namespace {

using namespace journal_test;
using cortado::Durability;
using cortado::Journal;
using cortado::test::Fault;

using Rows = std::vector<Row>;
using Texts = std::vector<std::string>;

constexpr int kCannotTrace = 99;

/// What the child has done, in memory that survives it.
struct Progress {
  std::atomic<bool> opened;
  std::atomic<bool> committed;
};

/// A batch of three writers: one the file knows, two that are new; long enough for several pages.
std::vector<std::pair<Row, std::uint32_t>> batch_behind(std::uint64_t first) {
  std::vector<std::pair<Row, std::uint32_t>> rows;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const char writer = "abc"[i % 3];
    const std::uint64_t from = writer == 'a' ? first : 0;
    const auto sequence = static_cast<std::int64_t>(from + i / 3);
    rows.push_back(
        {{0, std::string(1, writer), sequence, 5, std::string(i * 17, writer) + std::to_string(i)},
         1000});
  }
  return rows;
}

bool add_all(Journal& journal, std::uint64_t first) {
  bool all = true;
  for (const auto& [row, uid] : batch_behind(first)) {
    const bool fresh = journal.add(Made(row.writer[0], static_cast<std::uint64_t>(row.sequence),
                                        row.bytes, static_cast<std::uint16_t>(row.tag), uid));
    all = all && fresh;
  }
  return all;
}

class KilledJournal : public ::testing::TestWithParam<std::pair<Durability, bool>> {
 protected:
  KilledJournal() {
    void* page = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) std::abort();
    progress_ = new (page) Progress{};
  }
  ~KilledJournal() override { ::munmap(progress_, sizeof(Progress)); }

  /// By who judges: not to wait for the disk changes nothing of what is there.
  Journal open(Durability durability = Durability::process_death) const {
    cortado::JournalOptions options;
    options.durability = durability;
    auto journal = Journal::open(path_, options);
    EXPECT_TRUE(journal) << journal.error().text;
    return std::move(*journal);
  }

  static constexpr const char* kFiles[] = {"", "-wal", "-shm", "-lock"};

  /// What an earlier owner left that was killed behind its commit.
  void make_old_file() {
    if (!GetParam().second) return;
    constexpr std::uint64_t kBefore = 30;
    const pid_t earlier = ::fork();
    if (earlier == 0) {
      Journal journal = open(GetParam().first);
      for (std::uint64_t i = 0; i < kBefore; ++i) journal.add(Made('a', i, std::string(100, 'o')));
      if (journal.commit()) ::kill(::getpid(), SIGKILL);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(earlier, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    before_ = kBefore;
    for (const char* suffix : kFiles) std::filesystem::rename(path_ + suffix, old_ + suffix);
  }

  void begin() {
    for (const char* suffix : kFiles) {
      std::filesystem::remove(path_ + suffix);
      if (before_ != 0) std::filesystem::copy_file(old_ + suffix, path_ + suffix);
    }
  }

  [[noreturn]] void run_child() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(60);
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kCannotTrace);
    ::raise(SIGSTOP);
    {
      Journal journal = open(GetParam().first);
      progress_->opened.store(true);
      if (!add_all(journal, before_) || !journal.commit()) ::_exit(1);
      progress_->committed.store(true);
    }
    ::_exit(0);
  }

  /// Kills at the n-th stop. False: the child came to its end before. Its status is in `status`.
  bool kill_at(int n, int& status) {
    new (progress_) Progress{};
    const pid_t child = ::fork();
    if (child == 0) run_child();
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) return false;  // kCannotTrace
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (int stop = 0; stop < n;) {
      ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
      ::waitpid(child, &status, 0);
      if (!WIFSTOPPED(status)) return false;
      if (WSTOPSIG(status) == (SIGTRAP | 0x80)) ++stop;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return true;
  }

  /// The child runs to its end. How often it waited for the disk while it committed.
  int syncs_of_commit(int& status) {
    new (progress_) Progress{};
    const pid_t child = ::fork();
    if (child == 0) run_child();
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status)) return 0;  // kCannotTrace
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    int syncs = 0;
    for (;;) {
      ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
      ::waitpid(child, &status, 0);
      if (!WIFSTOPPED(status)) return syncs;
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
      const bool entered = info.op == PTRACE_SYSCALL_INFO_ENTRY;
      const bool sync = info.entry.nr == SYS_fsync || info.entry.nr == SYS_fdatasync;
      const bool committing = progress_->opened.load() && !progress_->committed.load();
      if (entered && sync && committing) ++syncs;
    }
  }

  /// Wrong if a part of it is there.
  void judge(std::uint64_t& whole, std::uint64_t& absent) {
    const std::uint64_t size = batch_behind(before_).size();
    Journal next = open();
    {
      Reader reader(path_);
      const Rows rows = reader.messages();
      ASSERT_TRUE(rows.size() == before_ || rows.size() == before_ + size) << rows.size();
      const bool there = rows.size() != before_;
      ++(there ? whole : absent);
      if (progress_->committed.load()) {
        ASSERT_TRUE(there) << "commit had said that it was";
      }
      if (!progress_->opened.load()) {
        ASSERT_FALSE(there);
      }
      Texts positions;
      if (there) {
        positions = {"a " + std::to_string(before_ + 14), "b 13", "c 13"};
      } else if (before_ != 0) {
        positions = {"a " + std::to_string(before_)};
      }
      ASSERT_EQ(reader.positions(), positions);
      // The next owner is given all of it again, and journals what is not there.
      ASSERT_EQ(add_all(next, before_), !there);
      ASSERT_EQ(next.pending(), there ? 0 : size);
    }
    ASSERT_TRUE(next.commit());
    Reader reader(path_);
    const Rows rows = reader.messages();
    ASSERT_EQ(rows.size(), before_ + size);
    std::size_t at = before_;
    for (const auto& [row, uid] : batch_behind(before_)) {
      Row expected = row;
      expected.id = static_cast<std::int64_t>(at + 1);
      ASSERT_EQ(rows[at++], expected);
    }
    ASSERT_EQ(reader.first("PRAGMA integrity_check"), "ok");
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("journal.db");
  std::string old_ = directory_.file("old.db");
  std::uint64_t before_ = 0;  ///< messages in the file, all of writer a
  Progress* progress_ = nullptr;
};

TEST_P(KilledJournal, at_any_system_call_has_the_batch_wholly_or_not_at_all) {
  Fault fault("killed-in-journal");
  std::uint64_t whole = 0;
  std::uint64_t absent = 0;
  int stops = 0;
  ASSERT_NO_FATAL_FAILURE(make_old_file());
  for (int n = 1;; ++n) {
    begin();
    int status = 0;
    const bool killed = kill_at(n, status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotTrace) {
      GTEST_SKIP() << "this process may not trace its child";
    }
    if (!killed) {
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    }
    SCOPED_TRACE("killed at stop " + std::to_string(n));
    ASSERT_NO_FATAL_FAILURE(judge(whole, absent));
    if (!killed) break;
    fault.fired();
    ++stops;
  }
  std::printf("killed at %d stops: %llu times the batch was there, %llu times not\n", stops,
              static_cast<unsigned long long>(whole), static_cast<unsigned long long>(absent));
  EXPECT_GT(stops, 50);
  EXPECT_GT(whole, 1U);
  EXPECT_GT(absent, 1U);
}

TEST_P(KilledJournal, waits_for_the_disk_in_a_commit_if_it_is_to_survive_a_power_loss) {
  ASSERT_NO_FATAL_FAILURE(make_old_file());
  begin();
  int status = 0;
  const int syncs = syncs_of_commit(status);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotTrace) {
    GTEST_SKIP() << "this process may not trace its child";
  }
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  if (GetParam().first == Durability::power_loss) {
    EXPECT_GT(syncs, 0);
  } else {
    EXPECT_EQ(syncs, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Journals, KilledJournal,
                         ::testing::Values(std::pair(Durability::power_loss, false),
                                           std::pair(Durability::power_loss, true),
                                           std::pair(Durability::process_death, true)),
                         [](const auto& chosen) {
                           return std::string(chosen.param.second ? "old_file" : "new_file") +
                                  (chosen.param.first == Durability::power_loss ? "_synchronous"
                                                                                : "");
                         });

}  // namespace
