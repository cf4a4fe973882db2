// Lanes in given states for the crash points of an owner's drain, and the judge of what a kill
// leaves: the next owner, which really takes over, and a writer that goes on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "../support/estate.hpp"
#include "../support/ring_bytes.hpp"
#include "ring/layout.hpp"
#include "tally.hpp"

namespace cortado::test {

struct DrainState {
  std::uint64_t start = 0;             ///< position of the first message that waits
  std::vector<std::uint64_t> lengths;  ///< of the messages that wait
  bool asks = false;                   ///< every second one wants an answer
  bool armed = false;                  ///< the owner comes out of its sleep
  std::size_t in_hand = 0;             ///< messages that an earlier owner died with
  std::string name() const {
    std::ostringstream text;
    text << "start " << start << ", lengths";
    for (const std::uint64_t length : lengths) text << ' ' << length;
    text << (asks ? ", asks" : "") << (armed ? ", armed" : "") << ", in hand " << in_hand;
    return text.str();
  }

  /// Payloads that fill a ring with a message in each, to the last byte that a writer may use.
  static std::vector<std::uint64_t> full() { return {800, 801, 802, 803, 804, 8}; }

  static std::vector<DrainState> all() {
    const std::vector<std::vector<std::uint64_t>> fills = {{}, {0, 1, 100}, full()};
    std::vector<DrainState> states;
    for (const std::uint64_t start : {std::uint64_t{0}, 7 * Estate::kRingBytes - 8,
                                      ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63}) {
      const bool armed = states.size() % 2 == 1;
      for (const auto& lengths : fills) states.push_back({start, lengths, false, armed, 0});
      states.push_back({start, {0, 1, 100}, true, !armed, 0});
      states.push_back({start, {0, 1, 100}, false, armed, 2});
    }
    states.push_back({8, {ring::max_length(Estate::kRingBytes)}, false, true, 0});
    states.push_back({16, {0, 1, 100}, true, true, 3});
    return states;
  }
};

class DrainUnderTest {
 public:
  explicit DrainUnderTest(Keeps keeps)
      : keeps_(keeps), estate_(state_bytes(keeps)), judged_(state_bytes(keeps)) {}

  /// Puts the messages of the state into a lane that nobody has read yet.
  std::vector<std::span<std::byte>> build(const DrainState& state) {
    state_ = state;
    messages_.clear();
    ends_ = {state.start};
    estate_.begin({state.start, kFirst});
    const std::span<std::byte> ring = estate_.ring();
    fill_with_forged_words(ring, kFirst + state.lengths.size());
    for (std::size_t i = 0; i < state.lengths.size(); ++i) {
      messages_.push_back(content(i, state.lengths[i]));
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
    put_word(ring, ends_.back(), 0);
    put_word({estate_.reply_ring(), Estate::kRingBytes}, state.start, 0);
    estate_.kept_lane().in_hand.store(ends_[state.in_hand]);
    if (state.in_hand != 0) estate_.kept_lane().handling.store(ends_[1]);
    diary_.clear();
    std::vector<std::span<std::byte>> regions = estate_.regions();
    regions.push_back(diary_.bytes());
    return regions;
  }

  /// In the child: an owner that has taken over, and sleeps if it is to.
  void prepare() {
    heir_.emplace(estate_, keeps_);
    if (!heir_->error().empty()) std::abort();
    // The control plane reads the clock. Step by step that may never come to an end: the kernel
    // changes it meanwhile, and it is read again.
    inside(heir_->owner()).drains_until_serve = OwnerParts::kIdleDrainsPerServe;
    if (state_.armed) inside(heir_->owner()).arm();
  }
  void drain() {
    heir_->drain([this](const Message& message) {
      diary_->note(message, messages_[message.sequence() - kFirst]);
    });
    if (keeps_ == Keeps::until_released) heir_->owner().release_all();
  }

  /// A kill of the owner. `finished`: behind its last instruction.
  std::string judge(std::span<const std::byte> image, bool finished) {
    const std::span<const std::byte> rest = judged_.load(image);
    std::ranges::copy(rest, past_.bytes().begin());
    std::string wrong = judge_past(finished);
    if (!wrong.empty()) return wrong;
    answers_ = answers();
    Heir next(judged_, keeps_);
    if (!next.error().empty()) return next.error();
    wrong = judge_kept(next);
    if (wrong.empty()) wrong = judge_rest(next);
    if (wrong.empty()) wrong = judge_replies(finished);
    if (wrong.empty()) wrong = go_on(next);
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

  /// The state behind the first `number` messages.
  Tally expected(std::uint64_t number) const {
    Tally tally;
    for (std::uint64_t i = 0; i < number; ++i) tally.add(kFirst + i, messages_[i]);
    return tally;
  }

  /// What the dead owner's handler saw, and what it gave back to the writer.
  std::string judge_past(bool finished) {
    const std::uint64_t begun = past_->begun.load();
    const std::uint64_t done = past_->done.load();
    if (begun > count() || begun - done > 1) return "a handler was called too often";
    for (std::uint64_t i = 0; i < done; ++i) {
      const Diary::Entry& entry = past_->entries[i];
      if (entry.sequence != kFirst + i) return which(i) + " out of order";
      if (entry.whole == 0) return which(i) + " is not what was sent";
      if ((entry.flagged != 0) != (i < state_.in_hand)) return which(i) + " is wrongly flagged";
    }
    const std::uint64_t released = judged_.control().released.load();
    const auto at = std::ranges::find(ends_, released);
    if (at == ends_.end()) return "the released position is no message's end";
    const auto given_back = static_cast<std::uint64_t>(at - ends_.begin());
    if (given_back > done) return which(done) + " was released before it was handled";
    if (finished && given_back != count()) return "a complete drain has not released everything";
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
    present_.clear();
    next.drain([this](const Message& message) {
      const std::uint64_t number = message.sequence() - kFirst;
      static const Bytes nothing;
      present_->note(message, number < count() ? messages_[number] : nothing);
    });
    const std::uint64_t heard = present_->done.load();
    if (heard > count()) return "more came than was sent";
    const std::uint64_t from = count() - heard;
    if (from > past_->done.load()) return which(past_->done.load()) + " is lost";
    if (keeps_ == Keeps::state && from != kept_count_) return "not what the state lacks";
    const std::uint64_t seen = std::max<std::uint64_t>(past_->begun.load(), state_.in_hand);
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
  Estate estate_;
  Estate judged_;
  SharedDiary diary_;
  DrainState state_;
  std::vector<Bytes> messages_;      ///< as their handlers see them
  std::vector<std::uint64_t> ends_;  ///< positions: behind none, behind the first, ...
  std::optional<Heir> heir_;         ///< in the child
  SharedDiary past_;                 ///< of the image that is judged
  SharedDiary present_;              ///< of the judge's owner
  std::uint64_t kept_count_ = 0;     ///< messages in the state of the image
  std::uint64_t answers_ = 0;        ///< in the image
  const Bytes largest_ = content(1000, ring::max_length(Estate::kRingBytes));
};

}  // namespace cortado::test
