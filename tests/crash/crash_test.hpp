// What all tests of crash points have in common: the figures, and when not to run.
#pragma once

#include <iostream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "step.hpp"

namespace cortado::test {

#if defined(__has_feature)
#define CORTADO_HAS_FEATURE(x) __has_feature(x)
#else
#define CORTADO_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || CORTADO_HAS_FEATURE(thread_sanitizer)
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif

class CrashTest : public ::testing::Test {
 protected:
  static constexpr unsigned kWatchdogSeconds = 120;

  void SetUp() override {
    if (kUnderThreadSanitizer) GTEST_SKIP() << "millions of steps of ThreadSanitizer's runtime";
    alarm(kWatchdogSeconds);
  }
  void TearDown() override { alarm(0); }

  /// Prints the figure; fails if an image was bad, skips if stepping is not permitted here.
  void conclude(const char* what) {
    if (!figures_.refused.empty()) GTEST_SKIP() << figures_.refused;
    std::cout << "crash points of " << what << ": " << figures_.boundaries << " boundaries, "
              << figures_.distinct << " distinct images, " << figures_.bad << " bad\n";
    for (const std::string& complaint : figures_.complaints) ADD_FAILURE() << complaint;
    EXPECT_EQ(figures_.bad, 0U);
    EXPECT_GT(figures_.boundaries, 0U);
    EXPECT_GE(figures_.distinct, 2U);
  }

  Figures figures_;
};

}  // namespace cortado::test
