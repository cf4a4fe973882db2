// Lanes in given states for the crash points of a writer, and the judge of what a kill leaves: an
// owner that takes the lane over, and a next writer.
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
#include "ring/layout.hpp"
#include "tally.hpp"

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

  /// `prefix`: bytes that the operation puts before its message.
  static std::vector<SendState> all(std::uint64_t prefix) {
    std::vector<SendState> states;
    const std::uint64_t longest = ring::max_length(Estate::kRingBytes) - prefix;
    for (const std::uint64_t start : {std::uint64_t{0}, 7 * Estate::kRingBytes - 8,
                                      ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63}) {
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

class SendUnderTest {
 public:
  /// `prefix`: bytes that the operation puts before the message.
  explicit SendUnderTest(std::uint64_t prefix) : prefix_(prefix) {}

  /// A lane without a message: the child sends what is to stand in it.
  std::vector<std::span<std::byte>> build(const SendState& state) {
    state_ = state;
    messages_.clear();
    end_ = state.start;
    for (const std::uint64_t length : state.earlier(prefix_ + state.length)) {
      messages_.push_back(content(messages_.size(), length));
      end_ += ring::record_bytes(length);
    }
    messages_.push_back(content(messages_.size(), state.length));
    estate_.begin({state.start, kFirst});
    fill_with_forged_words(estate_.ring(), kFirst + earlier());
    put_word(estate_.ring(), state.start, 0);
    estate_.control().fenced = state.fenced ? 1 : 0;
    estate_.rings();
    return estate_.regions();
  }

  /// In the child: the writer, and what it has sent so far.
  void prepare() {
    writer_.emplace(estate_.attach_writer(state_.start, kFirst));
    for (std::size_t i = 0; i < earlier(); ++i) {
      if (writer_->try_send(messages_[i]) != SendStatus::sent) std::abort();
    }
    if (state_.armed) estate_.control().owner_state.store(kAsleep);
  }
  Writer& writer() { return *writer_; }
  const Bytes& message() const { return messages_.back(); }

  /// A kill of the writer. `finished`: behind the last instruction.
  std::string judge(std::span<const std::byte> image, bool finished) {
    judged_.load(image);
    const lane::LaneControl& control = judged_.control();
    if (control.owner_state.load() != (state_.armed ? kAsleep : 0)) {
      return "the writer changed whether its owner sleeps";
    }
    if (control.released.load() != state_.start) return "the writer released something";
    if (std::memcmp(&judged_.header(), &estate_.header(), sizeof(lane::KeptHeader)) != 0) {
      return "the writer changed what is the owner's";
    }
    Heir owner(judged_, Keeps::nothing);
    if (!owner.error().empty()) return owner.error();
    if (finished && estate_.rings() != (state_.armed && state_.fits() ? 1 : 0)) {
      return "the doorbell did not ring once for a sleep that a message ends";
    }
    std::string wrong = judge_arrivals(owner, finished);
    if (wrong.empty()) wrong = go_on(owner);
    return wrong;
  }

 private:
  static constexpr std::uint64_t kFirst = 254;  // its low byte wraps behind two messages
  static constexpr std::uint64_t kAsleep =
      5 * lane::owner_state::arm_step | lane::owner_state::armed;

  std::size_t earlier() const { return messages_.size() - 1; }

  /// All earlier messages, the new one whole or not at all, and nothing else.
  std::string judge_arrivals(Heir& owner, bool finished) {
    std::string wrong;
    arrived_ = 0;
    owner.drain([&](const Message& message) {
      const std::string which = "message " + std::to_string(arrived_);
      if (arrived_ >= messages_.size()) {
        wrong = "something that was not sent";
      } else if (message.sequence() != kFirst + arrived_) {
        wrong = which + " out of order";
      } else if (!same_bytes(message.bytes(), messages_[arrived_])) {
        wrong = which + " is torn";
      } else if (message.redelivered()) {
        wrong = which + " is flagged";
      } else if (message.is_ask() != (prefix_ != 0 && arrived_ == earlier())) {
        wrong = which + " is an ask or it is not";
      }
      ++arrived_;
    });
    if (!wrong.empty()) return wrong;
    if (arrived_ < earlier()) return "message " + std::to_string(arrived_) + " is lost";
    if (finished && (arrived_ == messages_.size()) != state_.fits()) {
      return state_.fits() ? "the message of a complete send is lost" : "there was no room for it";
    }
    // What breaks a rule is quarantined, and its lane goes.
    return owner.owner().writers() == 1 && owner.owner().drained() ? "" : "the lane is condemned";
  }

  /// A next writer's longest message finds room, and arrives.
  std::string go_on(Heir& owner) {
    const std::uint64_t sequence = kFirst + arrived_;
    const bool behind_new = arrived_ == messages_.size();
    Writer writer = judged_.attach_writer(
        end_ + (behind_new ? ring::record_bytes(prefix_ + state_.length) : 0), sequence);
    if (writer.try_send(largest_) != SendStatus::sent) return "the next writer finds no room";
    std::uint64_t good = 0;
    owner.drain([&](const Message& message) {
      const bool right = message.sequence() == sequence && same_bytes(message.bytes(), largest_);
      good += right ? 1 : 100;
    });
    return good == 1 ? "" : "what the next writer sends does not arrive";
  }

  std::uint64_t prefix_;
  Estate estate_{0};
  Estate judged_{0};
  SendState state_;
  std::vector<Bytes> messages_;   ///< in the ring; the last one is sent by the operation
  std::uint64_t end_ = 0;         ///< behind those before it
  std::optional<Writer> writer_;  ///< in the child
  std::uint64_t arrived_ = 0;
  const Bytes largest_ = content(1000, ring::max_length(Estate::kRingBytes));
};

}  // namespace cortado::test
