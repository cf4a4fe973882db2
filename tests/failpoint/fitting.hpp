// Which errors fit which system call: what the kernel may really say to a correct caller.
#pragma once

#include <cerrno>
#include <span>
#include <string>

#include <sys/epoll.h>
#include <sys/syscall.h>

#include <fcntl.h>

#include "trace.hpp"

namespace cortado::test {

struct Failure {
  int error;
  bool made = false;  ///< the call has its effect all the same
};

/// Empty: it cannot fail as it is called here.
inline std::span<const Failure> fitting(const Stop& stop) {
  static constexpr Failure none_left[] = {{EMFILE}, {ENOMEM}};
  static constexpr Failure memory[] = {{ENOMEM}};
  static constexpr Failure interrupted[] = {{EINTR}};
  static constexpr Failure wait[] = {{EINTR}, {ENOMEM}};
  static constexpr Failure closing[] = {{EIO, true}, {EINTR, true}};
  static constexpr Failure permission[] = {{EPERM}};
  static constexpr Failure allocation[] = {{EINTR}, {ENOSPC}, {ENOMEM}};
  static constexpr Failure watch[] = {{ENOSPC}, {ENOMEM}};
  static constexpr Failure missing[] = {{EPERM}, {ENOSYS}, {ENOMEM}};
  static constexpr Failure process[] = {{EMFILE}, {EPERM}, {ENOSYS}, {ENOMEM}};
  static constexpr Failure directory[] = {{ENOSPC}, {EACCES}};
  static constexpr Failure sending[] = {{EINTR}, {EAGAIN}, {ENOBUFS}};
  static constexpr Failure memory_for_a_byte[] = {{ENOBUFS}};
  static constexpr Failure receiving[] = {{EINTR}};
  static constexpr Failure accepting[] = {{EMFILE}, {ENOMEM}, {EINTR}, {ECONNABORTED}};
  static constexpr Failure connecting[] = {{EAGAIN}, {EACCES}};
  static constexpr Failure option[] = {{ENOPROTOOPT}, {EMFILE}};
  static constexpr Failure lock[] = {{ENOLCK}};
  static constexpr Failure gone[] = {{ENOTCONN}};
  static constexpr Failure disk[] = {{EINTR}, {EIO}};
  static constexpr Failure born[] = {{EAGAIN}, {ENOMEM}};
  static constexpr Failure anything[] = {{ENOMEM}, {EPERM}};
  switch (stop.number) {
    // What cannot fail, or is not the library's: malloc's, the end of the process.
    case SYS_getpid:
    case SYS_gettid:
    case SYS_geteuid:
    case SYS_exit_group:
    case SYS_rt_sigprocmask:
    case SYS_rt_sigaction:
    case SYS_tgkill:
    case SYS_sched_yield:
    case SYS_brk:
    case SYS_munmap:
    case SYS_kill:
    case SYS_lseek:
    case SYS_timerfd_settime:
    case SYS_dup:  // the tests' own
      return {};
    // An eventfd says EAGAIN only when it is rung as often as it can be.
    case SYS_write:
      return {};
    case SYS_close:
      return closing;
    case SYS_openat:
    case SYS_socket:
    case SYS_socketpair:
    case SYS_pipe2:
    case SYS_eventfd2:
    case SYS_timerfd_create:
    case SYS_epoll_create1:
    case SYS_memfd_create:
      return none_left;
    case SYS_mmap:
    case SYS_newfstatat:
    case SYS_fstat:
    case SYS_madvise:
      return memory;
    case SYS_read:
    case SYS_pread64:
      return disk;
    case SYS_poll:
      return wait;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_clock_nanosleep:
    case SYS_nanosleep:
    case SYS_waitid:
    case SYS_futex:
    case SYS_flock:
      return interrupted;
    case SYS_getrandom:
      return std::span(missing).last(2);
    case SYS_ftruncate:
    case SYS_fallocate:
      return allocation;
    case SYS_epoll_ctl:
      if (stop.arguments[1] == EPOLL_CTL_ADD) return watch;
      return {};
    case SYS_membarrier:
      return missing;
    case SYS_pidfd_open:
      return process;
    case SYS_mkdir:
    case SYS_bind:
      return directory;
    case SYS_sendmsg:
      return sending;
    case SYS_sendto:
      return memory_for_a_byte;
    case SYS_recvmsg:
    case SYS_recvfrom:
      return receiving;
    case SYS_accept4:
      return accepting;
    case SYS_connect:
      return connecting;
    case SYS_getsockopt:
      return option;
    case SYS_setsockopt:
      return std::span(option).first(1);
    case SYS_shutdown:
      return gone;
    case SYS_fcntl:
      if (stop.arguments[1] == F_DUPFD_CLOEXEC) return std::span(none_left).first(1);
      if (stop.arguments[1] == F_SETLK || stop.arguments[1] == F_GETLK) return lock;
      if (stop.arguments[1] == F_GET_SEALS) return {};  // of a memfd
      return permission;
    case SYS_clone:
    case SYS_clone3:
    case SYS_vfork:
      return born;
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_listen:
    case SYS_prlimit64:
    case SYS_getrlimit:
    case SYS_setrlimit:
    case SYS_readlink:
    case SYS_access:
      return permission;
    default:
      return anything;
  }
}

}  // namespace cortado::test
