// SIGINT, SIGTERM and SIGHUP as a descriptor, for programs that end in order.
#pragma once

#include <csignal>
#include <initializer_list>

#include <sys/signalfd.h>

#include <unistd.h>

namespace cortado::tools {

/// From its construction on, the signals that ask a program to end are read, not delivered, and a
/// write to nobody or beyond a limit is an error of the write. One per program, before any thread.
class StopSignals {
 public:
  StopSignals() {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);
    sigset_t stop;
    ::sigemptyset(&stop);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&stop, number);
    ::sigprocmask(SIG_BLOCK, &stop, nullptr);
    descriptor_ = ::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~StopSignals() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// False: no descriptor was left.
  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  /// Readable when a signal came.
  int fd() const noexcept { return descriptor_; }
  /// How many came so far: 1 asks to end in order, 2 at once. Never blocks.
  int count() noexcept {
    signalfd_siginfo signal{};
    while (::read(descriptor_, &signal, sizeof signal) == sizeof signal) ++count_;
    return count_;
  }

 private:
  int descriptor_ = -1;
  int count_ = 0;
};

}  // namespace cortado::tools
