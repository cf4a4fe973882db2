// A child process that stops at every system call, when it enters and when it leaves it. Each stop
// is a failpoint: there the child can be killed, held, or made to see its call fail. Nothing in the
// library knows of it.
//
//   parent                                child
//   start ------------------------------> prepare            at full speed
//                                         run                between two marks: stop by stop
//   next, next, ... [inject | kill | let_go]
//                                         finish             at full speed
//
// A stop at the entry is before the call has any effect, also for who is killed there: a traced
// process that is killed at an entry does not make the call. A held child is as a stopped one: it
// does not run, and nobody has declared it dead.
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <malloc.h>
#include <unistd.h>

#include "../support/shared.hpp"

namespace cortado::test {

/// Where a child stands still.
struct Stop {
  bool entry = false;
  long number = -1;  ///< of the call; at an exit, of the call whose entry was seen before
  std::uint64_t arguments[6] = {};
  std::int64_t result = 0;  ///< at an exit
};

/// The only descriptor that a forked process keeps of its parent's, besides the standard ones.
inline constexpr int kInherited = 3;

/// Leaves a forked child with the standard descriptors and `inherited`, if it is one, as
/// kInherited; it ends with its parent, and by SIGALRM if it hangs.
inline void part_from_parent(int inherited) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(600);
  if (inherited >= 0 && inherited != kInherited) ::dup2(inherited, kInherited);
  const unsigned first = inherited >= 0 ? kInherited + 1 : kInherited;
  ::syscall(SYS_close_range, first, ~0U, 0U);
}

class Traced {
 public:
  struct Body {
    std::function<void()> prepare;
    std::function<void()> run;
    std::function<int()> finish;  ///< its result is the exit status
  };

  /// Starts the child and waits until it is at the begin of `run`. Not permitted here: refused().
  explicit Traced(const Body& body, int inherited = -1) {
    child_ = ::fork();
    if (child_ == 0) perform(body, inherited);
    int status = 0;
    if (child_ < 0 || ::waitpid(child_, &status, 0) != child_) std::abort();
    if (!WIFSTOPPED(status)) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == kNotPermitted) {
        refused_ = "a child may not be traced here (PTRACE_TRACEME)";
      }
      ended(status);
      return;
    }
    constexpr unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, child_, nullptr, options) != 0) {
      refused_ = "system calls cannot be traced here (PTRACE_O_TRACESYSGOOD)";
      kill();
    }
  }
  ~Traced() { kill(); }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  const std::string& refused() const { return refused_; }
  pid_t pid() const { return child_; }
  /// Set once it is gone: as waitpid says.
  std::optional<int> status() const { return status_; }

  /// On to the next stop inside of `run`. None: `run` is complete (the child stands behind it), or
  /// the child is gone (status()).
  std::optional<Stop> next() {
    while (!status_) {
      if (::ptrace(PTRACE_SYSCALL, child_, nullptr, signal_) != 0) std::abort();
      signal_ = 0;
      int status = 0;
      if (::waitpid(child_, &status, 0) != child_) std::abort();
      if (!WIFSTOPPED(status)) {
        ended(status);
        break;
      }
      if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
        signal_ = WSTOPSIG(status);  // a signal of its own: it gets it
        continue;
      }
      const int mark = mark_->load();
      if (mark == behind) break;
      const Stop stop = look();
      if (mark == inside) return stop;
    }
    return std::nullopt;
  }

  /// At an entry: the call is not made, and fails with `error`; with `made`, it is made all the
  /// same (as close does, whatever it returns). Afterwards the child stands at its exit.
  void inject(int error, bool made) {
    if (!made) change([](user_regs_struct& registers) { registers.orig_rax = ~0ULL; });
    if (::ptrace(PTRACE_SYSCALL, child_, nullptr, 0) != 0) std::abort();
    int status = 0;
    if (::waitpid(child_, &status, 0) != child_) std::abort();
    if (!WIFSTOPPED(status)) return ended(status);
    change([error](user_regs_struct& registers) {
      registers.rax = static_cast<unsigned long long>(-static_cast<long long>(error));
    });
  }

  void kill() {
    if (status_ || child_ <= 0) return;
    ::kill(child_, SIGKILL);
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended(status);
  }

  /// It goes on at full speed, untraced.
  void let_go() {
    if (!status_ && ::ptrace(PTRACE_DETACH, child_, nullptr, signal_) != 0) std::abort();
  }
  /// It goes on, untraced, into a stop of the kernel's own: SIGSTOP. Returns when it has stopped.
  void stop() {
    if (status_) return;
    ::kill(child_, SIGSTOP);
    let_go();
    int status = 0;
    if (::waitpid(child_, &status, WUNTRACED) != child_) std::abort();
    if (!WIFSTOPPED(status)) ended(status);
  }
  void resume() const { ::kill(child_, SIGCONT); }
  /// Of one that was let go: whether it has ended by now.
  bool over() {
    int status = 0;
    if (!status_ && ::waitpid(child_, &status, WNOHANG) == child_) ended(status);
    return status_.has_value();
  }

 private:
  enum Mark : int { before = 0, inside = 1, behind = 2 };
  static constexpr int kNotPermitted = 77;

  [[noreturn]] void perform(const Body& body, int inherited) {
    part_from_parent(inherited);
    warm_up_the_heap();
    if (body.prepare) body.prepare();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(kNotPermitted);
    std::raise(SIGSTOP);
    mark_->store(inside);
    body.run();
    mark_->store(behind);
    ::syscall(SYS_getpid);  // a stop, for the parent to see the mark
    ::_exit(body.finish ? body.finish() : 0);
  }

  /// What malloc asks of the kernel is not the library's: let it ask now. (That there is no memory
  /// left is a fault of its own, injected by other tests.)
  static void warm_up_the_heap() {
    constexpr int megabytes = 1 << 20;
    ::mallopt(M_MMAP_THRESHOLD, 32 * megabytes);
    ::mallopt(M_TRIM_THRESHOLD, 64 * megabytes);
    std::free(std::malloc(8 * megabytes));
  }

  void ended(int status) { status_ = status; }

  Stop look() const {
    __ptrace_syscall_info info{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child_, sizeof info, &info);
    Stop stop = last_;
    stop.entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    if (stop.entry) {
      stop.number = static_cast<long>(info.entry.nr);
      for (std::size_t i = 0; i < 6; ++i) stop.arguments[i] = info.entry.args[i];
    } else {
      stop.result = info.exit.rval;
    }
    last_ = stop;
    return stop;
  }

  void change(const std::function<void(user_regs_struct&)>& edit) const {
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, child_, nullptr, &registers) != 0) std::abort();
    edit(registers);
    if (::ptrace(PTRACE_SETREGS, child_, nullptr, &registers) != 0) std::abort();
  }

  Shared<std::atomic<int>> mark_;
  pid_t child_ = -1;
  int signal_ = 0;
  mutable Stop last_;
  std::optional<int> status_;
  std::string refused_;
};

}  // namespace cortado::test
