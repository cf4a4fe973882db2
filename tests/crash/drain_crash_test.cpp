// Every crash point of a real owner that drains: Owner::drain on a lane that it has taken over,
// with its releases, its replies and the commit of a kept state. The judge is the next owner.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "crash_test.hpp"
#include "drain_state.hpp"
#include "step.hpp"

namespace cortado::test {
namespace {

class OwnerCrashPoints : public CrashTest {
 protected:
  void judge_all(Keeps keeps) {
    DrainUnderTest drain(keeps);
    for (const DrainState& state : DrainState::all()) {
      Operation operation;
      operation.name = state.name();
      operation.setup = [&] { return drain.build(state); };
      operation.prepare = [&] { drain.prepare(); };
      operation.run = [&] { drain.drain(); };
      operation.judge = [&](auto image) { return drain.judge(image, false); };
      operation.judge_complete = [&](auto image) { return drain.judge(image, true); };
      operation.changes = !state.lengths.empty() || state.armed;
      judge_crash_points(operation, figures_);
    }
  }
};

TEST_F(OwnerCrashPoints, of_drain_lose_no_message_and_flag_what_comes_again) {
  judge_all(Keeps::nothing);
  conclude("drain");
}

TEST_F(OwnerCrashPoints, of_drain_with_a_kept_state_leave_each_effect_in_it_once) {
  judge_all(Keeps::state);
  conclude("drain with a kept state");
}

TEST_F(OwnerCrashPoints, of_a_release_by_hand_lose_no_message_and_flag_what_comes_again) {
  judge_all(Keeps::until_released);
  conclude("drain and release_all");
}

/// Two owners died at one message, the third has died at another, and the fourth counts it.
TEST_F(OwnerCrashPoints, of_counting_a_failure_charge_no_message_with_those_of_another) {
  constexpr std::uint64_t kPoison = 16;
  constexpr std::uint64_t kInnocent = 32;
  Estate estate(0);
  Estate judged(0);
  std::optional<Heir> heir;
  const auto judge = [&](std::span<const std::byte> image, std::uint32_t least) -> std::string {
    judged.load(image);
    const std::uint32_t attempts = judged.kept_lane().attempts.load();
    if (judged.kept_lane().failed_at.load() != kInnocent) return least == 0 ? "" : "not counted";
    return least <= attempts && attempts <= 1 ? "" : std::to_string(attempts) + " failures";
  };
  Operation operation;
  operation.name = "count_failure";
  operation.setup = [&] {
    estate.begin({});
    estate.kept_lane().failed_at.store(kPoison);
    estate.kept_lane().attempts.store(2);
    return estate.regions();
  };
  operation.prepare = [&] { heir.emplace(estate, Keeps::nothing); };
  operation.run = [&] {
    OwnerParts& owner = inside(heir->owner());
    owner.count_failure(*owner.lanes.front(), kInnocent);
  };
  operation.judge = [&](auto image) { return judge(image, 0); };
  operation.judge_complete = [&](auto image) { return judge(image, 1); };
  judge_crash_points(operation, figures_);
  conclude("counting a failure");
}

}  // namespace
}  // namespace cortado::test
