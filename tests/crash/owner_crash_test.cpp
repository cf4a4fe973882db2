// Every crash point of a real owner: it takes a lane over, drains, answers, releases, commits a
// kept state, sleeps, sends a writer away, closes, ends. The judge is the next owner.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "crash_test.hpp"
#include "owner_scene.hpp"
#include "step.hpp"

namespace cortado::test {
namespace {

class OwnerCrashPoints : public CrashTest {
 protected:
  using Run = std::function<void(OwnerScene&)>;
  using Prepare = std::function<void(OwnerScene&)>;

  static void prepare(OwnerScene& scene) { scene.prepare(); }

  static Operation operation(OwnerScene& scene, const OwnerState& state, const Run& run,
                             const Prepare& prepare) {
    Operation made;
    made.name = state.name();
    made.setup = [&scene, state] { return scene.build(state); };
    made.prepare = [&scene, prepare] { prepare(scene); };
    made.run = [&scene, run] { run(scene); };
    made.judge = [&scene](auto image) { return scene.judge(image, false); };
    made.judge_complete = [&scene](auto image) { return scene.judge(image, true); };
    return made;
  }

  void judge_drain(Keeps keeps, const std::vector<OwnerState>& states, const Run& run,
                   const char* what) {
    OwnerScene scene(keeps, true);
    for (const OwnerState& state : some_of(states)) {
      Operation made = operation(scene, state, run, prepare);
      made.changes = !state.lengths.empty() || state.armed || state.writer_left || state.broken;
      judge_crash_points(made, figures_);
    }
    conclude(what);
  }

  void judge_all(Keeps keeps, bool drains, const std::vector<OwnerState>& states, const Run& run,
                 const char* what, const Prepare& before = prepare) {
    OwnerScene scene(keeps, drains);
    for (const OwnerState& state : some_of(states)) {
      judge_crash_points(operation(scene, state, run, before), figures_);
    }
    conclude(what);
  }
};

void drain(OwnerScene& scene) {
  scene.drain();
}

TEST_F(OwnerCrashPoints, of_drain_lose_no_message_and_flag_what_comes_again) {
  Fault killed("owner-killed-in-drain");
  Fault sequence("sequence-wraps");
  judge_drain(Keeps::nothing, OwnerState::to_drain(), drain, "drain");
  killed.fired(stepped());
  sequence.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_drain_with_a_kept_state_leave_each_effect_in_it_once) {
  Fault killed("owner-killed-in-drain");
  judge_drain(Keeps::state, OwnerState::to_drain(), drain, "drain with a kept state");
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_a_release_by_hand_lose_no_message_and_flag_what_comes_again) {
  Fault killed("owner-killed-in-drain");
  judge_drain(
      Keeps::until_released, OwnerState::to_drain(),
      [](OwnerScene& scene) {
        scene.drain();
        scene.owner().release_all();
      },
      "drain and release_all");
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_releases_by_receipt_give_back_one_message_after_the_other) {
  Fault killed("owner-killed-in-drain");
  judge_all(
      Keeps::until_released, true, OwnerState::any([](OwnerState& state) {
        if (state.lengths.empty()) state.lengths = {5};
      }),
      [](OwnerScene& scene) {
        for (const Receipt& each : scene.receipts()) {
          if (!scene.owner().release(each)) std::abort();
        }
      },
      "release by receipt",
      [](OwnerScene& scene) {
        scene.prepare();
        scene.drain();
      });
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_a_drain_that_quarantines_a_lane_deliver_what_stands_before_the_fault) {
  Fault killed("owner-killed-in-drain");
  const auto broken = [](OwnerState& state) { state.broken = true; };
  judge_drain(Keeps::nothing, OwnerState::any(broken), drain, "drain and quarantine");
  judge_drain(Keeps::state, OwnerState::any(broken), drain, "the same with a kept state");
  killed.fired(stepped());
}

/// Whoever throws may be called again.
void drain_to_the_end(OwnerScene& scene) {
  for (;;) {
    try {
      return scene.drain();
    } catch (const std::runtime_error&) {
    }
  }
}

TEST_F(OwnerCrashPoints, of_a_drain_whose_handler_throws_deliver_that_message_again_and_flag_it) {
  Fault throws("handler-throws");
  const OwnerState state{
      .start = ~std::uint64_t{0} - 7, .lengths = OwnerState::few(), .throws_at = 1};
  judge_drain(Keeps::nothing, {state}, drain_to_the_end, "a drain whose handler throws");
  throws.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_a_drain_whose_handler_throws_leave_nothing_of_that_in_a_kept_state) {
  Fault throws("handler-throws");
  const OwnerState state{.start = 8, .lengths = OwnerState::few(), .throws_at = 0};
  judge_drain(Keeps::state, {state}, drain_to_the_end, "a drain whose handler throws, kept state");
  throws.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_a_drain_that_retires_a_lane_come_after_its_last_message) {
  Fault killed("owner-killed-in-drain");
  const auto left = [](OwnerState& state) { state.writer_left = true; };
  judge_drain(Keeps::nothing, OwnerState::any(left), drain, "drain and retire");
  judge_drain(Keeps::state, OwnerState::any(left), drain, "the same with a kept state");
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_evict_lose_no_message_of_the_one_that_is_sent_away) {
  Fault killed("owner-killed-in-drain");
  judge_all(
      Keeps::nothing, true, OwnerState::any(),
      [](OwnerScene& scene) {
        if (!scene.owner().evict(Estate::kWriter)) std::abort();
        scene.drain();
      },
      "evict and drain");
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_close_are_taken_back_by_the_next_owner) {
  Fault killed("owner-killed-in-drain");
  judge_all(
      Keeps::nothing, false, OwnerState::any(), [](OwnerScene& scene) { scene.owner().close(); },
      "close of an owner");
  killed.fired(stepped());
}

void shut_down(OwnerScene& scene) {
  scene.owner().close();
  do {
    scene.drain();
  } while (!scene.owner().drained());
  scene.end();
}

TEST_F(OwnerCrashPoints, of_a_shutdown_lose_no_message_and_flag_what_comes_again) {
  Fault killed("owner-killed-in-shutdown");
  judge_all(Keeps::nothing, true, OwnerState::any(), shut_down, "close, drain, end");
  judge_all(Keeps::state, true, OwnerState::any(), shut_down, "the same with a kept state");
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_a_sleep_leave_a_lane_that_the_next_owner_hears) {
  Fault killed("owner-killed-asleep");
  OwnerScene scene(Keeps::nothing, false);
  for (const std::uint64_t start : some_of(OwnerState::starts())) {
    std::size_t sleeps = 0;
    Operation made = operation(
        scene, {.start = start},
        [](OwnerScene& child) {
          if (!child.owner().wait(std::chrono::hours(1))) std::abort();
        },
        [](OwnerScene& child) {
          child.prepare();
          inside(child.owner()).news = false;  // that it has taken over
        });
    made.asleep = [&] {
      ++sleeps;
      scene.ring();
    };
    judge_crash_points(made, figures_);
    EXPECT_TRUE(sleeps > 0 || !figures_.refused.empty()) << made.name << ": it did not sleep";
  }
  conclude("an owner's sleep");
  killed.fired(stepped());
}

void take_over(OwnerScene& scene) {
  scene.take_over();
}
void hand_over(OwnerScene& scene) {
  scene.hand_over();
}

TEST_F(OwnerCrashPoints, of_taking_over_lose_no_message_and_flag_what_comes_again) {
  Fault killed("owner-killed-in-adopt");
  judge_all(Keeps::nothing, false, OwnerState::to_take_over(false), take_over, "taking over",
            hand_over);
  killed.fired(stepped());
}

TEST_F(OwnerCrashPoints, of_taking_over_a_kept_state_leave_each_effect_in_it_once) {
  Fault killed("owner-killed-in-adopt");
  judge_all(Keeps::state, false, OwnerState::to_take_over(true), take_over,
            "taking over a kept state", hand_over);
  killed.fired(stepped());
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
  Operation made;
  made.name = "count_failure";
  made.setup = [&] {
    estate.begin({});
    estate.kept_lane().failed_at.store(kPoison);
    estate.kept_lane().attempts.store(2);
    return estate.regions();
  };
  made.prepare = [&] {
    estate.hand_over();
    heir.emplace(Keeps::nothing);
  };
  made.run = [&] {
    OwnerParts& owner = inside(heir->owner());
    owner.count_failure(*owner.lanes.front(), kInnocent);
  };
  made.judge = [&](auto image) { return judge(image, 0); };
  made.judge_complete = [&](auto image) { return judge(image, 1); };
  judge_crash_points(made, figures_);
  conclude("counting a failure");
}

}  // namespace
}  // namespace cortado::test
