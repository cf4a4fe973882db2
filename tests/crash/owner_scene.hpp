// Lanes in given states for the crash points of an owner, and the judge of what a kill leaves: the
// next owner, which really takes over, and a writer that goes on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../support/estate.hpp"
#include "../support/ring_bytes.hpp"
#include "../support/shared.hpp"
#include "owner_state.hpp"
#include "ring/layout.hpp"
#include "tally.hpp"

namespace cortado::test {

class OwnerScene {
 public:
  using Stage = lane::KeptLane::Stage;

  /// `drains`: the complete operation leaves nothing that can be handled.
  OwnerScene(Keeps keeps, bool drains)
      : keeps_(keeps), drains_(drains), estate_(state_bytes(keeps)), judged_(state_bytes(keeps)) {
    for (int i = 0; i < 8; ++i) judged_.skip_generation();
  }

  /// Puts the messages of the state into a lane that no owner of this process has read.
  std::vector<std::span<std::byte>> build(const OwnerState& state) {
    state_ = state;
    messages_.clear();
    ends_ = {state.start};
    estate_.begin({state.start, kFirst});
    diary_.renew();
    put_messages();
    put_word({estate_.reply_ring(), Estate::kRingBytes}, state.start, 0);
    estate_.control().owner_state.store(state.owner_state);
    estate_.control().left.store(state.writer_left ? 1 : 0);
    lane::KeptLane& kept = estate_.kept_lane();
    kept.stage.store(state.stage);
    kept.in_hand.store(ends_[std::max(state.in_hand, state.state_ahead)]);
    if (state.in_hand != 0) kept.handling.store(ends_[1]);
    if (state.attempts != 0) {
      kept.failed_at.store(ends_[1]);
      kept.attempts.store(state.attempts);
    }
    if (state.state_ahead != 0) put_state_ahead();
    if (state.answer_uncounted) put_answer();
    estate_.rings();
    std::vector<std::span<std::byte>> regions = estate_.regions();
    regions.push_back(diary_.bytes());
    return regions;
  }

  // In the child.

  void hand_over() {
    estate_.hand_over();
    if (state_.writer_left) estate_.hang_up();
  }
  void take_over() {
    heir_.emplace(keeps_);
    if (!heir_->error().empty()) std::abort();
  }
  /// An owner that has taken over, and sleeps if it is to.
  void prepare() {
    hand_over();
    take_over();
    if (state_.armed) inside(owner()).arm();
    receipts_.reserve(messages_.size());
  }
  void drain() {
    heir_->drain([this](const Message& message) {
      const std::uint64_t number = message.sequence() - kFirst;
      if (number == state_.throws_at && diary_->thrown.load() == 0) {
        diary_->thrown.store(1);
        throw std::runtime_error("as the test wants it");
      }
      diary_->note(message, messages_[number]);
      if (keeps_ == Keeps::until_released) receipts_.push_back(message.receipt());
    });
  }
  Owner& owner() { return heir_->owner(); }
  const std::vector<Receipt>& receipts() const { return receipts_; }
  void end() { heir_.reset(); }

  /// In the parent, while the child sleeps.
  void ring() { os::signal_event(estate_.doorbell().get()); }

  /// A kill of the owner. `finished`: behind its last instruction.
  std::string judge(std::span<const std::byte> image, bool finished) {
    const std::span<const std::byte> rest = judged_.load(image);
    std::ranges::copy(rest, past_.bytes().begin());
    stage_ = judged_.kept_lane().stage.load();
    std::string wrong = judge_past(finished);
    if (!wrong.empty()) return wrong;
    answers_ = answers();
    judged_.hand_over();
    Heir next(keeps_);
    if (!next.error().empty()) return next.error();
    wrong = judge_kept(next);
    if (wrong.empty()) wrong = judge_rest(next);
    if (wrong.empty()) wrong = judge_replies(finished);
    if (wrong.empty()) wrong = is_over() ? judge_end(next) : go_on(next);
    return wrong;
  }

 private:
  static constexpr std::uint64_t kFirst = 254;  // its low byte wraps behind two messages
  static constexpr std::uint64_t state_bytes(Keeps keeps) {
    return keeps == Keeps::state ? sizeof(Tally) : 0;
  }

  bool is_ask(std::size_t number) const { return state_.asks && number % 2 == 0; }
  std::uint64_t count() const { return messages_.size(); }
  static std::string which(std::uint64_t number) { return "message " + std::to_string(number); }

  void put_messages() {
    const std::span<std::byte> ring = estate_.ring();
    fill_with_forged_words(ring, kFirst + state_.lengths.size());
    for (std::size_t i = 0; i < state_.lengths.size(); ++i) {
      messages_.push_back(content(i, state_.lengths[i]));
      Bytes payload = messages_.back();
      if (is_ask(i)) {
        const ring::AskPrefix prefix{64, 0};
        const auto bytes = std::as_bytes(std::span(&prefix, 1));
        payload.insert(payload.begin(), bytes.begin(), bytes.end());
      }
      const std::uint8_t flags = is_ask(i) ? ring::flag::ask : 0;
      ends_.push_back(put_record(ring, ends_.back(),
                                 {0, 7, static_cast<std::uint8_t>(kFirst + i), flags}, payload));
    }
    put_word(ring, ends_.back(), state_.broken ? 1 : 0);
  }

  /// The dead owner had committed the state with these messages in it, and no more.
  void put_state_ahead() {
    const std::uint64_t ahead = state_.state_ahead;
    const Tally tally = expected(ahead);
    std::memcpy(estate_.state(1), &tally, sizeof tally);
    lane::KeptHeader& head = estate_.header();
    head.state_slots[1] = {0, Estate::kLaneId, {ends_[ahead], kFirst + ahead}};
    head.state_current.store(1);
    for (std::size_t i = 0; i < ahead; ++i) diary_->entries[i] = {kFirst + i, 0, 1};
    diary_->begun.store(ahead);
    diary_->done.store(ahead);
  }

  /// The dead owner had answered the first ask, and no more.
  void put_answer() {
    const ring::ReplyPrefix prefix{kFirst};
    Bytes payload(sizeof prefix);
    std::memcpy(payload.data(), &prefix, sizeof prefix);
    const auto text = std::as_bytes(std::span(Diary::answer_to(kFirst)));
    payload.insert(payload.end(), text.begin(), text.end());
    const std::span<std::byte> back(estate_.reply_ring(), Estate::kRingBytes);
    put_word(back, put_record(back, state_.start, {}, payload), 0);
  }

  /// The state behind the first `number` messages.
  Tally expected(std::uint64_t number) const {
    Tally tally;
    for (std::uint64_t i = 0; i < number; ++i) tally.add(kFirst + i, messages_[i]);
    return tally;
  }

  /// What the image says that is applied, for good.
  std::uint64_t committed() const {
    const std::uint64_t of_lane = judged_.kept_lane().applied().position;
    if (keeps_ != Keeps::state) return of_lane;
    const lane::KeptHeader& head = judged_.header();
    const lane::StateSlot& state = head.state_slots[head.state_current.load() & 1];
    const bool ahead = static_cast<std::int64_t>(state.applied.position - of_lane) > 0;
    return state.lane_id == Estate::kLaneId && ahead ? state.applied.position : of_lane;
  }

  /// The lane is at its end in the image, or will be when the next owner has read it.
  bool is_over() const {
    return state_.broken || poisoned_ || stage_ == Stage::empty || stage_ == Stage::evicted;
  }

  /// What the dead owner's handler saw, and what it gave back to the writer.
  std::string judge_past(bool finished) {
    const std::uint64_t begun = past_->begun.load();
    const std::uint64_t done = past_->done.load();
    if (begun > count() || begun - done > 1) return "a handler was called too often";
    for (std::uint64_t i = 0; i < done; ++i) {
      const Diary::Entry& entry = past_->entries[i];
      const bool again = i < state_.in_hand || i == state_.throws_at;
      if (entry.sequence != kFirst + i) return which(i) + " out of order";
      if (entry.whole == 0) return which(i) + " is not what was sent";
      if ((entry.flagged != 0) != again) return which(i) + " is wrongly flagged";
    }
    const std::uint64_t released = judged_.control().released.load();
    const auto at = std::ranges::find(ends_, released);
    if (at == ends_.end()) return "the released position is no message's end";
    const auto given_back = static_cast<std::uint64_t>(at - ends_.begin());
    if (given_back > done) return which(done) + " was released before it was handled";
    if (static_cast<std::int64_t>(committed() - released) < 0) return "released, and not committed";
    poisoned_ = stage_ == Stage::condemned && !state_.broken;
    if (poisoned_ && state_.attempts + 1 < OwnerParts::kMaxAttempts) return "condemned too early";
    const bool gone = stage_ == Stage::empty || (stage_ == Stage::condemned && !poisoned_);
    if (gone && given_back != count()) return "the lane is given up with messages in it";
    if (finished && drains_ && given_back != count() && !poisoned_) {
      return "a complete drain has not released everything";
    }
    return {};
  }

  /// The state that is committed contains what its handler had done, each message once.
  std::string judge_kept(const Heir& next) {
    if (keeps_ != Keeps::state) return {};
    kept_count_ = next.state().count;
    if (kept_count_ > past_->done.load()) return "the state contains what was not handled";
    if (next.state() != expected(kept_count_)) return "the state is not that of its messages";
    std::uint64_t asks = 0;
    for (std::uint64_t i = 0; i < kept_count_; ++i) asks += is_ask(i) ? 1 : 0;
    if (answers_ > asks) return "an answer tells what is not in the state";
    return {};
  }

  /// The next owner gets all that was not handled, in order; what comes again is flagged.
  std::string judge_rest(Heir& next) {
    present_.renew();
    next.drain([this](const Message& message) {
      const std::uint64_t number = message.sequence() - kFirst;
      static const Bytes nothing;
      present_->note(message, number < count() ? messages_[number] : nothing);
    });
    const std::uint64_t heard = present_->done.load();
    // It failed as often as may be, and is read no further.
    poisoned_ = poisoned_ || (heard == 0 && condemned_by(next));
    if (poisoned_) return heard == 0 ? "" : "a poisoned lane is read";
    if (heard > count()) return "more came than was sent";
    const std::uint64_t from = count() - heard;
    if (from > past_->done.load()) return which(past_->done.load()) + " is lost";
    if (keeps_ == Keeps::state && from != kept_count_) return "not what the state lacks";
    std::uint64_t seen = std::max<std::uint64_t>(past_->begun.load(), state_.in_hand);
    if (past_->thrown.load() != 0) seen = std::max<std::uint64_t>(seen, state_.throws_at + 1);
    for (std::uint64_t i = from; i < count(); ++i) {
      const Diary::Entry& entry = present_->entries[i - from];
      if (entry.sequence != kFirst + i) return which(i) + " out of order after the kill";
      if (entry.whole == 0) return which(i) + " is torn";
      if (i < seen && entry.flagged == 0) return which(i) + " comes again and is not flagged";
      // In hand is said before the handler is called.
      if (i > seen && entry.flagged != 0) return which(i) + " is flagged and was in no hand";
    }
    if (keeps_ == Keeps::state && next.state() != expected(count())) return "effects not once";
    if (keeps_ == Keeps::until_released) next.owner().release_all();
    if (!next.owner().drained()) return "something is left";
    return {};
  }
  bool condemned_by(Heir& next) const {
    if (state_.attempts + 1 < OwnerParts::kMaxAttempts || state_.broken) return false;
    return next.owner().writers() == 0 && past_->done.load() != count();
  }

  /// Answers that stand in the ring back.
  std::uint64_t answers() const {
    ring::Consumer back = replies();
    ring::Consumer::Record record;
    std::uint64_t number = 0;
    for (; back.peek(record) == ring::Peek::record; ++number) back.take(record);
    return number;
  }
  ring::Consumer replies() const {
    return {judged_.reply_ring(), Estate::kRingBytes, state_.start, 0, ring::flag::reply_mask};
  }

  /// Each ask has one answer, in order, whoever gave it. With a kept state an answer goes out after
  /// the commit of what it tells: who dies in between leaves that ask without one, no other.
  std::string judge_replies(bool finished) const {
    if (poisoned_) return {};
    ring::Consumer back = replies();
    ring::Consumer::Record record;
    for (std::uint64_t i = 0; i < count(); ++i) {
      if (!is_ask(i)) continue;
      const bool may_lack = keeps_ == Keeps::state && !finished && i + 1 == kept_count_;
      ring::ReplyPrefix prefix{};
      const bool there = back.peek(record) == ring::Peek::record;
      if (there) std::memcpy(&prefix, record.payload, sizeof prefix);
      if (!there || prefix.correlation != kFirst + i) {
        if (may_lack) continue;
        return which(i) + " has no answer";
      }
      const std::string_view text(reinterpret_cast<const char*>(record.payload) + sizeof prefix,
                                  record.commit.length - sizeof prefix);
      if (text != Diary::answer_to(kFirst + i)) return which(i) + " has another answer";
      back.take(record);
    }
    return back.pending() ? "an ask was answered twice" : "";
  }

  /// Nobody reads a lane that was given up, and nobody keeps it.
  static std::string judge_end(Heir& next) {
    next.drain([](const Message&) {});
    return next.owner().writers() == 0 ? "" : "a lane that is at its end stays";
  }

  /// The writer notices nothing: its longest message finds room, and arrives.
  std::string go_on(Heir& next) {
    const std::uint64_t sequence = kFirst + count();
    Writer writer = judged_.attach_writer(ends_.back(), sequence);
    const std::uint64_t rung = writer.stats().doorbells;  // joining may ring
    if (!inside(next.owner()).arm()) return "the next owner finds what is not there";
    if (writer.try_send(largest_) != SendStatus::sent) return "the writer finds no room";
    if (writer.stats().doorbells != rung + 1) return "the writer does not ring the next owner";
    std::uint64_t arrived = 0;
    next.drain([&](const Message& message) {
      const bool good = message.sequence() == sequence && !message.redelivered() &&
                        same_bytes(message.bytes(), largest_);
      arrived += good ? 1 : 100;
    });
    return arrived == 1 ? "" : "what the writer sends after the kill does not arrive";
  }

  Keeps keeps_;
  bool drains_;
  Estate estate_;
  Estate judged_;
  Shared<Diary> diary_;
  OwnerState state_;
  std::vector<Bytes> messages_;      ///< as their handlers see them
  std::vector<std::uint64_t> ends_;  ///< positions: behind none, behind the first, ...
  std::optional<Heir> heir_;         ///< in the child
  std::vector<Receipt> receipts_;    ///< in the child, with releases by hand
  Shared<Diary> past_;               ///< of the image that is judged
  Shared<Diary> present_;            ///< of the judge's owner
  Stage stage_ = Stage::joined;      ///< of the lane in the image
  bool poisoned_ = false;            ///< given up with messages in it, as it must be
  std::uint64_t kept_count_ = 0;     ///< messages in the state of the image
  std::uint64_t answers_ = 0;        ///< in the image
  const Bytes largest_ = content(1000, ring::max_length(Estate::kRingBytes));
};

}  // namespace cortado::test
