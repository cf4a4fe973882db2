// A child that performs one operation on shared memory and stands still wherever its parent wants:
// after each instruction, at a breakpoint, or asleep in the kernel.
//
//   setup -> fork -> child: prepare()  SIGSTOP  mark = inside  run()  mark = behind
//
// Parent and child never run at the same time, but while the child is on its way to the next stop
// and the parent waits for it: what a test sees does not depend on the scheduler.
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "../support/shared.hpp"
#include "os/descriptor.hpp"

namespace cortado::test {

/// One operation whose crash points are judged. All but `prepare` and `run` is called in the
/// parent.
struct Operation {
  std::string name;
  /// Puts the shared memory into the state before, and says where it is.
  std::function<std::vector<std::span<std::byte>>()> setup;
  /// Makes a child ready for the operation, before its first step. May be left out.
  std::function<void()> prepare;
  /// The operation. Called once, in a child; only what it does to the shared memory remains.
  std::function<void()> run;
  /// After each instruction of the operation: puts what is to be seen elsewhere than in memory (a
  /// hang-up, say) into memory that is part of the images. May be left out.
  std::function<void()> observe;
  /// The child sleeps in a system call: its peer may act. Once for each sleep. Left out: it is
  /// not expected to sleep for long.
  std::function<void()> asleep;
  /// Looks at an image: the regions of `setup`, one after the other. Empty: nothing is wrong.
  std::function<std::string(std::span<const std::byte> image)> judge;
  /// Likewise, for the image that the complete operation leaves.
  std::function<std::string(std::span<const std::byte> image)> judge_complete;
  /// False: the operation is expected to leave the shared memory as it was.
  bool changes = true;
};

/// Parent and child on one processor: two of them, taking turns, mostly wait for each other's wake.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    sched_getaffinity(0, sizeof before_, &before_);
    const int here = sched_getcpu();
    if (here < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(here), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneProcessor() { sched_setaffinity(0, sizeof before_, &before_); }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

class TracedChild {
 public:
  /// Afterwards the child stands before its operation, or refused() or broken() says why not.
  explicit TracedChild(const Operation& operation)
      : operation_(operation), regions_(operation.setup()) {
    child_ = fork();
    if (child_ < 0) {
      refused_ = std::string("fork: ") + std::strerror(errno);
      return;
    }
    if (child_ == 0) perform();
    stat_.reset(::open(("/proc/" + std::to_string(child_) + "/stat").c_str(), O_RDONLY));
    if (!stopped()) return;
    ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_EXITKILL);
    signal_ = 0;  // the SIGSTOP has done its work
  }
  ~TracedChild() { end(); }
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  const std::vector<std::span<std::byte>>& regions() const { return regions_; }
  /// Not empty: this machine does not let us trace, and why.
  const std::string& refused() const { return refused_; }
  /// Not empty: the child did not complete, and how it ended.
  const std::string& broken() const { return broken_; }
  bool inside() const { return mark_->load() == Mark::inside; }
  bool behind() const { return mark_->load() == Mark::behind; }

  /// One instruction (PTRACE_SINGLESTEP), or on to the next stop (PTRACE_CONT). False: it is gone,
  /// or may not be traced.
  bool resume(__ptrace_request how) {
    if (ptrace(how, child_, nullptr, signal_) != 0) {
      refused_ = std::string("ptrace: ") + std::strerror(errno);
      return false;
    }
    if (operation_.asleep && !stops_or_sleeps()) operation_.asleep();
    return stopped();
  }

  /// Lets it go on by itself, not traced any more.
  void set_free() { ptrace(PTRACE_DETACH, child_, nullptr, signal_); }
  /// Of one that was set free. True: it sleeps in the kernel; false: it has ended.
  bool sleeps() {
    if (!stops_or_sleeps()) return true;
    waitpid(child_, &status_, 0);
    child_ = -1;
    if (status_ != 0) broken_ = "the child ended with wait status " + std::to_string(status_);
    return false;
  }

  /// Kills it as anybody would be killed, now.
  void end() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    waitpid(child_, &status_, 0);
    child_ = -1;
  }

#if defined(__x86_64__)
  /// Of the instruction that comes next.
  std::uint64_t address() const {
    return static_cast<std::uint64_t>(
        ptrace(PTRACE_PEEKUSER, child_, offsetof(user_regs_struct, rip), nullptr));
  }

  /// Runs until it comes to the instruction at `address` for the `hit`th time, without a stop after
  /// each instruction in between.
  bool run_to(std::uint64_t address, std::uint64_t hit) {
    const long text = ptrace(PTRACE_PEEKTEXT, child_, address, nullptr);
    const long with_breakpoint = (text & ~0xffL) | 0xcc;
    for (std::uint64_t hits = 0;;) {
      ptrace(PTRACE_POKETEXT, child_, address, with_breakpoint);
      if (!resume(PTRACE_CONT)) return false;
      if (this->address() != address + 1) continue;  // a signal of its own
      ptrace(PTRACE_POKETEXT, child_, address, text);
      ptrace(PTRACE_POKEUSER, child_, offsetof(user_regs_struct, rip), address);
      if (++hits == hit) return true;
      if (!resume(PTRACE_SINGLESTEP)) return false;
    }
  }
#endif

 private:
  enum class Mark : int { before = 0, inside, behind };
  static constexpr int kNotPermitted = 77;

  [[noreturn]] void perform() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (operation_.prepare) operation_.prepare();
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNotPermitted);
    std::raise(SIGSTOP);
    mark_->store(Mark::inside);
    operation_.run();
    mark_->store(Mark::behind);
    _exit(0);
  }

  /// Waits for the child to stop. False: it is gone.
  bool stopped() {
    if (waitpid(child_, &status_, 0) != child_) {
      broken_ = std::string("waitpid: ") + std::strerror(errno);
      child_ = -1;
      return false;
    }
    if (WIFSTOPPED(status_)) {
      signal_ = WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
      return true;
    }
    child_ = -1;
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == kNotPermitted) {
      refused_ = "a child may not be traced here (PTRACE_TRACEME)";
    } else {
      broken_ = "the child ended with wait status " + std::to_string(status_);
    }
    return false;
  }

  /// True: it stops, or ends, which waitpid is still to be told. False: it sleeps in the kernel,
  /// and not only on its way through it: whenever it could have gone on, it has not.
  bool stops_or_sleeps() const {
    constexpr int kLooks = 50;
    for (int looks = 0; looks < kLooks;) {
      siginfo_t seen{};
      waitid(P_PID, static_cast<id_t>(child_), &seen, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
      if (seen.si_pid != 0) return true;
      sched_yield();
      looks = sleeps_now() ? looks + 1 : 0;
    }
    return false;
  }
  bool sleeps_now() const {
    char line[512];
    const ssize_t length = ::pread(stat_.get(), line, sizeof line - 1, 0);
    if (length <= 0) return false;
    line[length] = '\0';
    const char* behind_name = std::strrchr(line, ')');
    return behind_name != nullptr && behind_name[1] == ' ' && behind_name[2] == 'S';
  }

  const Operation& operation_;
  std::vector<std::span<std::byte>> regions_;
  Shared<std::atomic<Mark>> mark_;  ///< how far the child is
  os::Descriptor stat_;
  pid_t child_ = -1;
  int status_ = 0;
  int signal_ = 0;
  std::string refused_, broken_;
};

}  // namespace cortado::test
