// The handler of the lane of a Bench, and what must hold before, while and after it is called,
// whatever the writer does to its segment meanwhile.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bench.hpp"
#include "ring/layout.hpp"

namespace cortado::fuzz {

/// What a handler does with the k-th message: bit k modulo 32.
struct Habits {
  std::uint32_t throws = 0;
  std::uint32_t replies = 0;   ///< if it is asked
  std::uint32_t releases = 0;  ///< by hand, up to the message before this
  std::uint16_t reply_bytes = 0;
  std::uint8_t limit = 0;   ///< messages a call of drain_lane
  std::uint8_t drains = 0;  ///< calls
};

class DrainJudge {
 public:
  DrainJudge(Bench& bench, const Habits& habits)
      : bench_(bench),
        lane_(bench.lane()),
        habits_(habits),
        position_(lane_.there.position()),
        sequence_(lane_.there.sequence()) {}

  /// Some drains, and the writer's stores between them.
  void drain() {
    for (unsigned n = 1 + habits_.drains % 4U; n != 0; --n) {
      drain_once();
      if (lane_.condemned) break;
      bench_.schedule.step();
    }
    if (lane_.condemned) {
      require(!lane_.reason.empty(), "a condemned lane has a reason");
      condemned_ = true;
      require(call() == 0, "a condemned lane is not read any further");
    }
  }
  std::uint64_t handled() const noexcept { return calls_; }
  /// A message that ends there or before may have been handled: it must be flagged.
  void expect_redelivered(std::uint64_t until) noexcept { flagged_until_ = until; }

  /// The handler.
  void operator()(const Message& message, void* state) {
    require(!condemned_, "no message comes from a condemned lane");
    const bool ask = message.is_ask();
    const std::size_t length = message.bytes().size() + (ask ? sizeof(ring::AskPrefix) : 0);
    const Receipt& receipt = message.receipt();
    require(message.sequence() == sequence_, "messages come in order");
    require(receipt.sequence == sequence_ + 1, "a receipt is for the message");
    require(receipt.position == position_ + ring::record_bytes(length),
            "the position moves on by the message that was handed over");
    require(receipt.position - lane_.there.released() <= kAreaBytes - 8,
            "what is unreleased fits into the ring, with the word behind it");
    const std::byte* copy = bench_.owner.copy.get();
    require(message.bytes().data() == copy + (ask ? sizeof(ring::AskPrefix) : 0) &&
                length <= ring::max_length(kAreaBytes),
            "a message stands in the private copy");
    const lane::KeptLane& record = bench_.record();
    require(record.handling.load() == receipt.position, "the kept segment says what is handled");
    // Of a message that comes again its begin counts: its writer may have made it longer meanwhile.
    require(behind(record.in_hand.load(), position_ + 8), "and that it is in hand");
    require(behind(position_, record.applied().position), "what is committed was handled");
    require(message.redelivered() || !behind(flagged_until_, receipt.position),
            "what may have been handled before is flagged");
    require(position_ - turn_began_ < std::min(OwnerParts::kTurnBytes, kAreaBytes / 4),
            "a turn has a share of the ring, and one message");
    position_ = receipt.position;
    ++sequence_;
    hostile_moment(message.bytes());
    if (state != nullptr) count(*static_cast<Tally*>(state), message.sequence());
    const std::uint32_t bit = std::uint32_t{1} << (calls_++ % 32);
    if ((habits_.releases & bit) != 0) {
      bench_.owner.release({receipt.slot, receipt.lane_id, last_, message.sequence()});
    }
    last_ = receipt.position;
    if (ask && (habits_.replies & bit) != 0) answer(message);
    if ((habits_.throws & bit) != 0) throw Failed();
  }

 private:
  struct Failed {};

  static bool behind(std::uint64_t position, std::uint64_t other) noexcept {
    return static_cast<std::int64_t>(position - other) >= 0;
  }

  std::size_t call() {
    if (!lane_.readable()) return 0;
    return bench_.owner.drain_lane(lane_, detail::HandlerRef(*this), 1 + habits_.limit % 48U);
  }

  void drain_once() {
    const std::uint64_t first = position_, first_sequence = sequence_, calls = calls_;
    turn_began_ = first;
    last_ = lane_.there.released();
    bool failed = false;
    std::size_t handled = 0;
    try {
      handled = call();
    } catch (const Failed&) {
      failed = true;
    }
    const bool with_state = bench_.header().state_bytes != 0;
    const lane::Applied& applied = bench_.record().applied();
    if (failed) {
      // The message that failed comes again; with a state, so does all that is not in it.
      --sequence_;
      position_ = lane_.there.position();
      if (with_state) sequence_ = first_sequence;
      require(!with_state || position_ == first, "a failed batch leaves nothing in the state");
      flagged_until_ = lane_.redelivered_until;
    } else {
      require(handled == calls_ - calls, "a drain returns how many messages it handed over");
    }
    require(lane_.there.position() == position_ && lane_.there.sequence() == sequence_,
            "the owner stands behind the last message that it handed over");
    require(bench_.record().handling.load() == lane::kIdle, "no handler is said to run");
    require(lane_.there.released() == applied.position, "released is what is committed");
    require(bench_.owner.options.manual_release || applied == lane::Applied{position_, sequence_},
            "what was handled is committed");
    if (with_state) {
      require(bench_.tally().next == sequence_, "each message is in the kept state, once");
      require(bench_.tally().count == applied.sequence - began_, "no message is in it twice");
    }
    require(!bench_.owner.held_reply.held, "no answer is held back");
    if (lane_.leaving && !bench_.owner.options.manual_release) {
      require(position_ - lane_.read_end < kAreaBytes || !behind(position_, lane_.read_end),
              "a dead writer's lane comes to an end");
    }
  }

  /// The writer changes its segment; the message does not change.
  void hostile_moment(std::span<const std::byte> message) {
    std::byte before[64];
    const std::size_t length = std::min(message.size(), sizeof before);
    if (length != 0) std::memcpy(before, message.data(), length);
    bench_.schedule.step();
    require(length == 0 || std::memcmp(before, message.data(), length) == 0,
            "a message does not change while its handler looks at it");
  }

  static void count(Tally& tally, std::uint64_t sequence) {
    require(tally.next == sequence, "the working state holds all before, and no more");
    ++tally.count;
    ++tally.next;
  }

  void answer(const Message& message) {
    static constexpr std::byte kText[kAreaBytes] = {};
    const std::span<const std::byte> text(kText, habits_.reply_bytes % kAreaBytes);
    const ReplyStatus status = message.reply(text);
    require(status != ReplyStatus::not_asked, "an ask can be answered");
    require(message.reply(text) == ReplyStatus::not_asked, "and only once");
  }

  Bench& bench_;
  OwnerLane& lane_;
  Habits habits_;
  std::uint64_t position_;  ///< behind the last message
  std::uint64_t sequence_;  ///< of the next one
  std::uint64_t began_ = sequence_;
  std::uint64_t flagged_until_ = position_;
  std::uint64_t last_ = 0;  ///< receipt of the message before this
  std::uint64_t turn_began_ = 0;
  std::uint64_t calls_ = 0;
  bool condemned_ = false;
};

}  // namespace cortado::fuzz
