// cortado-shim: what stands between the launcher and a program of its group.
//
//   cortado-shim run PARENT REPORT GUARD KEEPER PROGRAM [ARGUMENT...]
//     Binds its life to PARENT's, tells the guard its process group, closes what is not meant for
//     the program, and becomes it. A failure is written to REPORT: two ints, step and errno.
//   cortado-shim guard SOCKET
//     Reads process groups (pid: watch, -pid: forget) until the launcher is gone, then kills those
//     it watches.
//
// PARENT is a pid; REPORT, GUARD, KEEPER and SOCKET are descriptors, KEEPER may be -1. Uses the
// kernel only, no C++ library, so that it is small and starts fast. Signal mask, dispositions and
// the process group are set by posix_spawn already.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "group/shim_report.hpp"

namespace {

using cortado::group::ShimReport;

int number(const char* text) {
  return static_cast<int>(std::strtol(text, nullptr, 10));
}

[[noreturn]] void fail(int report, ShimReport::Step step, int error) {
  const ShimReport message{step, error};
  const ssize_t written = ::write(report, &message, sizeof message);
  ::_exit(written == static_cast<ssize_t>(sizeof message) ? 127 : 126);
}

int run(char** arguments) {
  const auto parent = static_cast<pid_t>(number(arguments[0]));
  const int report = number(arguments[1]);
  const int guard = number(arguments[2]);
  const int keeper = number(arguments[3]);
  char** const program = arguments + 4;

  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(report, ShimReport::Step::bind, errno);
  // The signal is sent for deaths after prctl; this finds the ones before.
  if (::getppid() != parent) ::_exit(127);

  const pid_t self = ::getpid();
  // Without a guard the parent-death signal is left, so the results do not matter.
  pollfd room{guard, POLLOUT, 0};
  ::poll(&room, 1, 1000);
  static_cast<void>(::send(guard, &self, sizeof self, MSG_NOSIGNAL | MSG_DONTWAIT));

  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    fail(report, ShimReport::Step::seal, errno);
  }
  if (keeper >= 0 && ::fcntl(keeper, F_SETFD, 0) != 0) fail(report, ShimReport::Step::seal, errno);
  ::execvp(program[0], program);
  fail(report, ShimReport::Step::execute, errno);
}

/// Grows in steps; a group that does not fit into memory is killed by the parent-death signal only.
struct Watched {
  pid_t* groups = nullptr;
  std::size_t count = 0;
  std::size_t room = 0;

  void add(pid_t group) {
    if (count == room) {
      auto* const more = static_cast<pid_t*>(std::realloc(groups, (room + 1024) * sizeof(pid_t)));
      if (more == nullptr) return;
      groups = more;
      room += 1024;
    }
    groups[count++] = group;
  }
  void forget(pid_t group) {
    for (std::size_t i = 0; i < count; ++i) {
      if (groups[i] == group) {
        groups[i] = groups[--count];
        return;
      }
    }
  }
};

int guard(int inherited) {
  // Nothing else stays open here: a pipe that the launcher inherited must not outlive it.
  constexpr int socket = 3;
  if (inherited != socket && ::dup2(inherited, socket) < 0) return 1;
  if (::syscall(SYS_close_range, 4U, ~0U, 0U) != 0 || ::chdir("/") != 0) return 1;
  Watched watched;
  pollfd readable{socket, POLLIN, 0};
  for (;;) {
    pid_t group = 0;
    const ssize_t length = ::recv(socket, &group, sizeof group, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) ::poll(&readable, 1, -1);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (length != static_cast<ssize_t>(sizeof group)) break;
    if (group > 1) watched.add(group);
    if (group < -1) watched.forget(-group);
  }
  for (std::size_t i = 0; i < watched.count; ++i) ::kill(-watched.groups[i], SIGKILL);
  std::free(watched.groups);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 7 && std::strcmp(argv[1], "run") == 0) return run(argv + 2);
  if (argc == 3 && std::strcmp(argv[1], "guard") == 0) return guard(number(argv[2]));
  static constexpr char kUsage[] = "cortado-shim is started by cortado launch, not by hand\n";
  static_cast<void>(!::write(2, kUsage, sizeof kUsage - 1));
  return 64;
}
