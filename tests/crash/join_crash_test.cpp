// Every crash point of a writer that goes from a dead owner to the next one and hands over what the
// dead one had not released: losing the owner, taking the new lane into use, copying, and the first
// message behind it. The judge is a next owner of the new lane.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../support/estate.hpp"
#include "../support/fault.hpp"
#include "../support/ring_bytes.hpp"
#include "../support/shared.hpp"
#include "crash_test.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/unix_socket.hpp"
#include "step.hpp"
#include "tally.hpp"
#include "writer_judge.hpp"

namespace cortado::test {
namespace {

struct Backlog {
  std::uint64_t old_start = 0;         ///< position in the dead owner's lane
  std::uint64_t start = 0;             ///< position in the new one
  std::vector<std::uint64_t> lengths;  ///< of the messages that the dead one had not released
  std::size_t in_hand = 0;             ///< of these, may have been handled
  std::uint64_t length = 0;            ///< of the message that is sent behind them

  std::string name() const {
    std::ostringstream text;
    text << "from " << old_start << " to " << start << ", lengths";
    for (const std::uint64_t each : lengths) text << ' ' << each;
    text << ", in hand " << in_hand << ", then " << length;
    return text.str();
  }

  static std::vector<Backlog> all() {
    const std::vector<std::uint64_t> few = {0, 1, 100};
    // To the last byte of the new ring, which is half as long as the old one.
    const std::vector<std::uint64_t> exactly = {2000, 8, 2048};
    const std::vector<std::uint64_t> more = {1, 2000, 500, 1500, 700, 0, 3000};
    const std::uint64_t longest = ring::max_length(Estate::kRingBytes);
    std::vector<Backlog> states;
    for (const std::uint64_t start : {std::uint64_t{0}, 7 * Estate::kRingBytes - 8,
                                      ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63}) {
      states.push_back({start + 8, start, few, states.size() % 4, 100});
      states.push_back({start, start + 8, exactly, 1, 0});
      states.push_back({start - 64, start, more, 3, 8});
    }
    states.push_back({8, 64, {longest}, 1, 1});
    return states;
  }
};

class JoinScene {
 public:
  JoinScene()
      : file_(got(os::create_memory_file("old-lane", kOldSizes.segment_bytes()))),
        old_(got(lane::LaneMemory::map(file_.get(), kOldSizes))) {}

  std::vector<std::span<std::byte>> build(const Backlog& state) {
    state_ = state;
    messages_.clear();
    for (std::size_t i = 0; i < state.lengths.size(); ++i) {
      messages_.push_back({content(i, state.lengths[i]), false, i < state.in_hand});
    }
    put_old_lane();
    messages_.push_back({content(messages_.size(), state.length)});
    judge_.expect(state.start, messages_);
    owner_.reset();
    estate_.begin({state.start, WriterJudge::kFirst});
    fill_with_forged_words(estate_.ring(), WriterJudge::kFirst);
    put_word(estate_.ring(), state.start, 0);
    misheard_.renew();
    estate_.hand_over();
    owner_.emplace(Keeps::nothing);
    if (!owner_->error().empty()) std::abort();
    handled_ = 0;
    std::vector<std::span<std::byte>> regions = estate_.regions();
    regions.push_back(misheard_.bytes());
    regions.push_back(old_bytes());
    return regions;
  }

  /// In the child: a writer whose owner has just died.
  void prepare() {
    auto ends = got(os::socket_pair());
    writer_.emplace(got(WriterParts::attach_here(Estate::kName, {}, Estate::kWriter,
                                                 Estate::kIdentity, old_, got(os::create_event()),
                                                 std::move(ends.first), os::Descriptor())));
    auto& parts = inside(*writer_);
    parts.there =
        ring::Producer(old_->ring(), kOldSizes.ring_bytes, old_end_, &old_->control().released);
    parts.sequence = WriterJudge::kFirst + state_.lengths.size();
  }
  /// Likewise: it finds that out, and the next one.
  void run() {
    auto& parts = inside(*writer_);
    parts.lose_owner();
    if (!parts.enter(estate_.lane(), estate_.doorbell(), estate_.connection(), {})) std::abort();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
    if (writer_->send(messages_.back().bytes, deadline) != SendStatus::sent) std::abort();
  }

  /// In the parent, while the child sleeps: the next owner takes what there is.
  void owner_drains() {
    owner_->drain([&](const Message& message) {
      const bool good = handled_ < messages_.size() &&
                        message.sequence() == WriterJudge::kFirst + handled_ &&
                        message.redelivered() == messages_[handled_].flagged &&
                        same_bytes(message.bytes(), messages_[handled_].bytes);
      *misheard_ += good ? 0 : 1;
      ++handled_;
    });
  }

  /// A kill of the writer. `finished`: behind its last instruction.
  std::string judge(std::span<const std::byte> image, bool finished) {
    std::uint64_t misheard = 0;
    const std::span<const std::byte> rest = judge_.load(image);
    std::memcpy(&misheard, rest.data(), sizeof misheard);
    if (misheard != 0) return "the next owner was given what was not sent";
    if (!std::ranges::equal(rest.subspan(sizeof misheard), old_bytes())) {
      return "the dead owner's lane has changed";
    }
    return judge_.judge({finished ? messages_.size() : 0, messages_.size(), false});
  }

 private:
  static constexpr lane::RingSizes kOldSizes{2 * Estate::kRingBytes, Estate::kRingBytes};

  template <class T>
  static T got(Result<T> result) {
    if (!result) std::abort();
    return std::move(*result);
  }

  std::span<std::byte> old_bytes() const {
    return {reinterpret_cast<std::byte*>(&old_->control()),
            lane::kPageBytes + kOldSizes.ring_bytes};
  }

  void put_old_lane() {
    std::ranges::fill(old_bytes(), std::byte{0});
    lane::LaneControl& control = old_->control();
    control.start_position = state_.old_start;
    control.released.store(state_.old_start);
    control.handling.store(lane::kIdle);
    control.wake_at.store(lane::kNoWake);
    const std::span<std::byte> ring(old_->ring(), kOldSizes.ring_bytes);
    old_end_ = state_.old_start;
    control.in_hand.store(old_end_);
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      const auto sequence = static_cast<std::uint8_t>(WriterJudge::kFirst + i);
      old_end_ = put_record(ring, old_end_, {0, 7, sequence, 0}, messages_[i].bytes);
      if (i + 1 == state_.in_hand) control.in_hand.store(old_end_);
    }
    put_word(ring, old_end_, 0);
  }

  os::Descriptor file_;
  std::shared_ptr<lane::LaneMemory> old_;
  Estate estate_{0};
  WriterJudge judge_;
  Backlog state_;
  std::vector<Sent> messages_;  ///< those of the old lane, and the one that is sent
  std::uint64_t old_end_ = 0;
  Shared<std::uint64_t> misheard_;  ///< messages that the next owner should not have had
  std::optional<Heir> owner_;       ///< the next one
  std::size_t handled_ = 0;         ///< messages that it was given
  std::optional<Writer> writer_;    ///< in the child
};

class JoinCrashPoints : public CrashTest {};

TEST_F(JoinCrashPoints, of_a_hand_over_to_the_next_owner_leave_a_part_of_it_in_order_and_flagged) {
  Fault killed("writer-killed-in-send");
  Fault other_sizes("owner-reconfigured");
  JoinScene scene;
  std::size_t sleeps = 0;
  for (const Backlog& state : some_of(Backlog::all())) {
    Operation made;
    made.name = state.name();
    made.setup = [&] { return scene.build(state); };
    made.prepare = [&] { scene.prepare(); };
    made.run = [&] { scene.run(); };
    made.asleep = [&] {
      ++sleeps;
      scene.owner_drains();
    };
    made.judge = [&](auto image) { return scene.judge(image, false); };
    made.judge_complete = [&](auto image) { return scene.judge(image, true); };
    judge_crash_points(made, figures_);
  }
  EXPECT_TRUE(sleeps > 0 || !figures_.refused.empty()) << "every backlog found room at once";
  conclude("a hand-over to the next owner");
  killed.fired(stepped());
  other_sizes.fired(sleeps);
}

}  // namespace
}  // namespace cortado::test
