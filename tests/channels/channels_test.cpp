// Every contestant of the benchmark, at every kind of point that it can do: all that is sent comes
// out, in order and unharmed, and a bit that changes on the way is found.
#include <cctype>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "bench/cell.hpp"
#include "bench/contestant.hpp"
#include "bench/point.hpp"

namespace cortado::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kMessages = 100;
constexpr auto kWatchdog = 300s;  // only a hang takes that long

struct Pipeline {
  const Contestant* contestant;
  Point point;
};

std::vector<Pipeline> pipelines() {
  std::vector<Pipeline> all;
  for (const Contestant& contestant : all_contestants()) {
    if (!contestant.absent.empty()) continue;
    for (const std::size_t bytes : {std::size_t{16}, std::size_t{64}, std::size_t{65536}}) {
      for (const Point point : {Point{Kind::throughput, bytes, 1, Waiting::polling},
                                Point{Kind::round_trip, bytes, 1, Waiting::polling},
                                Point{Kind::round_trip, bytes, 1, Waiting::spin_then_sleep},
                                Point{Kind::round_trip, bytes, 1, Waiting::sleeping},
                                Point{Kind::fan_in, bytes, 3, Waiting::polling}}) {
        if (bytes > 64 && point.kind != Kind::throughput) continue;
        if (contestant.run_for(point) != nullptr) all.push_back({&contestant, point});
      }
    }
  }
  return all;
}

std::string name_of(const testing::TestParamInfo<Pipeline>& info) {
  std::string name = std::string(info.param.contestant->name) + "_" +
                     name_of(info.param.point.kind) + "_" + to_string(info.param.point);
  for (char& letter : name) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) letter = '_';
  }
  return name;
}

class Channels : public testing::TestWithParam<Pipeline> {
 protected:
  Result<Figures> run(bool spoils) {
    Setting setting;
    setting.point = GetParam().point;
    setting.duration = 1ms;
    setting.ring_bytes = ring_bytes_for(setting.bytes());
    // Not pinned: on a busy machine two that poll on one processor each would wait for its time.
    setting.processors = {};
    setting.most_messages = kMessages;
    setting.spoils = spoils;
    return run_cell(GetParam().contestant->run_for(setting.point), setting, kWatchdog,
                    [] { return true; });
  }
  /// What a kernel or a container may lack says nothing about the pipeline.
  bool may_be_missing() const { return GetParam().contestant->name == "posix-mq"; }
  /// Carries no messages: nothing to spoil.
  bool is_signal() const {
    return GetParam().contestant->role == Role::limit && GetParam().point.kind == Kind::round_trip;
  }
};

TEST_P(Channels, EverythingSentArrivesInOrder) {
  const auto figures = run(false);
  if (!figures && may_be_missing()) GTEST_SKIP() << figures.error().text;
  ASSERT_TRUE(figures) << figures.error().text;
  EXPECT_EQ(figures->wrong, 0U);
  EXPECT_EQ(figures->sent, kMessages * GetParam().point.writers);
  EXPECT_EQ(figures->validated, figures->sent);
}

TEST_P(Channels, ABitThatChangesIsFound) {
  if (is_signal()) GTEST_SKIP() << "it carries no messages";
  const auto figures = run(true);
  if (!figures && may_be_missing()) GTEST_SKIP() << figures.error().text;
  ASSERT_TRUE(figures) << figures.error().text;
  // Of 64 KiB it is one word in 8,192 that is wrong, and one of them that is looked at each time.
  if (GetParam().point.bytes <= 64) {
    EXPECT_GT(figures->wrong, 0U);
  } else {
    EXPECT_EQ(figures->wrong, 1U);
  }
  EXPECT_EQ(figures->validated + figures->wrong, figures->sent);
}

INSTANTIATE_TEST_SUITE_P(All, Channels, testing::ValuesIn(pipelines()), name_of);

TEST(Cell, SaysWhyItFailed) {
  const auto refused =
      run_cell([](const Setting&) -> Figures { throw std::runtime_error("no such queue"); },
               Setting{}, 60s, [] { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "no such queue");
}

TEST(Cell, ThatHangsIsEnded) {
  const auto hung = run_cell(
      [](const Setting&) -> Figures {
        for (;;) ::pause();
      },
      Setting{}, 10ms, [] { return true; });
  ASSERT_FALSE(hung);
  EXPECT_EQ(hung.error().code, Errc::timed_out);
}

TEST(Cell, ThatDiesIsToldAsSuch) {
  const auto dead =
      run_cell([](const Setting&) -> Figures { ::_exit(3); }, Setting{}, 60s, [] { return true; });
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, Errc::system);
}

TEST(Cell, EndsWhenItIsAskedTo) {
  int asked = 0;
  const auto stopped = run_cell(
      [](const Setting&) -> Figures {
        for (;;) ::pause();
      },
      Setting{}, 60s, [&] { return ++asked < 3; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::closing);
}

}  // namespace
}  // namespace cortado::bench
