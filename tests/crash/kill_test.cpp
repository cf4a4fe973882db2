// The method itself: what a real SIGKILL leaves is among the images that stepping shows and that
// are judged. The child runs freely up to the instruction at which it is killed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "../support/seed.hpp"
#include "crash_test.hpp"
#include "owner_scene.hpp"
#include "replay.hpp"
#include "step.hpp"
#include "writer_scene.hpp"

namespace cortado::test {
namespace {

#if defined(__x86_64__)

class RealKills : public CrashTest {
 protected:
  static constexpr int kKills = 200;  ///< of each operation
  /// Of a loop, as many rounds as are worth a stop each.
  static constexpr std::uint64_t kRounds = 40;

  void SetUp() override {
    CrashTest::SetUp();
    random_.seed(static_cast<unsigned>(seed()));
  }

  /// Kills at random instructions; each must leave an image that was judged.
  void kill_in(const Operation& operation) {
    const Stepped stepped = Stepper::step(operation, true);
    if (!stepped.refused.empty()) GTEST_SKIP() << stepped.refused;
    ASSERT_EQ(stepped.broken, "") << operation.name;
    const std::vector<CrashPoint> points = reachable(stepped, kRounds);
    ASSERT_FALSE(points.empty());
    for (int kill = 0; kill < kKills; ++kill) {
      const CrashPoint& point = points[random_() % points.size()];
      const std::string left = killed_at(operation, point);
      const bool judged = stepped.images.count(left) == 1;
      EXPECT_TRUE(judged) << operation.name << ", killed at the instruction at " << std::hex
                          << point.address << ", the " << std::dec << point.hit << "th time";
      kills_ += judged ? 1 : 0;
      exact_ += left == *point.image ? 1 : 0;
    }
  }

  using Send = std::function<void(Writer&, const Bytes&)>;
  void kill_writer_in(const SendState& state, const Send& send) {
    WriterScene scene(WriterScene::Owner::dead, {});
    Operation operation;
    operation.name = state.name();
    operation.setup = [&] { return scene.build(state); };
    operation.prepare = [&] { scene.prepare(); };
    operation.run = [&] { send(scene.writer(), scene.message()); };
    kill_in(operation);
  }

  using Act = std::function<void(OwnerScene&)>;
  void kill_owner_in(Keeps keeps, const OwnerState& state, const Act& act) {
    OwnerScene scene(keeps, true);
    Operation operation;
    operation.name = state.name();
    operation.setup = [&] { return scene.build(state); };
    operation.prepare = [&] { scene.prepare(); };
    operation.run = [&] { act(scene); };
    kill_in(operation);
  }

  void conclude_kills() {
    std::cout << kills_ << " real kills left what stepping has shown, " << exact_
              << " exactly what it has shown for that instruction\n";
    totals.kills += kills_;
  }

  std::uint64_t kills_ = 0;
  std::uint64_t exact_ = 0;

 private:
  std::mt19937 random_;
};

TEST_F(RealKills, of_a_writer_leave_what_stepping_says) {
  Fault killed("writer-killed-for-real");
  using Fill = SendState::Fill;
  const Send try_send = [](Writer& writer, const Bytes& message) {
    static_cast<void>(writer.try_send(message));
  };
  kill_writer_in({~std::uint64_t{0} - 63, Fill::some, 100, true, false}, try_send);
  kill_writer_in({7 * Estate::kRingBytes - 8, Fill::just_fits, 1, false, true}, try_send);
  kill_writer_in({0, Fill::one_word_short, 0, false, false}, try_send);
  kill_writer_in({~std::uint64_t{0} - 7, Fill::empty, 60, true, false},
                 [](Writer& writer, const Bytes& message) {
                   Claim claim = writer.claim(message.size());
                   if (!claim) return;
                   std::memcpy(claim.bytes().data(), message.data(), message.size());
                   static_cast<void>(claim.commit());
                 });
  conclude_kills();
  killed.fired(kills_);
}

TEST_F(RealKills, of_an_owner_leave_what_stepping_says) {
  Fault killed("owner-killed-in-drain");
  const Act drain = [](OwnerScene& scene) { scene.drain(); };
  kill_owner_in(Keeps::nothing, {7 * Estate::kRingBytes - 8, OwnerState::few(), true}, drain);
  kill_owner_in(Keeps::nothing, {~std::uint64_t{0} - 7, OwnerState::few(), false, true}, drain);
  kill_owner_in(Keeps::state, {~std::uint64_t{0} - 63, OwnerState::few(), true, false, 2}, drain);
  kill_owner_in(Keeps::until_released, {0, OwnerState::few()}, [](OwnerScene& scene) {
    scene.drain();
    scene.owner().release_all();
  });
  conclude_kills();
  killed.fired(kills_);
}

#endif

}  // namespace
}  // namespace cortado::test
