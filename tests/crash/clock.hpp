// The clock of the crash tests: it goes on by a microsecond each time somebody looks at it, and by
// what a test adds. So a deadline passes when the test says so, and a look at the clock is a few
// instructions: the kernel's own, in the vdso, is read again and again when it changes meanwhile,
// which it always does while it is stepped through.
//
// In a program that links clock.cpp it is the steady_clock while there is a TestClock; children
// that are forked share it.
#pragma once

#include <chrono>

namespace cortado::test {

/// While it lives. It begins at the same time for each operation.
class TestClock {
 public:
  TestClock() noexcept;
  ~TestClock();
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;

  /// Any process of the test.
  static void advance(std::chrono::nanoseconds by) noexcept;
};

}  // namespace cortado::test
