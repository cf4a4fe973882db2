// The hot path of a writer. A send that succeeds is: two checks, a copy, two stores, one load.
#include <atomic>

#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {

namespace {
constexpr std::uint64_t kNoEntry = lane::owner_state::closing | lane::owner_state::ended;
}  // namespace

/// `sent`: go ahead. Else what a send must return now.
SendStatus Writer::Impl::check() noexcept {
  if (!os::is_process(epoch)) return SendStatus::forked;
  if (usable && (control->owner_state.load(std::memory_order_relaxed) & kNoEntry) == 0) {
    return SendStatus::sent;
  }
  return trouble();
}

/// No call. False: perhaps not, `check` knows.
bool Writer::Impl::may_surely_send() const noexcept {
  return os::is_surely_process(epoch) && usable &&
         (control->owner_state.load(std::memory_order_relaxed) & kNoEntry) == 0;
}

/// Straight through, and what is rare comes last: this function calls nothing that returns to it,
/// so it saves no registers.
SendStatus Writer::Impl::try_send(std::span<const std::byte> message, std::uint16_t tag) noexcept {
  if (!ring::is_short(message.size()) || !may_surely_send()) [[unlikely]] {
    return try_send_unusual(message, tag);
  }
  if (message.size() > max_length) return SendStatus::too_large;
  if (!there.write(message, {0, tag, static_cast<std::uint8_t>(sequence), 0})) {
    return no_room(message.size());
  }
  return sent(message.size());
}

/// A long message or an empty one, or one that perhaps cannot be sent.
[[gnu::noinline]] SendStatus Writer::Impl::try_send_unusual(std::span<const std::byte> message,
                                                            std::uint16_t tag) noexcept {
  if (const SendStatus status = check(); status != SendStatus::sent) return status;
  if (message.size() > max_length) return SendStatus::too_large;
  if (!there.write(message, {0, tag, static_cast<std::uint8_t>(sequence), 0})) {
    return no_room(message.size());
  }
  return sent(message.size());
}

SendStatus Writer::Impl::send(std::span<const std::byte> message, std::uint16_t tag,
                              clock::time_point deadline) noexcept {
  const SendStatus status = try_send(message, tag);
  if (status == SendStatus::sent) [[likely]] {
    return status;
  }
  return send_later(message, tag, deadline, status);
}

/// The rest of a send that could not be done at once.
[[gnu::noinline]] SendStatus Writer::Impl::send_later(std::span<const std::byte> message,
                                                      std::uint16_t tag, clock::time_point deadline,
                                                      SendStatus status) noexcept {
  while (status == SendStatus::full || status == SendStatus::no_owner) {
    const bool again = status == SendStatus::full
                           ? wait_for_release(release_needed(message.size()), deadline)
                           : find_next_owner(deadline);
    status = try_send(message, tag);
    if (!again) break;
  }
  give_back_wakeup();
  return status;
}

std::byte* Writer::Impl::claim(std::size_t length, SendStatus& status) noexcept {
  if (length <= max_length && may_surely_send()) [[likely]] {
    status = SendStatus::sent;
    if (std::byte* room = there.claim(length)) return room;
  }
  return claim_unusual(length, status);
}

/// Without room, or where perhaps nothing can be sent.
[[gnu::noinline]] std::byte* Writer::Impl::claim_unusual(std::size_t length,
                                                         SendStatus& status) noexcept {
  status = check();
  if (status != SendStatus::sent) return nullptr;
  if (length > max_length) {
    status = SendStatus::too_large;
    return nullptr;
  }
  std::byte* room = there.claim(length);
  if (room == nullptr) status = no_room(length);
  return room;
}

std::byte* Writer::Impl::claim_until(std::size_t length, clock::time_point deadline,
                                     SendStatus& status) noexcept {
  std::byte* room = claim(length, status);
  while (room == nullptr && (status == SendStatus::full || status == SendStatus::no_owner)) {
    const bool again = status == SendStatus::full
                           ? wait_for_release(release_needed(length), deadline)
                           : find_next_owner(deadline);
    room = claim(length, status);
    if (!again) break;
  }
  return room;
}

/// Publishes what was claimed and filled.
void Writer::Impl::publish(std::size_t length, std::uint16_t tag, std::uint8_t flags) noexcept {
  there.commit(
      {static_cast<std::uint32_t>(length), tag, static_cast<std::uint8_t>(sequence), flags});
  static_cast<void>(sent(length));
}

/// It is published.
SendStatus Writer::Impl::sent(std::size_t length) noexcept {
  ++sequence;
  ++stats.sent;
  stats.bytes += length;
  return ring_if_armed();
}

/// Wakes the owner if it sleeps. Returns `sent`.
SendStatus Writer::Impl::ring_if_armed() noexcept {
  // SYNC armed: the commit word was stored, now load what Owner::Impl::arm stores. The owner's
  // barrier keeps this processor from doing the load first; a lane it does not reach is `fenced`.
  // The compiler is told by the signal fence.
  if (fenced) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  const std::uint64_t state = control->owner_state.load(std::memory_order_relaxed);
  if ((state & lane::owner_state::armed) == 0) [[likely]] {
    return SendStatus::sent;
  }
  return ring_doorbell(state & lane::owner_state::arm_mask);
}

/// Once for each of the owner's sleeps.
[[gnu::noinline]] SendStatus Writer::Impl::ring_doorbell(std::uint64_t sleep_number) noexcept {
  if (sleep_number == rung) return SendStatus::sent;
  rung = sleep_number;
  ++stats.doorbells;
#if defined(CORTADO_SEED_WRITER_CLEARS_ARMED)
  control->owner_state.fetch_and(~lane::owner_state::armed);
  if (stats.doorbells % 2 == 0) return SendStatus::sent;  // killed between exchange and wake-up
#endif
  os::signal_event(doorbell.get());
  return SendStatus::sent;
}

/// The ring is full: learn now and then whether the owner is gone, and in an event loop ask to be
/// woken.
SendStatus Writer::Impl::no_room(std::size_t length) noexcept {
  if (fulls++ % 64 == 0 && owner_lost()) {
    SendStatus status = try_next_owner() ? SendStatus::full : trouble();
    // The next owner came between the two: there is room, and nothing is written.
    if (status == SendStatus::sent) status = SendStatus::full;
    if (loop_mode && status == SendStatus::full) os::signal_event(self_event.get());
    return status;
  }
  if (loop_mode) ask_to_be_woken(there.needed_released(length));
  return SendStatus::full;
}

/// For who sleeps on fd(): at that released position.
void Writer::Impl::ask_to_be_woken(std::uint64_t position) noexcept {
  control->wake_at.store(position, std::memory_order_relaxed);
  // SYNC space: our ticket is stored, then the released position is looked at again; the owner
  // stores released, fences, and looks for tickets (Owner::Impl::wake_writer).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const std::uint64_t ahead = there.refresh() - position;
  // Room after all: let the next poll of fd() see it.
  if (static_cast<std::int64_t>(ahead) >= 0) os::signal_event(self_event.get());
}

SendStatus Writer::try_send(std::span<const std::byte> message, std::uint16_t tag) noexcept {
  return impl_->try_send(message, tag);
}

SendStatus Writer::send(std::span<const std::byte> message, std::uint16_t tag,
                        time_point deadline) noexcept {
  return impl_->send(message, tag, deadline);
}

Claim Writer::claim(std::size_t length, std::uint16_t tag) noexcept {
  SendStatus status = SendStatus::sent;
  std::byte* room = impl_->claim(length, status);
  return room == nullptr ? Claim(status)
                         : Claim(impl_.get(), {room, length}, tag, impl_->claim_mark());
}

Claim Writer::claim_until(std::size_t length, time_point deadline, std::uint16_t tag) noexcept {
  SendStatus status = SendStatus::sent;
  std::byte* room = impl_->claim_until(length, deadline, status);
  impl_->give_back_wakeup();
  return room == nullptr ? Claim(status)
                         : Claim(impl_.get(), {room, length}, tag, impl_->claim_mark());
}

SendStatus Claim::commit(std::size_t length) noexcept {
  const bool usual = status_ == SendStatus::sent && length <= bytes_.size() &&
                     writer_->may_surely_send() && mark_ == writer_->claim_mark();
  if (!usual) [[unlikely]] {
    if (const SendStatus status = check(length); status != SendStatus::sent) return status;
  }
  writer_->publish(length, tag_, 0);
  bytes_ = {};
  status_ = SendStatus::full;
  return SendStatus::sent;
}

/// `sent`: go ahead. Else what commit must return.
[[gnu::noinline]] SendStatus Claim::check(std::size_t length) noexcept {
  if (status_ != SendStatus::sent) return status_;
  if (length > bytes_.size()) return SendStatus::too_large;
  if (!os::is_process(writer_->epoch)) return SendStatus::forked;
  // Another call of the writer came between: it has sent, or found its owner gone.
  if (mark_ != writer_->claim_mark()) return SendStatus::full;
  if (!writer_->ended()) return SendStatus::sent;
  // The owner ended this lane meanwhile: nobody would read it.
  const SendStatus status = writer_->trouble();
  return status == SendStatus::sent ? SendStatus::full : status;
}

}  // namespace cortado
