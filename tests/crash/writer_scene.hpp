// Lanes in given states for the crash points of a writer, with an owner that is dead, or one that
// lives in the parent and acts when the test says so.
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
#include <vector>

#include "../support/estate.hpp"
#include "../support/ring_bytes.hpp"
#include "../support/shared.hpp"
#include "ring/layout.hpp"
#include "tally.hpp"
#include "writer_judge.hpp"

namespace cortado::test {

struct SendState {
  /// What stands in the ring: how much room it leaves for the record.
  enum class Fill { empty, some, just_fits, one_word_short };

  std::uint64_t start = 0;   ///< position of the first message in the ring
  Fill fill = Fill::empty;   ///< but for the record that is sent
  std::uint64_t length = 0;  ///< of the message that is sent
  bool armed = false;        ///< the owner sleeps: the doorbell is to be rung
  bool fenced = false;       ///< the owner's barrier does not reach the writer

  std::string name() const {
    static constexpr const char* kFills[] = {"empty", "some", "just fits", "one word short"};
    std::ostringstream text;
    text << kFills[static_cast<int>(fill)] << ", start " << start << ", length " << length
         << (armed ? ", armed" : "") << (fenced ? ", fenced" : "");
    return text.str();
  }
  bool fits() const { return fill != Fill::one_word_short; }

  /// One near the capacity wraps, one near 2^64 passes it.
  static std::vector<std::uint64_t> starts() {
    return {0, 7 * Estate::kRingBytes - 8, ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63};
  }

  /// `prefix`: bytes that the operation puts before its message.
  static std::vector<SendState> all(std::uint64_t prefix) {
    std::vector<SendState> states;
    const std::uint64_t longest = ring::max_length(Estate::kRingBytes) - prefix;
    for (const std::uint64_t start : starts()) {
      for (const Fill fill : {Fill::empty, Fill::some, Fill::just_fits, Fill::one_word_short}) {
        for (const std::uint64_t length :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100}}) {
          const bool armed = states.size() % 2 == 1;
          states.push_back({start, fill, length, armed, states.size() % 3 == 0});
        }
      }
    }
    states.push_back({16, Fill::empty, longest, true, false});
    return states;
  }
  /// Those in which there is no room for the record. Of length 0: the ring is exactly full.
  static std::vector<SendState> full() {
    std::vector<SendState> states;
    for (const std::uint64_t start : starts()) {
      for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{100}}) {
        states.push_back({start, Fill::one_word_short, length, false, false});
      }
    }
    return states;
  }
  /// Those with room, one for each position.
  static std::vector<SendState> with_room() {
    std::vector<SendState> states;
    for (const std::uint64_t start : starts()) {
      const Fill fill = states.size() % 2 == 0 ? Fill::some : Fill::just_fits;
      states.push_back({start, fill, states.size() * 33, false, states.size() % 2 == 1});
    }
    return states;
  }

  /// Lengths of the messages that stand in the ring when a record with this payload is to come.
  std::vector<std::uint64_t> earlier(std::uint64_t payload) const {
    if (fill == Fill::empty) return {};
    if (fill == Fill::some) return {0, 3, 24};
    std::uint64_t used = Estate::kRingBytes - ring::record_bytes(payload) - ring::kWordBytes +
                         (fill == Fill::one_word_short ? ring::kWordBytes : 0);
    std::vector<std::uint64_t> lengths;
    for (std::uint64_t bytes = 0; used != 0; used -= bytes) {
      bytes = std::min<std::uint64_t>(used, 808);
      lengths.push_back(bytes == 8 ? 0 : bytes - 8 - lengths.size() % 8);
    }
    return lengths;
  }
};

class WriterScene {
 public:
  enum class Owner { dead, alive };

  /// What the operation does with the message of its state.
  struct Does {
    bool sends = true;
    bool asks = false;
    bool leaves = false;
  };

  WriterScene(Owner owner, Does does) : alive_(owner == Owner::alive), does_(does) {}

  /// A lane without a message: the child sends what is to stand in it.
  std::vector<std::span<std::byte>> build(const SendState& state) {
    state_ = state;
    std::vector<Sent> messages;
    const std::uint64_t prefix = does_.asks ? sizeof(ring::AskPrefix) : 0;
    for (const std::uint64_t length : state.earlier(prefix + state.length)) {
      messages.push_back({content(messages.size(), length)});
    }
    messages.push_back({content(messages.size(), state.length), does_.asks});
    messages_ = messages;
    judge_.expect(state.start, std::move(messages));
    owner_.reset();
    estate_.begin({state.start, WriterJudge::kFirst});
    fill_with_forged_words(estate_.ring(), WriterJudge::kFirst + earlier());
    put_word(estate_.ring(), state.start, 0);
    put_word({estate_.reply_ring(), Estate::kRingBytes}, state.start, 0);
    estate_.control().fenced = state.fenced ? 1 : 0;
    estate_.rings();
    seen_.renew();
    if (alive_) {
      estate_.hand_over();
      owner_.emplace(Keeps::nothing);
      if (!owner_->error().empty()) std::abort();
      handled_ = 0;
    }
    auto regions = estate_.regions();
    regions.push_back(seen_.bytes());
    return regions;
  }

  /// In the child: the writer, and what it has sent so far.
  void prepare() {
    writer_.emplace(alive_ ? estate_.attach_joined_writer(state_.start, WriterJudge::kFirst)
                           : estate_.attach_writer(state_.start, WriterJudge::kFirst));
    for (std::size_t i = 0; i < earlier(); ++i) {
      if (writer_->try_send(messages_[i].bytes) != SendStatus::sent) std::abort();
    }
    if (state_.armed) estate_.control().owner_state.store(kAsleep);
  }
  Writer& writer() { return *writer_; }
  const Bytes& message() const { return messages_.back().bytes; }

  // In the parent, while the child stands still or sleeps.

  /// The live owner takes all that is there, and wakes a writer that waits.
  void owner_drains() {
    owner_->drain([&](const Message& message) {
      const bool good = handled_ < messages_.size() &&
                        message.sequence() == WriterJudge::kFirst + handled_ &&
                        same_bytes(message.bytes(), messages_[handled_].bytes);
      seen_->misheard += good ? 0 : 1;
      if (message.is_ask()) message.reply(Diary::answer_to(message.sequence()));
      ++handled_;
    });
  }
  bool owner_has_work() { return inside(owner_->owner()).pending(); }
  std::size_t handled() const { return handled_; }
  std::size_t messages() const { return messages_.size(); }
  bool heard_well() const { return seen_->misheard == 0; }
  /// As a death looks to its writer.
  void owner_vanishes() { estate_.hang_up(); }
  void observe_hang_up() {
    if (estate_.hung_up()) seen_->hung_up = 1;
  }

  /// A kill of the writer. `finished`: behind the last instruction. `given_up`: it is expected to
  /// end without having sent.
  std::string judge(std::span<const std::byte> image, bool finished, bool given_up = false) {
    Seen seen;
    std::memcpy(&seen, judge_.load(image).data(), sizeof seen);
    if (seen.misheard != 0) return "its owner was given what was not sent";
    if (!alive_) {
      const std::string wrong = judge_owners_words(finished);
      if (!wrong.empty()) return wrong;
    }
    const bool left = judge_.estate().control().left.load() != 0;
    if (left && !does_.leaves) return "it has left and is still here";
    if (seen.hung_up != 0 && !left) return "it hung up before it said that it closes";
    if (finished && does_.leaves && seen.hung_up == 0) return "it has closed and has not hung up";
    const bool sends = does_.sends && !given_up && (alive_ || state_.fits());
    const std::size_t may_arrive = earlier() + (sends ? 1 : 0);
    return judge_.judge({finished ? may_arrive : earlier(), may_arrive, does_.leaves});
  }

 private:
  static constexpr std::uint64_t kAsleep =
      5 * lane::owner_state::arm_step | lane::owner_state::armed;

  /// What the parent saw elsewhere than in the lane.
  struct Seen {
    std::uint32_t hung_up = 0;
    std::uint32_t misheard = 0;
  };

  std::size_t earlier() const { return messages_.size() - 1; }

  /// A writer leaves alone what is the owner's.
  std::string judge_owners_words(bool finished) const {
    const Estate& judged = judge_.estate();
    if (judged.control().owner_state.load() != (state_.armed ? kAsleep : 0)) {
      return "the writer changed whether its owner sleeps";
    }
    if (judged.control().released.load() != state_.start) return "the writer released something";
    if (std::memcmp(&judged.header(), &estate_.header(), sizeof(lane::KeptHeader)) != 0) {
      return "the writer changed what is the owner's";
    }
    const std::uint64_t due = does_.sends && state_.armed && state_.fits() ? 1 : 0;
    if (finished && estate_.rings() != due) {
      return "the doorbell did not ring once for a sleep that a message ends";
    }
    return {};
  }

  bool alive_;
  Does does_;
  Estate estate_{0};
  WriterJudge judge_;
  Shared<Seen> seen_;
  SendState state_;
  std::vector<Sent> messages_;    ///< in the ring; the last one is the operation's
  std::optional<Heir> owner_;     ///< that lives
  std::size_t handled_ = 0;       ///< messages that it was given
  std::optional<Writer> writer_;  ///< in the child
};

}  // namespace cortado::test
