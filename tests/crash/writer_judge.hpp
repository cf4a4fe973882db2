// The judge of what a killed writer leaves in its lane: an owner that takes it over, and a next
// writer that goes on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../support/estate.hpp"
#include "../support/ring_bytes.hpp"
#include "ring/layout.hpp"
#include "tally.hpp"

namespace cortado::test {

/// A message of the writer that is killed, as it must arrive.
struct Sent {
  Bytes bytes;
  bool ask = false;
  bool flagged = false;  ///< an owner may have handled it before

  std::uint64_t record_bytes() const {
    return ring::record_bytes(bytes.size() + (ask ? sizeof(ring::AskPrefix) : 0));
  }
};

class WriterJudge {
 public:
  static constexpr std::uint64_t kFirst =
      254;  ///< sequence; its low byte wraps behind two messages

  /// How many of the messages are in the lane, those that are released included, and whether the
  /// writer was about to leave.
  struct Expected {
    std::size_t at_least = 0, at_most = 0;
    bool leaves = false;
  };

  /// The messages, from this position on.
  void expect(std::uint64_t start, std::vector<Sent> messages) {
    messages_ = std::move(messages);
    ends_ = {start};
    for (const Sent& each : messages_) ends_.push_back(ends_.back() + each.record_bytes());
  }
  /// Behind the first `number` messages.
  std::uint64_t end(std::size_t number) const { return ends_[number]; }

  /// Takes an image; returns what stands behind the lane's regions. Then control() is its own.
  std::span<const std::byte> load(std::span<const std::byte> image) { return judged_.load(image); }
  const Estate& estate() const { return judged_; }

  /// Of the image that was loaded.
  std::string judge(const Expected& expected) {
    const bool left = judged_.control().left.load() != 0;
    const auto at = std::ranges::find(ends_, judged_.control().released.load());
    if (at == ends_.end()) return "the released position is no message's end";
    arrived_ = static_cast<std::size_t>(at - ends_.begin());
    judged_.hand_over();
    Heir owner(Keeps::nothing);
    if (!owner.error().empty()) return owner.error();
    if (expected.leaves) judged_.hang_up();
    std::string wrong = judge_arrivals(owner, expected);
    if (!wrong.empty()) return wrong;
    return expected.leaves ? judge_departure(owner, left) : go_on(owner);
  }

 private:
  static std::string which(std::size_t number) { return "message " + std::to_string(number); }

  /// All earlier messages, the new ones whole or not at all, and nothing else.
  std::string judge_arrivals(Heir& owner, const Expected& expected) {
    std::string wrong;
    owner.drain([&](const Message& message) {
      if (arrived_ >= expected.at_most) {
        wrong = "something that was not sent";
      } else if (wrong.empty()) {
        wrong = difference(message, arrived_);
      }
      if (message.is_ask()) message.reply(Diary::answer_to(message.sequence()));
      ++arrived_;
    });
    if (wrong.empty() && arrived_ < expected.at_least) wrong = which(arrived_) + " is lost";
    return wrong;
  }
  std::string difference(const Message& message, std::size_t number) const {
    const Sent& sent = messages_[number];
    if (message.sequence() != kFirst + number) return which(number) + " out of order";
    if (!same_bytes(message.bytes(), sent.bytes)) return which(number) + " is torn";
    if (message.is_ask() != sent.ask) return which(number) + " is an ask or it is not";
    if (message.redelivered() != sent.flagged) return which(number) + " is wrongly flagged";
    return {};
  }

  /// The lane goes, all that was in it being handled; who said so before has closed.
  static std::string judge_departure(Heir& owner, bool left) {
    if (owner.owner().writers() != 0) return "the lane of a writer that left stays";
    while (auto event = owner.owner().next_event()) {
      if (event->kind != Event::Kind::left) continue;
      return event->how == (left ? Left::closed : Left::died) ? "" : "it left in another way";
    }
    return "nobody is told that the writer left";
  }

  /// A next writer's longest message finds room, and arrives; its question has an answer.
  std::string go_on(Heir& owner) {
    // What breaks a rule is quarantined, and its lane goes.
    if (owner.owner().writers() != 1 || !owner.owner().drained()) return "the lane is condemned";
    const std::uint64_t sequence = kFirst + arrived_;
    Writer writer = judged_.attach_writer(ends_[arrived_], sequence);
    if (writer.try_send(largest_) != SendStatus::sent) return "the next writer finds no room";
    std::uint64_t good = 0;
    owner.drain([&](const Message& message) {
      const bool right = message.sequence() == sequence && same_bytes(message.bytes(), largest_);
      good += right ? 1 : 100;
    });
    if (good != 1) return "what the next writer sends does not arrive";
    return ask_once(owner, writer);
  }
  std::string ask_once(Heir& owner, Writer& writer) {
    auto& parts = inside(writer);
    const lane::Replied& replied = inside(owner.owner()).lanes.front()->replied;
    parts.back = ring::Consumer(judged_.reply_ring(), Estate::kRingBytes, replied.position,
                                replied.sequence, ring::flag::reply_mask);
    const std::uint64_t wanted = parts.sequence;
    if (!parts.put_ask({}, 0, {}, {})) return "the next writer cannot ask";
    owner.drain(
        [](const Message& message) { message.reply(Diary::answer_to(message.sequence())); });
    Result<std::vector<std::byte>> answer = Error{Errc::unknown, {}};
    if (!parts.take_reply(wanted, answer) || !answer) return "the next writer has no answer";
    const auto text = std::as_bytes(std::span(Diary::answer_to(wanted)));
    return same_bytes(*answer, text) ? "" : "the next writer has another answer";
  }

  Estate judged_{0};
  std::vector<Sent> messages_;
  std::vector<std::uint64_t> ends_;  ///< positions: behind none, behind the first, ...
  std::size_t arrived_ = 0;
  const Bytes largest_ = content(1000, ring::max_length(Estate::kRingBytes));
};

}  // namespace cortado::test
