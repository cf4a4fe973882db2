// The core of the owner, a lane's turn: take a record, hand a private copy to the handler, commit,
// release.
//
// Invariants, for one lane, whoever is killed at any instruction:
//
//   committed position <= position of the next record <= in_hand <= what is published
//
//   - Nothing behind in_hand was seen by a handler; all before the committed position is applied.
//   - The committed position moves only by KeptLane::commit, one store, after the handler returned
//     (with a kept state: by the store that commits the state, see release_lane).
//   - The writer may overwrite bytes only up to `released` in LaneControl, which never passes the
//     committed position.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "os/fork_guard.hpp"
#include "os/on_exit.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

namespace {

const char* reason(ring::Fault fault) noexcept {
  switch (fault) {
    case ring::Fault::flags:
      return "reserved bits in a commit word";
    case ring::Fault::sequence:
      return "a message out of sequence";
    case ring::Fault::length:
      return "a length that cannot be";
    case ring::Fault::none:
      break;
  }
  return "an ask without room for its prefix";
}

/// False: an ask that has no room for its prefix.
bool is_whole(const ring::Commit& commit) noexcept {
  return (commit.flags & ring::flag::ask) == 0 || commit.length >= sizeof(ring::AskPrefix);
}

/// Copies once; from here on only the copy is looked at. Without `copy` the record is, where it
/// stands (OwnerOptions::read_in_place).
inline void copy_message(std::byte* copy, const ring::Consumer::Record& record,
                         std::uint64_t sequence, Message::Parts& parts) noexcept {
  const std::uint32_t length = record.commit.length;
  if (copy != nullptr) [[likely]] {
    ring::copy_out(copy, record.payload, length);
  } else {
    copy = record.payload;
  }
  // The writer can change its bytes at any time: the compiler must not read them again in place of
  // the copy.
  asm volatile("" ::: "memory");
#if defined(CORTADO_SEED_SECOND_LOAD)
  parts.bytes = {record.payload, length};
#else
  parts.bytes = {copy, length};
#endif
  parts.receipt.position = record.next;
  parts.receipt.sequence = sequence + 1;
  parts.sequence = sequence;
  parts.tag = record.commit.tag;
}

/// The handler may reply while it looks at an ask; if it did not, the writer is told so.
[[gnu::noinline]] void answer(OwnerLane& lane, detail::HandlerRef handler, const Message& message,
                              Message::Parts& parts, void* state, owner::HeldReply& held) {
  ring::AskPrefix prefix{};
  std::memcpy(&prefix, parts.bytes.data(), sizeof prefix);
  parts.bytes = parts.bytes.subspan(sizeof prefix);
  LanePort port(lane, parts.sequence, prefix.reply_limit, state == nullptr ? nullptr : &held);
  parts.port = &port;
  os::OnExit forget{[&] { parts.port = nullptr; }};
  handler(message, state);
  port.finish();
}

}  // namespace

/// One message that is whole, in its order, and private.
inline void Owner::Impl::handle(OwnerLane& lane, detail::HandlerRef handler,
                                const ring::Consumer::Record& record, const Message& message,
                                Message::Parts& parts, bool again) {
#if defined(CORTADO_SEED_RELEASE_BEFORE_HANDLER)
  std::byte* const state = working_state;
  release_lane(lane, {record.next, parts.sequence + 1});
  working_state = state;
#endif
  parts.redelivered = again || (record.commit.flags & ring::flag::redelivered) != 0;
  lane.set_in_hand(record.next, again);
  try {
    if ((record.commit.flags & ring::flag::ask) == 0) [[likely]] {
      handler(message, working_state);
    } else {
      answer(lane, handler, message, parts, working_state, held_reply);
    }
  } catch (...) {
    if (!forked()) handler_failed(lane, record.next);
    throw;
  }
  lane.turn_bytes += parts.bytes.size();
}

std::size_t Owner::Impl::drain_lane(OwnerLane& lane, detail::HandlerRef handler,
                                    std::size_t limit) {
  const std::uint64_t first = lane.there.position();
  const std::uint64_t first_sequence = lane.there.sequence();
  if (kept->header().state_bytes != 0) begin_state_turn();
  Message::Parts& parts = lane.told;
  const Message message(parts);
  const char* broken = nullptr;
  {
    os::OnExit end_of_turn{[&] {
      if (forked()) return;
      lane.set_idle();
      if (lane.there.position() != first) {
        if (!options.manual_release) release_lane(lane, taken(lane));
        lane.stats.bytes += lane.turn_bytes;
      }
      lane.turn_bytes = 0;
      if (held_reply.held) LanePort::tell(lane, held_reply);
      if (lane.reply_to_tell) wake_writer(lane);
    }};
    // Copies, so that they stay in registers across the calls of the handler; lane.there follows,
    // for what the handler may ask the owner.
    ring::Consumer there = lane.there;
    std::byte* const private_bytes = options.read_in_place ? nullptr : copy.get();
    bool again = lane.redelivering();
    ring::Consumer::Record record;
    const std::uint64_t bytes = std::min(kTurnBytes, lane.memory->sizes().ring_bytes / 4);
    for (std::size_t left = limit; left != 0 && there.position() - first < bytes; --left) {
      there.release(lane.there.released());
      const ring::Peek peek = there.peek(record);
      if (peek == ring::Peek::empty) {
        lane.is_empty = true;
        break;
      }
      if (peek == ring::Peek::fault || !is_whole(record.commit)) [[unlikely]] {
        broken = reason(there.fault());
#if defined(CORTADO_SEED_QUARANTINE_FIRST)
        condemn(lane, broken);
#endif
        break;
      }
      copy_message(private_bytes, record, there.sequence(), parts);
      handle(lane, handler, record, message, parts, again);
      // In a child that the handler made nothing of this is its own: it leaves everything alone.
      if (forked()) [[unlikely]] {
        break;
      }
      there.take(record);
      lane.there.follow(there);
      // What was in hand when somebody failed is committed message by message, so that the one
      // that fails again is known exactly.
      if (parts.redelivered) [[unlikely]] {
        again = lane.redelivering();
        ++lane.stats.redelivered;
        if (!options.manual_release) break;
      }
      if (held_reply.held) [[unlikely]] {
        break;  // the state is committed, then it goes out
      }
    }
  }
  const std::uint64_t handled = lane.there.sequence() - first_sequence;
  if (broken != nullptr) condemn(lane, broken);
  return handled;
}

/// The handler works on a copy of the kept state; the committed one stays as it is.
void Owner::Impl::begin_state_turn() noexcept {
  const lane::KeptHeader& head = kept->header();
  const std::uint32_t current = head.state_current.load(std::memory_order_relaxed) & 1;
  working_state = kept->state(current ^ 1);
  std::memcpy(working_state, kept->state(current), head.state_bytes);
}

/// The handler threw at the message that ends at `failed_at`. With a kept state the batch so far is
/// void, because its effects cannot be told from the failed one's; without, it stands.
void Owner::Impl::handler_failed(OwnerLane& lane, std::uint64_t failed_at) {
  lane.set_idle();  // if nobody catches this, a successor must not count it once more
#if !defined(CORTADO_SEED_THROW_UNFLAGGED)
  if (!lane.redelivering()) lane.redelivered_until = failed_at;
#endif
  if (kept->header().state_bytes != 0) {
    const lane::Applied& applied = lane.kept->applied();
    lane.there.rewind(applied.position, applied.sequence);
    working_state = nullptr;
    held_reply.held = false;
  }
  count_failure(lane, failed_at);
}

/// An owner died, or a handler threw, at the message that ends at `failed_at`. Too often: the lane
/// is condemned.
void Owner::Impl::count_failure(OwnerLane& lane, std::uint64_t failed_at) {
  lane::KeptLane& record = *lane.kept;
  const std::uint32_t before = record.attempts.load(std::memory_order_relaxed);
  const bool again = before != 0 && record.failed_at.load(std::memory_order_relaxed) == failed_at;
  if (!again) {
    // In this order: killed in between, the count of another message must not become this one's.
    record.attempts.store(0, std::memory_order_relaxed);
    record.failed_at.store(failed_at, std::memory_order_release);
  }
  record.attempts.store(again ? before + 1 : 1, std::memory_order_release);
  if (again && before + 1 >= kMaxAttempts) {
    char why[80];
    std::snprintf(why, sizeof why, "poison: the handler failed %u times at the same message",
                  before + 1);
    condemn(lane, why);
  }
}

lane::Applied Owner::Impl::taken(const OwnerLane& lane) const noexcept {
  lane::Applied taken{lane.there.position(), lane.there.sequence()};
  // Both were just stored, one after the other: the compiler must not join the two loads into a
  // wider one, which would wait until the stores have left the processor's store buffer.
  asm("" : "+r"(taken.position));
  return taken;
}

/// Commits what was applied up to `upto`, then gives the bytes back to the writer.
void Owner::Impl::release_lane(OwnerLane& lane, const lane::Applied& upto) noexcept {
  lane::KeptHeader& head = kept->header();
  const std::uint64_t count = upto.sequence - lane.kept->applied().sequence;
  if (working_state != nullptr) {
    const std::uint32_t other = (head.state_current.load(std::memory_order_relaxed) & 1) ^ 1;
#if defined(CORTADO_SEED_STATE_CURRENT_FIRST)
    head.state_current.store(other, std::memory_order_release);
#endif
    head.state_slots[other] = {lane.slot, lane.lane_id, upto};
    // The commit of state and position: a successor repairs KeptLane from the slot.
    head.state_current.store(other, std::memory_order_release);
    working_state = nullptr;
  }
#if defined(CORTADO_SEED_HINT_BEFORE_COMMIT)
  lane.control().released.store(upto.position, std::memory_order_release);
#endif
  lane.kept->commit(upto);
  head.applied.store(head.applied.load(std::memory_order_relaxed) + count,
                     std::memory_order_relaxed);
  lane.kept->delivered.store(lane.delivered(), std::memory_order_relaxed);
  lane.there.release(upto.position);
  // SYNC release: pairs with the acquire load in Producer::refresh.
  lane.control().released.store(upto.position, std::memory_order_release);
  wake_writer(lane);
}

bool Owner::Impl::release(const Receipt& upto) noexcept {
  if (forked() || !options.manual_release || upto.slot >= slots.size() ||
      slots[upto.slot] == nullptr)
    return false;
  OwnerLane& lane = *slots[upto.slot];
  const std::uint64_t ahead = upto.position - lane.there.released();
  const std::uint64_t held = lane.there.position() - lane.there.released();
  if (lane.lane_id != upto.lane_id || ahead == 0 || ahead > held) return false;
#if defined(CORTADO_SEED_RECEIPT_RELEASES_ALL)
  release_lane(lane, taken(lane));
#else
  release_lane(lane, {upto.position, upto.sequence});
#endif
  if (lane.retirable()) stir();
  return true;
}

void Owner::Impl::release_all() noexcept {
  if (forked() || !options.manual_release) return;
  for (OwnerLane* lane : lanes) {
    if (lane->all_released()) continue;
    release_lane(*lane, taken(*lane));
    if (lane->retirable()) stir();
  }
}

namespace {

/// A writer that sleeps for a little room is left asleep while more is being read: each wake-up
/// costs microseconds. Safe: something is pending, so another release of this lane follows (not if
/// releases come by hand).
bool wake_later(const OwnerLane& lane, std::uint64_t wake_at) noexcept {
  return lane.there.released() - wake_at < lane.memory->sizes().ring_bytes / 2 &&
         lane.there.pending();
}

}  // namespace

/// One byte on the connection if the writer sleeps for what has now happened, at most one for each
/// of its tickets.
void Owner::Impl::wake_writer(OwnerLane& lane) noexcept {
  // SYNC space: our stores (released, a reply) before our load of its ticket; the writer stores its
  // ticket, fences, and looks at them again. Without both fences each could miss the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  lane.reply_to_tell = false;
  const lane::LaneControl& control = lane.control();
  const std::uint64_t wake_at = control.wake_at.load(std::memory_order_relaxed);
  const std::uint32_t reply_wait = control.reply_wait.load(std::memory_order_relaxed);
  bool wake = false;
  if (wake_at != lane::kNoWake && wake_at != lane.last_woken &&
      static_cast<std::int64_t>(lane.there.released() - wake_at) >= 0 &&
      (options.manual_release || !wake_later(lane, wake_at))) {
    lane.last_woken = wake_at;
    wake = true;
  }
  if (reply_wait != 0 && reply_wait != lane.last_reply_wait) {
    lane.last_reply_wait = reply_wait;
    wake = true;
  }
  if (wake) {
    ++lane.stats.wakes;
    ring_writer(lane);
  }
}

}  // namespace cortado
