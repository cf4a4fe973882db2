// Every crash point of a real owner that drains: Owner::drain on a lane that it has taken over,
// with its releases, its replies and the commit of a kept state. The judge is the next owner.
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

}  // namespace
}  // namespace cortado::test
