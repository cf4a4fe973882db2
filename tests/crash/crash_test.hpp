// What all tests of crash points have in common: the figures, how much is stepped, and when not.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

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

/// Every nth state of a table, and the last one. CORTADO_EVERY_NTH=N; 1 unless given.
template <class State>
std::vector<State> some_of(const std::vector<State>& all) {
  const char* given = std::getenv("CORTADO_EVERY_NTH");
  const std::size_t nth = given == nullptr ? 1 : std::strtoul(given, nullptr, 10);
  if (nth <= 1) return all;
  std::vector<State> some;
  for (std::size_t i = nth - 1; i + 1 < all.size(); i += nth) some.push_back(all[i]);
  some.push_back(all.back());
  return some;
}

/// Of a whole program. Written, when it ends, to the file that CORTADO_CRASH_FIGURES names:
/// totals.py adds up what all of them have written.
class Totals {
 public:
  Totals() = default;
  ~Totals() {
    const char* const file = std::getenv("CORTADO_CRASH_FIGURES");
    if (file == nullptr) return;
    std::ofstream(file) << sum_.operations << ' ' << sum_.boundaries << ' ' << sum_.distinct << ' '
                        << sum_.bad << ' ' << kills << '\n';
  }
  Totals(const Totals&) = delete;
  Totals& operator=(const Totals&) = delete;

  void add(const Figures& figures) {
    sum_.operations += figures.operations;
    sum_.boundaries += figures.boundaries;
    sum_.distinct += figures.distinct;
    sum_.bad += figures.bad;
  }
  std::uint64_t kills = 0;  ///< real ones, that left what was expected

 private:
  Figures sum_;
};
inline Totals totals;

class CrashTest : public ::testing::Test {
 protected:
  static constexpr unsigned kWatchdogSeconds = 280;

  void SetUp() override {
    if (kUnderThreadSanitizer) GTEST_SKIP() << "millions of steps of ThreadSanitizer's runtime";
    alarm(kWatchdogSeconds);
  }
  void TearDown() override { alarm(0); }

  /// Prints the figures since the last call; fails if an image was bad, skips if stepping is not
  /// permitted here.
  void conclude(const char* what) {
    if (!figures_.refused.empty()) GTEST_SKIP() << figures_.refused;
    std::cout << "crash points of " << what << ": " << figures_.operations << " operations, "
              << figures_.boundaries << " boundaries, " << figures_.distinct << " distinct images, "
              << figures_.bad << " bad\n";
    for (const std::string& complaint : figures_.complaints) ADD_FAILURE() << complaint;
    EXPECT_EQ(figures_.bad, 0U);
    EXPECT_GT(figures_.boundaries, 0U);
    EXPECT_GE(figures_.distinct, 2U);
    stepped_ += figures_.boundaries;
    totals.add(figures_);
    figures_ = {};
  }
  /// All boundaries of this test.
  std::uint64_t stepped() const { return stepped_; }

  Figures figures_;

 private:
  std::uint64_t stepped_ = 0;
};

}  // namespace cortado::test
