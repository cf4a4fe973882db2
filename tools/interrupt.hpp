// For commands that a signal ends at once: which one it was.
#pragma once

#include <sys/signalfd.h>

#include <unistd.h>

#include "signals.hpp"

namespace cortado::tools {

class Interrupt {
 public:
  explicit Interrupt(const StopSignals& signals) noexcept : signals_(signals) {}

  /// Readable when a signal came.
  int fd() const noexcept { return signals_.fd(); }
  /// The first signal that came so far; 0: none. Never blocks.
  int number() noexcept {
    signalfd_siginfo signal{};
    if (number_ == 0 && ::read(signals_.fd(), &signal, sizeof signal) == sizeof signal) {
      number_ = static_cast<int>(signal.ssi_signo);
    }
    return number_;
  }
  /// For the end, when nothing is left to be put in order: from now on a signal ends the program,
  /// even while nobody reads what it prints.
  static void let_through() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  }

 private:
  const StopSignals& signals_;
  int number_ = 0;
};

}  // namespace cortado::tools
