// Every crash point of a real writer that sends: Writer::try_send, claim and commit, and the half
// of an ask that sends. The judge is an owner that takes the lane over.
#include <cstddef>
#include <cstring>
#include <functional>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "crash_test.hpp"
#include "send_state.hpp"
#include "step.hpp"

namespace cortado::test {
namespace {

class WriterCrashPoints : public CrashTest {
 protected:
  using Send = std::function<void(Writer&, const Bytes&)>;

  /// `prefix`: bytes that the operation puts before the message. `waits`: for room; the states
  /// without room are left out, because reading the clock step by step may never come to an end
  /// (the kernel changes it meanwhile, and it is read again).
  void judge_all(const Send& send, std::uint64_t prefix = 0, bool waits = false) {
    SendUnderTest under_test(prefix);
    for (const SendState& state : SendState::all(prefix)) {
      if (waits && !state.fits()) continue;
      Operation operation;
      operation.name = state.name();
      operation.setup = [&] { return under_test.build(state); };
      operation.prepare = [&] { under_test.prepare(); };
      operation.run = [&] { send(under_test.writer(), under_test.message()); };
      operation.judge = [&](auto image) { return under_test.judge(image, false); };
      operation.judge_complete = [&](auto image) { return under_test.judge(image, true); };
      operation.changes = state.fits();
      judge_crash_points(operation, figures_);
    }
  }
};

TEST_F(WriterCrashPoints, of_try_send_leave_the_new_message_whole_or_absent_and_nothing_else) {
  judge_all(
      [](Writer& writer, const Bytes& message) { static_cast<void>(writer.try_send(message)); });
  conclude("try_send");
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
  judge_all(claim_and_commit);
  conclude("claim and commit by a writer");
}

TEST_F(WriterCrashPoints, of_asking_leave_the_question_whole_or_absent) {
  judge_all(
      [](Writer& writer, const Bytes& message) {
        static_cast<void>(inside(writer).put_ask(message, 0, {}, {}));
      },
      sizeof(ring::AskPrefix), true);
  conclude("asking");
}

}  // namespace
}  // namespace cortado::test
