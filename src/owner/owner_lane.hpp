// OwnerLane: one writer as its owner sees it.
#pragma once

#include <cortado/event.hpp>
#include <cortado/message.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lane/kept.hpp"
#include "lane/segment.hpp"
#include "os/descriptor.hpp"
#include "os/fork_guard.hpp"
#include "owner/headway.hpp"
#include "ring/ring.hpp"

namespace cortado::owner {

struct OwnerLane {
  static constexpr std::uint64_t kRingCredit = 64;

  std::uint32_t slot = 0;     ///< index of `kept`, and in the owner's table
  std::uint32_t lane_id = 0;  ///< never reused
  std::string name;
  WriterId id;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;

  std::shared_ptr<lane::LaneMemory> memory;
  lane::KeptLane* kept = nullptr;
  /// Under a keeper in KeptLane, else in LaneControl, where the writer looks for them.
  std::atomic<std::uint64_t>* in_hand = nullptr;
  std::atomic<std::uint64_t>* handling = nullptr;
  ring::Consumer there;
  ring::Producer back;
  lane::Replied replied;
  Headway headway;
  bool is_empty = false;       ///< its last turn ended with nothing left to read
  bool reply_to_tell = false;  ///< a reply was put since the writer was last looked after

  os::Descriptor doorbell;
  os::Descriptor connection;
  os::Descriptor process;

  /// Up to here a predecessor or a failed handler had messages in hand: they are flagged, and
  /// committed one by one.
  std::uint64_t redelivered_until = 0;
  std::uint64_t last_woken = lane::kNoWake;  ///< the wake_at that was served last
  std::uint32_t last_reply_wait = 0;         ///< the ticket that was served last
  bool wake_owed = false;                    ///< its wake-up could not be sent
  bool leaving = false;                      ///< its writer is gone: drain to the end, then retire
  bool evicted = false;
  bool condemned = false;  ///< quarantined: not read any further
  bool bounded = false;    ///< nothing from `read_end` on is read, whatever stands there
  std::uint64_t read_end = 0;
  std::string reason;  ///< why it is condemned

  /// Rings that its writer may still make without a message: see flood.cpp.
  std::uint64_t ring_credit = kRingCredit;
  std::uint64_t rung_at = 0;  ///< sequence of the next message when it rang last
  bool muffled = false;       ///< its doorbell is not watched

  /// What the handler is told of the message it looks at. Who sent it is here from the begin: to
  /// put it together in each turn cost a lone message 27 of some 400 instructions.
  Message::Parts told;
  LaneStats stats;  ///< but for what is computed when it is asked for: see Owner::stats
  /// The sequence that the first message would have had if all were counted that this owner and its
  /// predecessors have handled: delivered() needs no count of its own.
  std::uint64_t counted_from = 0;
  std::uint64_t turn_bytes = 0;  ///< payload handled in this turn; counted when the turn stands
  bool kept_elsewhere = false;   ///< the keeper has it, too

  /// Messages whose handler returned.
  std::uint64_t delivered() const noexcept { return there.sequence() - counted_from; }
  bool redelivering() const noexcept {
    return static_cast<std::int64_t>(redelivered_until - there.position()) > 0;
  }
  /// An honest writer publishes nothing more than that many rings ahead of here.
  void read_at_most(std::uint64_t rings) noexcept {
    const std::uint64_t end = there.position() + rings * memory->sizes().ring_bytes;
    if (!bounded || static_cast<std::int64_t>(end - read_end) < 0) read_end = end;
    bounded = true;
  }
  bool all_released() const noexcept { return there.released() == there.position(); }
  /// Nothing is read here any more, whatever stands there.
  bool is_barred() const noexcept {
    return condemned || (bounded && static_cast<std::int64_t>(read_end - there.position()) <= 0);
  }
  /// Something waits that is to be handled.
  bool readable() const noexcept { return !is_barred() && there.pending(); }
  /// Nothing more will come of it, and nothing of it is held back.
  bool retirable() const noexcept {
    return (leaving || condemned) && !readable() && all_released();
  }
  lane::LaneControl& control() const noexcept { return memory->control(); }

  /// SYNC in_hand: from here until the commit, a successor (Owner::Impl::resume) or the writer that
  /// joins the next owner (Writer::Impl::lose_owner) takes this message for possibly handled, and a
  /// death for its handler's failure. in_hand never goes back: while messages are redelivered
  /// (`again`), those behind the current one stay in hand. The stores must precede the handler's
  /// effects; on one processor only the compiler could move them.
  void set_in_hand(std::uint64_t position, [[maybe_unused]] bool again) noexcept {
    handling->store(position, std::memory_order_relaxed);
#if !defined(CORTADO_SEED_IN_HAND_NOT_STORED)
    if (!again) in_hand->store(position, std::memory_order_relaxed);
#endif
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  /// No handler is running: a death from here on is nobody's failure.
  void set_idle() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    handling->store(lane::kIdle, std::memory_order_relaxed);
  }
};

/// The answer that waits for the commit of the kept state it tells about: told earlier, it could
/// tell of an effect that a death takes back.
struct HeldReply {
  bool held = false;
  std::uint64_t sequence = 0;  ///< of the ask
  std::uint16_t tag = 0;
  std::uint8_t flags = 0;
  std::vector<std::byte> bytes;
};

/// The handler's way to answer the one ask it is looking at.
class LanePort final : public detail::ReplyPort {
 public:
  /// `hold`: keep the answer there until tell(); null: it goes out at once.
  LanePort(OwnerLane& lane, std::uint64_t sequence, std::uint32_t limit, HeldReply* hold) noexcept
      : lane_(lane), hold_(hold), sequence_(sequence), epoch_(os::process_epoch()), limit_(limit) {}
  ReplyStatus reply(std::span<const std::byte> bytes, std::uint16_t tag) noexcept override;
  /// The handler returned: tell the writer so if it did not reply.
  void finish() noexcept;
  /// What was held goes out: the state it tells about is committed.
  static void tell(OwnerLane& lane, HeldReply& reply) noexcept;

 private:
  ReplyStatus put(std::span<const std::byte> bytes, std::uint16_t tag, std::uint8_t flags) noexcept;

  OwnerLane& lane_;
  HeldReply* hold_;
  std::uint64_t sequence_;
  std::uint64_t epoch_;  ///< process_epoch(): differs in a child that the handler made
  std::uint32_t limit_;
  bool replied_ = false;
};

}  // namespace cortado::owner
