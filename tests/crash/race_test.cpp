// No wake-up is lost, whatever the instruction at which the peer moves: one that goes to sleep runs
// up to it, the peer acts there, once and wholly, and then the sleeper goes on. It may sleep only
// if its peer has a reason left to wake it. (What two processors do to the order of stores and
// loads is not to be seen this way: ../model shows that.)
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/estate.hpp"
#include "../support/fault.hpp"
#include "../support/shared.hpp"
#include "crash_test.hpp"
#include "replay.hpp"
#include "step.hpp"
#include "tally.hpp"
#include "writer_scene.hpp"

namespace cortado::test {
namespace {

#if defined(__x86_64__)

void require(bool good) {
  if (!good) std::abort();
}
std::chrono::steady_clock::time_point much_later() {
  return std::chrono::steady_clock::now() + std::chrono::hours(1);
}

class PeerMoves : public CrashTest {
 protected:
  /// `act`: what the peer does; returns false if it has no reason to. `complaint`: about what is
  /// there in the end.
  void at_every_instruction(Operation operation, const std::function<bool(bool asleep)>& act,
                            const std::function<std::string()>& complaint) {
    operation.asleep = [&] { act(true); };
    const Stepped stepped = Stepper::step(operation, true);
    if (!stepped.refused.empty()) GTEST_SKIP() << stepped.refused;
    ASSERT_EQ(stepped.broken, "") << operation.name;
    int shown = 0;
    for (const CrashPoint& point : reachable(stepped)) {
      std::string wrong = interrupted_at(operation, point, act);
      if (wrong.empty()) wrong = complaint();
      ++moves_;
      if (wrong.empty()) continue;
      ++figures_.bad;
      if (++shown <= 3) {
        ADD_FAILURE() << operation.name << ", at the instruction at " << std::hex << point.address
                      << ": " << wrong;
      }
    }
    ASSERT_EQ(figures_.bad, 0U);
  }

  /// A writer that waits for an owner in this process.
  void writer_waits(WriterScene::Does does, const SendState& state,
                    const std::function<void(Writer&, const Bytes&)>& run) {
    WriterScene scene(WriterScene::Owner::alive, does);
    Operation operation;
    operation.name = state.name();
    operation.setup = [&] { return scene.build(state); };
    operation.prepare = [&] { scene.prepare(); };
    operation.run = [&] { run(scene.writer(), scene.message()); };
    at_every_instruction(
        operation,
        [&](bool asleep) {
          if (asleep && !scene.owner_has_work()) return false;
          scene.owner_drains();
          return true;
        },
        [&]() -> std::string {
          scene.owner_drains();
          const std::size_t sent = scene.messages() - (does.sends ? 0 : 1);
          return scene.handled() == sent && scene.heard_well() ? "" : "not all that was sent came";
        });
  }

  std::uint64_t moves_ = 0;
};

TEST_F(PeerMoves, at_any_instruction_of_a_send_that_waits_for_room_end_its_wait) {
  Fault fault("lost-wake-up");
  writer_waits({}, SendState::full()[5], [](Writer& writer, const Bytes& message) {
    require(writer.send(message, much_later()) == SendStatus::sent);
  });
  fault.fired(moves_);
}

TEST_F(PeerMoves, at_any_instruction_of_an_ask_end_its_wait) {
  Fault fault("lost-wake-up");
  WriterScene::Does does;
  does.asks = true;
  writer_waits(does, SendState::with_room()[2], [](Writer& writer, const Bytes& message) {
    require(bool(writer.ask(message, much_later())));
  });
  fault.fired(moves_);
}

TEST_F(PeerMoves, at_any_instruction_of_wait_applied_end_its_wait) {
  Fault fault("lost-wake-up");
  WriterScene::Does does;
  does.sends = false;
  writer_waits(does, SendState::with_room()[0], [](Writer& writer, const Bytes&) {
    require(bool(writer.wait_applied(much_later())));
  });
  fault.fired(moves_);
}

TEST_F(PeerMoves, at_any_instruction_of_an_owners_sleep_wake_it) {
  Fault fault("lost-wake-up");
  Estate estate(0);
  const Shared<std::atomic<std::uint64_t>> heard;
  std::optional<Heir> owner;     // in the child
  std::optional<Writer> writer;  // in the parent
  Operation operation;
  operation.name = "an owner waits";
  operation.setup = [&] {
    writer.reset();
    estate.begin({});
    heard->store(0);
    writer.emplace(estate.attach_writer(0, 0));
    estate.rings();  // what has rung wakes whoever watches it next
    return estate.regions();
  };
  operation.prepare = [&] {
    estate.hand_over();
    owner.emplace(Keeps::nothing);
    require(owner->error().empty());
    inside(owner->owner()).news = false;  // that it has taken over
  };
  operation.run = [&] {
    while (heard->load() == 0) {
      owner->owner().wait_until(much_later());
      owner->drain([&](const Message& message) { heard->store(message.sequence() + 1); });
    }
  };
  const auto send = [&](bool) {
    if (writer->sequence() != 0) return false;  // it has said what it has to say
    require(writer->try_send("news") == SendStatus::sent);
    return true;
  };
  at_every_instruction(operation, send, [&]() -> std::string {
    return heard->load() == 1 ? "" : "the message did not come";
  });
  fault.fired(moves_);
}

/// The owner sleeps. Its writer is killed at any instruction of a send, before the doorbell rings
/// or behind that.
TEST_F(PeerMoves, after_any_kill_of_a_writer_that_was_to_wake_it_the_owner_is_woken) {
  Fault fault("writer-killed-before-wake");
  Estate estate(0);
  std::optional<Heir> owner;     // in the parent
  std::optional<Writer> writer;  // in the child
  Operation operation;
  operation.name = "a writer is to wake its owner";
  operation.setup = [&] {
    estate.begin({});
    estate.hand_over();
    owner.emplace(Keeps::nothing);
    require(owner->error().empty());
    owner->drain([](const Message&) {});
    require(inside(owner->owner()).arm());
    estate.rings();
    return estate.regions();
  };
  operation.prepare = [&] {
    writer.emplace(estate.attach_joined_writer(0, 0));
    inside(*writer).rung = 0;  // joining has rung
    estate.rings();
  };
  operation.run = [&] { require(writer->try_send("news") == SendStatus::sent); };
  const Stepped stepped = Stepper::step(operation, true);
  if (!stepped.refused.empty()) GTEST_SKIP() << stepped.refused;
  ASSERT_EQ(stepped.broken, "");
  std::uint64_t unheard = 0;  // kills between the message and the doorbell
  for (const CrashPoint& point : reachable(stepped)) {
    ASSERT_FALSE(killed_at(operation, point).empty()) << "it did not come there";
    const bool sent = inside(owner->owner()).pending();
    if (sent && estate.rings() == 0) ++unheard;
    estate.hang_up();  // the kernel does, for who is killed; this process has its end, too
    ASSERT_TRUE(inside(owner->owner()).serve({})) << "the death does not wake the owner";
    std::uint64_t heard = 0;
    owner->drain([&](const Message&) { ++heard; });
    ASSERT_EQ(heard, sent ? 1U : 0U);
    ASSERT_EQ(owner->owner().writers(), 0U);
    ++moves_;
  }
  EXPECT_GT(unheard, 0U);
  fault.fired(unheard);
}

#endif

}  // namespace
}  // namespace cortado::test
