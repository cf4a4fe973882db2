// Every crash point of the ring's operations, and of the commit of a lane in the kept segment.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "crash_test.hpp"
#include "lane/kept.hpp"
#include "ring_state.hpp"
#include "step.hpp"

namespace cortado::test {
namespace {

class CrashPoints : public CrashTest {
 protected:
  Operation send(const RingState& state, const char* name, std::function<void()> run) {
    Operation operation;
    operation.name = name + (": " + state.name());
    operation.setup = [this, state] { return ring_.build(state); };
    operation.run = std::move(run);
    operation.judge = [this](auto image) { return ring_.judge_send(image, false); };
    operation.judge_complete = [this](auto image) { return ring_.judge_send(image, ring_.fits()); };
    ring_.build(state);
    operation.changes = ring_.fits();
    return operation;
  }

  Operation write(const RingState& state) {
    return send(state, "write",
                [this] { ring_.producer().write(ring_.payload(), ring_.new_commit()); });
  }

  RingUnderTest ring_;
};

TEST_F(CrashPoints, of_write_leave_the_new_record_whole_or_absent_and_nothing_else) {
  for (const RingState& state : some_of(RingState::all()))
    judge_crash_points(write(state), figures_);
  conclude("write");
}

/// Claims more than it needs, scribbles over all of it, fills it in two goes, commits.
void claim_and_commit(RingUnderTest& ring) {
  ring::Producer writer = ring.producer();
  const Bytes& payload = ring.payload();
  std::uint64_t claimed = payload.size() + 24;
  std::byte* room = writer.claim(claimed);
  if (room == nullptr) {
    claimed = payload.size();
    room = writer.claim(claimed);
  }
  if (room == nullptr) return;
  std::memset(room, 0xff, claimed);
  const std::size_t half = payload.size() / 2;
  if (!payload.empty()) std::memcpy(room + half, payload.data() + half, payload.size() - half);
  if (half != 0) std::memcpy(room, payload.data(), half);
  ring::Commit commit = ring.new_commit();
  commit.length = static_cast<std::uint32_t>(payload.size());
  writer.commit(commit);
}

TEST_F(CrashPoints, of_claim_and_commit_leave_the_new_record_whole_or_absent_and_nothing_else) {
  for (const RingState& state : some_of(RingState::all())) {
    judge_crash_points(send(state, "claim and commit", [this] { claim_and_commit(ring_); }),
                       figures_);
  }
  conclude("claim and commit");
}

void take_and_release(RingUnderTest& ring) {
  ring::Consumer owner = ring.consumer();
  ring::Consumer::Record record;
  if (owner.peek(record) != ring::Peek::record) return;
  ControlPage& control = ring.control();
  control.copied_length = record.commit.length;
  std::memcpy(control.copied.data(), record.payload, record.commit.length);
  owner.take(record);
  owner.release(owner.position());
  control.released.store(owner.position(), std::memory_order_release);
}

TEST_F(CrashPoints, of_take_and_release_release_no_record_that_was_not_copied_whole) {
  for (const RingState& state : some_of(RingState::all())) {
    if (state.earlier().empty()) continue;
    Operation operation;
    operation.name = "take and release: " + state.name();
    operation.setup = [this, state] { return ring_.build(state); };
    operation.run = [this] { take_and_release(ring_); };
    operation.judge = [this](auto image) { return ring_.judge_take(image, false); };
    operation.judge_complete = [this](auto image) { return ring_.judge_take(image, true); };
    judge_crash_points(operation, figures_);
  }
  conclude("take and release");
}

TEST_F(CrashPoints, of_a_kept_lanes_commit_make_both_numbers_current_or_neither) {
  const MirroredMemory memory(4096, 4096);
  auto* kept = reinterpret_cast<lane::KeptLane*>(memory.prefix());
  const lane::Applied old{~std::uint64_t{0} - 7, 11};
  const lane::Applied next{64, 12};
  for (const std::uint32_t current : {0U, 1U}) {
    Operation operation;
    operation.name = "commit from slot " + std::to_string(current);
    operation.setup = [&] {
      kept->slots[current] = old;
      kept->slots[current ^ 1] = {1, 2};
      kept->current.store(current);
      return std::vector{memory.bytes().first(sizeof(lane::KeptLane))};
    };
    operation.run = [&] { kept->commit(next); };
    const auto applied = [](std::span<const std::byte> image) {
      alignas(lane::KeptLane) std::array<std::byte, sizeof(lane::KeptLane)> copy{};
      std::memcpy(copy.data(), image.data(), copy.size());
      return reinterpret_cast<const lane::KeptLane*>(copy.data())->applied();
    };
    operation.judge = [&](auto image) {
      const lane::Applied found = applied(image);
      return std::string(found == old || found == next ? "" : "neither the old two nor the new");
    };
    operation.judge_complete = [&](auto image) {
      return std::string(applied(image) == next ? "" : "complete, and not current");
    };
    judge_crash_points(operation, figures_);
  }
  conclude("a kept lane's commit");
}

/// A harness that finds nothing proves nothing: this operation says "done" before it is.
TEST_F(CrashPoints, of_an_operation_in_the_wrong_order_are_found_bad) {
  const MirroredMemory memory(4096, 4096);
  auto* words = reinterpret_cast<std::atomic<std::uint64_t>*>(memory.prefix());
  const auto word = [](std::span<const std::byte> image, std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, image.data() + 8 * at, sizeof value);
    return value;
  };
  Operation operation;
  operation.name = "wrong order";
  operation.setup = [&] { return std::vector{memory.bytes().first(16)}; };
  operation.run = [&] {
    words[0].store(1);
    words[1].store(1);
  };
  operation.judge = [&](auto image) {
    return std::string(word(image, 0) == 1 && word(image, 1) == 0 ? "done before it is" : "");
  };
  operation.judge_complete = operation.judge;
  judge_crash_points(operation, figures_);
  if (!figures_.refused.empty()) GTEST_SKIP() << figures_.refused;
  EXPECT_EQ(figures_.distinct, 3U);
  EXPECT_EQ(figures_.bad, 1U);
}

}  // namespace
}  // namespace cortado::test
