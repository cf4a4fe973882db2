// No memory for a lane, at each of the limits that a process can have: the join is refused with the
// limit's name, those who are there do not notice, nothing kills the owner later, and with the
// limit raised the same writer joins.
#include <functional>

#include <sys/resource.h>

#include "meeting.hpp"

namespace {

using namespace identity;

class Limit : public Meeting {
 public:
  /// An owner under limits: it lives through them, with one writer that was there before.
  /// `lower` and `raise` run in the owner's process.
  int own(Line& line, const std::function<bool()>& lower, const std::function<bool()>& raise) {
    auto chosen = options();
    chosen.ring_bytes = std::size_t{16} << 20;
    auto owner = open(chosen);
    line.tell('o');
    // Nothing of its own needs memory while there is none.
    std::size_t handled = 0;
    const auto handle_until = [&](std::size_t count) {
      while (handled < count) {
        if (owner.drain([&](const cortado::Message&) { ++handled; }) == 0) owner.wait(kWatchdog);
      }
    };
    handle_until(1);
    if (!lower()) return kBroken;
    line.tell('l');
    handle_until(2);
    if (!raise()) return kBroken;
    line.tell('r');
    serve_until_left(owner, 2);
    for (const cortado::Event& event : left) EXPECT_EQ(event.how, Left::closed) << event.writer;
    std::fflush(nullptr);
    return HasFailure() ? 1 : 0;
  }

  void expect_refusal_and_recovery(Fault& fault, int limit, const char* named,
                                   const std::function<rlim_t()>& little) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(static_cast<__rlimit_resource>(limit), &before), 0);
    const auto set = [limit](rlimit to) {
      return ::setrlimit(static_cast<__rlimit_resource>(limit), &to) == 0;
    };
    ForkedChild owning([&](Line& line) {
      return own(
          line,
          [&] {
            return set({little(), before.rlim_max});
          },
          [&] { return set(before); });
    });
    ASSERT_EQ(owning.line().hear(), 'o');
    cortado::Writer early = joined("early");
    ASSERT_EQ(early.try_send("1"), SendStatus::sent);
    ASSERT_EQ(owning.line().hear(), 'l');
    for (int i = 0; i < 20; ++i) {
      const auto refused = cortado::Writer::join("setting", as("late"));
      ASSERT_FALSE(refused);
      ASSERT_EQ(refused.error().code, Errc::no_memory) << refused.error().text;
      EXPECT_NE(refused.error().text.find(named), std::string::npos) << refused.error().text;
      EXPECT_EQ(refused.error().text.find('\n'), std::string::npos);
      fault.fired();
    }
    // The whole of its ring is there, whatever memory is left: it was given when it was made.
    EXPECT_EQ(early.send(std::string(early.max_message(), '2'), kWatchdog), SendStatus::sent);
    ASSERT_EQ(owning.line().hear(), 'r');
    EXPECT_EQ(early.stats().rejoins, 0U);
    cortado::Writer late = joined("late");
    EXPECT_EQ(late.try_send("3"), SendStatus::sent);
    EXPECT_EQ(late.close(kWatchdog), 0U);
    EXPECT_EQ(early.close(kWatchdog), 0U);
    EXPECT_EQ(owning.wait(), 0);
  }
};

/// Bytes of address space that this process has in use.
rlim_t address_space() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  unsigned long pages = 0;
  if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1) std::abort();
  std::fclose(file);
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

TEST_F(Limit, of_file_sizes_refuses_a_lane_and_kills_nobody) {
  Fault fault("no-memory-for-a-lane");
  expect_refusal_and_recovery(fault, RLIMIT_FSIZE, "ulimit -f", [] { return rlim_t{1} << 20; });
}

TEST_F(Limit, of_addresses_refuses_a_lane_and_breaks_no_other) {
  Fault fault("limits-hit");
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more addresses than any limit allows";
  expect_refusal_and_recovery(fault, RLIMIT_AS, "lane",
                              [] { return address_space() + (rlim_t{8} << 20); });
}

}  // namespace
