// Every crash point of a real writer: all that sends, with room and without, asks, waits, leaves.
// The judge is an owner that takes the lane over.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "crash_test.hpp"
#include "step.hpp"
#include "writer_scene.hpp"

namespace cortado::test {
namespace {

using std::chrono::milliseconds;

/// In a child: what the operation returned must be this, or the child dies.
void require(bool good) {
  if (!good) std::abort();
}

/// It does not pass before the test lets it.
Writer::time_point much_later() {
  return std::chrono::steady_clock::now() + std::chrono::hours(1);
}
/// So long does the kernel let it sleep, by its own clock: long enough for a busy machine to see
/// that it sleeps.
constexpr milliseconds kSleep{250};
Writer::time_point soon() {
  return std::chrono::steady_clock::now() + kSleep;
}

class WriterCrashPoints : public CrashTest {
 protected:
  using Run = std::function<void(Writer&, const Bytes&)>;
  using Does = WriterScene::Does;

  static Operation operation(WriterScene& scene, const SendState& state, const Run& run) {
    Operation made;
    made.name = state.name();
    made.setup = [&scene, state] { return scene.build(state); };
    made.prepare = [&scene] { scene.prepare(); };
    made.run = [&scene, run] { run(scene.writer(), scene.message()); };
    made.judge = [&scene](auto image) { return scene.judge(image, false); };
    made.judge_complete = [&scene](auto image) { return scene.judge(image, true); };
    return made;
  }

  /// In every state, with nobody there.
  void judge_alone(Does does, const Run& run, const char* what) {
    WriterScene scene(WriterScene::Owner::dead, does);
    const std::uint64_t prefix = does.asks ? sizeof(ring::AskPrefix) : 0;
    for (const SendState& state : some_of(SendState::all(prefix))) {
      if (does.asks && !state.fits()) continue;  // it would wait
      Operation made = operation(scene, state, run);
      made.changes = does.sends && state.fits();
      judge_crash_points(made, figures_);
    }
    conclude(what);
  }

  /// With an owner that takes all there is whenever the writer sleeps.
  void judge_served(Does does, const std::vector<SendState>& states, const Run& run,
                    const char* what) {
    WriterScene scene(WriterScene::Owner::alive, does);
    for (const SendState& state : some_of(states)) {
      std::size_t sleeps = 0;
      Operation made = operation(scene, state, run);
      made.asleep = [&] {
        ++sleeps;
        scene.owner_drains();
      };
      if (does.leaves) made.observe = [&] { scene.observe_hang_up(); };
      judge_crash_points(made, figures_);
      EXPECT_TRUE(sleeps > 0 || !figures_.refused.empty()) << made.name << ": it did not wait";
    }
    conclude(what);
  }

  /// With an owner that does nothing, or is gone, when the writer sleeps.
  void judge_left_alone(bool vanishes, const std::vector<SendState>& states, const Run& run,
                        const char* what) {
    WriterScene scene(WriterScene::Owner::alive, {});
    for (const SendState& state : some_of(states)) {
      std::size_t sleeps = 0;
      Operation made = operation(scene, state, run);
      made.asleep = [&] {
        if (++sleeps == 1 && vanishes) return scene.owner_vanishes();
        TestClock::advance(10 * kSleep);
      };
      made.judge = [&](auto image) { return scene.judge(image, false, true); };
      made.judge_complete = [&](auto image) { return scene.judge(image, true, true); };
      judge_crash_points(made, figures_);
      EXPECT_TRUE(sleeps > 0 || !figures_.refused.empty()) << made.name << ": it did not wait";
    }
    conclude(what);
  }
};

TEST_F(WriterCrashPoints, of_try_send_leave_the_new_message_whole_or_absent_and_nothing_else) {
  Fault killed("writer-killed-in-send");
  Fault full("exactly-full");
  Fault wrap("positions-wrap");
  Fault stale("stale-bytes");
  Fault sizes("message-sizes");
  judge_alone(
      {}, [](Writer& writer, const Bytes& message) { static_cast<void>(writer.try_send(message)); },
      "try_send");
  for (Fault* each : {&killed, &full, &wrap, &stale, &sizes}) each->fired(stepped());
}

/// Claims more than it needs if it can, and scribbles over what it does not send.
void claim_and_commit(Writer& writer, const Bytes& message) {
  constexpr std::size_t kMore = 24;
  Claim claim = writer.claim(message.size() + kMore);
  if (!claim) claim = writer.claim(message.size());
  if (!claim) return;
  const std::span<std::byte> room = claim.bytes();
  for (std::size_t i = message.size(); i < room.size(); ++i) room[i] = std::byte{0xff};
  const std::size_t half = message.size() / 2;
  if (half != 0) std::memcpy(room.data(), message.data(), half);
  if (!message.empty()) {
    std::memcpy(room.data() + half, message.data() + half, message.size() - half);
  }
  static_cast<void>(claim.commit(message.size()));
}

TEST_F(WriterCrashPoints, of_claim_and_commit_leave_the_new_message_whole_or_absent) {
  Fault killed("writer-killed-in-send");
  judge_alone({}, claim_and_commit, "claim and commit by a writer");
  killed.fired(stepped());
}

/// Scribbles over what it claims, gives it back, and does what it had in mind after all.
void claim_and_discard(Writer& writer, const Bytes& message) {
  Claim claim = writer.claim(message.size());
  if (!claim) return;
  std::memset(claim.bytes().data(), 0xff, claim.bytes().size());
  claim.discard();
  require(writer.try_send(message) == SendStatus::sent);
}

TEST_F(WriterCrashPoints, of_claim_and_discard_leave_nothing_of_what_was_claimed) {
  Fault killed("writer-killed-in-send");
  judge_alone({}, claim_and_discard, "claim and discard by a writer");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_asking_leave_the_question_whole_or_absent) {
  Fault killed("writer-killed-in-send");
  Does does;
  does.asks = true;
  judge_alone(
      does,
      [](Writer& writer, const Bytes& message) {
        require(bool(inside(writer).put_ask(message, 0, {}, {})));
      },
      "asking");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_a_send_that_waits_for_room_leave_the_message_whole_or_absent) {
  Fault killed("writer-killed-in-send");
  judge_served(
      {}, SendState::full(),
      [](Writer& writer, const Bytes& message) {
        require(writer.send(message, much_later()) == SendStatus::sent);
      },
      "a send that waits for room");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_a_claim_that_waits_for_room_leave_the_message_whole_or_absent) {
  Fault killed("writer-killed-in-send");
  judge_served(
      {}, SendState::full(),
      [](Writer& writer, const Bytes& message) {
        Claim claim = writer.claim_until(message.size(), much_later());
        require(bool(claim));
        if (!message.empty()) std::memcpy(claim.bytes().data(), message.data(), message.size());
        require(claim.commit() == SendStatus::sent);
      },
      "a claim that waits for room");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_a_send_whose_deadline_passes_leave_nothing_of_the_message) {
  Fault killed("writer-killed-in-send");
  judge_left_alone(
      false, SendState::full(),
      [](Writer& writer, const Bytes& message) {
        require(writer.send(message, soon()) == SendStatus::full);
      },
      "a send whose deadline passes");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_a_send_whose_owner_goes_leave_what_was_sent_before) {
  Fault killed("writer-killed-in-send");
  judge_left_alone(
      true, {SendState::full()[1], SendState::full()[4]},
      [](Writer& writer, const Bytes& message) {
        require(writer.send(message, soon()) == SendStatus::no_owner);
      },
      "a send whose owner goes");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_an_ask_leave_a_question_that_has_one_answer_and_a_lane_that_goes_on) {
  Fault killed("writer-killed-in-send");
  Does does;
  does.asks = true;
  judge_served(
      does, SendState::with_room(),
      [](Writer& writer, const Bytes& message) {
        const std::uint64_t sequence = writer.sequence();
        const auto answer = writer.ask(message, much_later());
        const auto text = std::as_bytes(std::span(Diary::answer_to(sequence)));
        require(answer && same_bytes(*answer, text));
      },
      "an ask and its answer");
  killed.fired(stepped());
}

TEST_F(WriterCrashPoints, of_wait_applied_lose_nothing_of_what_was_sent) {
  Does does;
  does.sends = false;
  judge_served(
      does, SendState::with_room(),
      [](Writer& writer, const Bytes&) { require(bool(writer.wait_applied(much_later()))); },
      "wait_applied");
}

TEST_F(WriterCrashPoints, of_close_lose_nothing_and_tell_the_owner_before_they_hang_up) {
  Fault killed("writer-killed-in-close");
  Does does;
  does.sends = false;
  does.leaves = true;
  judge_served(
      does, SendState::with_room(),
      [](Writer& writer, const Bytes&) { require(writer.close(much_later()) == 0); }, "close");
  killed.fired(stepped());
}

}  // namespace
}  // namespace cortado::test
