// A wall clock that jumps by years, both ways, under a running owner and its writers. The machine's
// clock is left alone: every function that tells the time of day is this program's own, and jumps.
// What the library calls of them is counted: nothing. Processes that are forked have the same
// functions, so owner and writer are real ones.
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <sys/syscall.h>
#include <sys/time.h>

#include "meeting.hpp"

namespace {

constexpr std::int64_t kYear = 365 * 24 * 3600;

constinit std::atomic<bool> jumping{false};
constinit std::atomic<std::uint64_t> jumps{0};
constinit std::atomic<std::int64_t> offset{0};  ///< seconds
constinit std::atomic<std::uint64_t> asked{0};  ///< how often for the time of day

/// By up to ten years either way.
void jump() noexcept {
  const std::uint64_t scattered = (jumps.fetch_add(1) + 1) * 0x9e3779b97f4a7c15ULL;
  offset = static_cast<std::int64_t>(scattered % (20 * kYear)) - 10 * kYear;
}

/// The kernel's time, without the C library; the wall clock's with a jump each time that any clock
/// is asked.
void tell(clockid_t clock, timespec* time) noexcept {
  if (jumping.load()) jump();
  ::syscall(SYS_clock_gettime, clock, time);
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE && clock != CLOCK_TAI) return;
  time->tv_sec += offset.load();
  ++asked;
}

}  // namespace

// They take the place of the C library's for all of this process, libstdc++ included.
extern "C" {
int clock_gettime(clockid_t clock, timespec* time) noexcept {
  tell(clock, time);
  return 0;
}
int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  tell(CLOCK_REALTIME, &now);
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* result) noexcept {
  timespec now{};
  tell(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}
int timespec_get(timespec* time, int base) noexcept {
  tell(CLOCK_REALTIME, time);
  return base;
}
}

namespace {

using namespace identity;

class WallClock : public Meeting {
 public:
  ~WallClock() override {
    jumping = false;
    offset = 0;
  }
};

TEST_F(WallClock, is_the_tests_own_here) {
  const auto now = std::chrono::system_clock::now();
  offset = 100 * kYear;
  EXPECT_GT(std::chrono::system_clock::now() - now, std::chrono::hours(24 * 365 * 99));
  EXPECT_GT(::time(nullptr), 100 * kYear);
  EXPECT_GE(asked.load(), 3U);
  const std::uint64_t before = jumps.load();
  jumping = true;
  static_cast<void>(std::chrono::steady_clock::now());
  EXPECT_EQ(jumps.load(), before + 1) << "what the library asks for comes from here, too";
}

TEST_F(WallClock, that_jumps_changes_nothing_because_nobody_asks_it) {
  Fault fault("wall-clock-jumps");
  constexpr std::size_t kMessages = 3000;
  auto chosen = options();
  chosen.ring_bytes = 4096;
  asked = jumps = 0;
  jumping = true;
  ForkedChild writing([&](Line&) {
    cortado::Writer writer = joined("w");
    for (std::size_t i = 0; i < kMessages; ++i) {
      if (i % 10 != 0) {
        if (writer.send(std::to_string(i), kWatchdog) != SendStatus::sent) return 1;
      } else if (writer.ask(std::to_string(i), kWatchdog).error().code != Errc::unanswered) {
        return 2;
      }
    }
    if (writer.close(kWatchdog) != 0) return 3;
    if (jumps.load() < 100) return 4;
    return asked.load() == 0 ? 0 : 5;
  });
  auto owner = open(chosen);
  serve_until_left(owner, 1);
  EXPECT_EQ(writing.wait(), 0);
  EXPECT_EQ(left[0].how, Left::closed);
  ASSERT_EQ(heard.size(), kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) ASSERT_EQ(heard[i], "w: " + std::to_string(i));
  fault.fired(jumps.load());
  EXPECT_EQ(asked.load(), 0U) << "somebody asked for the time of day";
}

TEST_F(WallClock, that_jumps_moves_no_deadline) {
  Fault fault("wall-clock-jumps");
  auto owner = open();
  cortado::Writer writer = writer_of(owner, "w");
  while (writer.try_send("x") == SendStatus::sent) {
  }
  asked = jumps = 0;
  jumping = true;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(writer.send(std::string_view("x"), 20ms), SendStatus::full);
  EXPECT_EQ(writer.wait_applied(20ms).error().code, Errc::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 40ms);
  drain(owner);
  while (owner.wait(0ms)) {
  }
  const auto asleep = std::chrono::steady_clock::now();
  EXPECT_FALSE(owner.wait(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - asleep, 20ms);
  EXPECT_EQ(owner.writers(), 1U);
  EXPECT_EQ(writer.poll(), SendStatus::sent);
  fault.fired(jumps.load());
  EXPECT_EQ(asked.load(), 0U) << "somebody asked for the time of day";
}

/// The symbols that the library wants from others.
std::string undefined_symbols(const std::string& archive) {
  std::string text;
  FILE* pipe = ::popen(("nm --undefined-only " + archive + " 2>/dev/null").c_str(), "r");
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr)
    text += line.data();
  return ::pclose(pipe) == 0 ? text : std::string();
}

TEST_F(WallClock, is_wanted_by_no_object_of_the_library) {
  const char* archive = std::getenv("CORTADO_CORE");
  if (archive == nullptr) GTEST_SKIP() << "CORTADO_CORE does not name the library's objects";
  const std::string symbols = undefined_symbols(archive);
  if (symbols.empty()) GTEST_SKIP() << "there is no nm, or the objects are not for it";
  ASSERT_NE(symbols.find("steady_clock"), std::string::npos) << "it was looked at";
  for (const char* unwanted : {"system_clock", " gettimeofday", " time\n", " timespec_get",
                               " ftime", "utc_clock", " localtime", " gmtime"}) {
    EXPECT_EQ(symbols.find(unwanted), std::string::npos) << unwanted;
  }
}

}  // namespace
