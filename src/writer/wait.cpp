// How a writer sleeps: for room, for an answer, for its messages to be applied; and how it learns
// that its owner is gone.
//
// The handshake (label `space`; the other end is Owner::Impl::wake_writer):
//
//   writer                                  owner
//   wake_at or reply_wait = ticket          released = ... (or a reply)
//   fence                                   fence, once for each batch
//   released, replies? yes: do not sleep    ticket reached, not served yet? one byte
//   sleep until the connection is readable
//   ticket = none
#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <poll.h>

#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/pause.hpp"
#include "os/process_descriptor.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {
namespace {

constexpr int kSpins = 256;

bool reached(std::uint64_t position, std::uint64_t goal) noexcept {
  return static_cast<std::int64_t>(position - goal) >= 0;
}

}  // namespace

/// The released position at which the next message of that length can be sent: what waits for a
/// next owner goes first.
std::uint64_t Writer::Impl::release_needed(std::size_t length) const noexcept {
  std::uint64_t longest = length;
  if (!backlog.empty()) {
    const Backlog& old = backlog.front();
    const std::uint64_t word =
        ring::word_at(old.memory->ring(), old.memory->sizes().ring_bytes, old.position)
            .load(std::memory_order_relaxed);
    longest = std::max<std::uint64_t>(longest, ring::unpack(word).length);
  }
  return there.needed_released(longest);
}

/// Sleeps until the owner released up to `position`. False: the deadline passed. True without it:
/// something else must be looked at first (closing, quarantined, a next owner).
bool Writer::Impl::wait_for_release(std::uint64_t position, clock::time_point deadline,
                                    bool while_closing) noexcept {
  for (int i = 0; i < kSpins; ++i) {
    if (reached(there.refresh(), position)) return true;
    os::cpu_pause();
  }
  ++stats.waits;
  wakeup_taken = true;  // our ticket takes the place of one that fd() may wait for
  bool in_time = true;
  while (in_time) {
#if defined(CORTADO_SEED_TICKET_AFTER_LOOK)
    if (reached(there.refresh(), position)) break;
    control->wake_at.store(position, std::memory_order_relaxed);
#else
    control->wake_at.store(position, std::memory_order_relaxed);
    // SYNC space: see the top of this file.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (reached(there.refresh(), position)) break;
#endif
    in_time = sleep(deadline);
    if (reached(there.refresh(), position)) break;
    if (owner_lost()) return (while_closing && backlog.empty()) || find_next_owner(deadline);
    const SendStatus status = check();
    const bool goes_on = while_closing && !(ended() && owner_gone());
    if (status == SendStatus::closing && goes_on) continue;
    if (status != SendStatus::sent && status != SendStatus::full) break;
  }
  if (lost) return true;
  control->wake_at.store(lane::kNoWake, std::memory_order_relaxed);
  return reached(there.released(), position) || in_time;
}

/// Until something is to be looked at. False: the deadline passed.
bool Writer::Impl::sleep(clock::time_point deadline) noexcept {
  std::array<epoll_event, 4> events;
  if (poller.wait(events, deadline) > 0) {
    swallow_wakeup();
    if (loop_mode) os::drain_event(self_event.get());
    wakeup_taken = true;
  }
  return clock::now() < deadline;
}

/// One byte is what the owner sends for a ticket. Should there be more, the next sleep ends at
/// once.
void Writer::Impl::swallow_wakeup() noexcept {
  std::byte look_again;
  // Control messages are not asked for, so descriptors that came along are closed by the kernel.
  if (connection) static_cast<void>(::recv(connection.get(), &look_again, 1, MSG_DONTWAIT));
}

/// The connection hung up, or the owner's process ended though a forked child of it still holds
/// the connection.
bool Writer::Impl::owner_gone() noexcept {
  if (lost) return true;
  pollfd connection_state{connection.get(), 0, 0};
  if (::poll(&connection_state, 1, 0) == 1 &&
      (connection_state.revents & (POLLHUP | POLLERR)) != 0) {
    return true;
  }
  return owner_process && os::has_exited(owner_process.get());
}

/// The owner has ended this lane for good: whatever becomes of the owner, no next one takes it.
bool Writer::Impl::ended() const noexcept {
  if (lost || control == nullptr) return poisoned;
  return (control->owner_state.load(std::memory_order_acquire) & lane::owner_state::ended) != 0;
}

/// True: the owner is gone, its lane is the backlog for the next one. Without memory for that, it
/// counts as there until the next look.
bool Writer::Impl::owner_lost() noexcept {
  if (lost) return true;
  if (ended() || !owner_gone()) return false;
  // An owner that ends a lane says so before it hangs up.
  if (ended()) return false;
  try {
    lose_owner();
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

/// Why this writer cannot go on at once. `sent`: it can, after all.
SendStatus Writer::Impl::trouble() noexcept {
  if (os::process_epoch() != epoch) return SendStatus::forked;
  if (closed) return SendStatus::closing;
  if (poisoned) return SendStatus::quarantined;
  if (!lost) {
    const std::uint64_t state = control->owner_state.load(std::memory_order_acquire);
    if ((state & lane::owner_state::quarantined) != 0) return SendStatus::quarantined;
    if ((state & lane::owner_state::evicted) != 0) return SendStatus::closing;
    // Under a keeper the next owner takes the lane over, and takes this back.
    if ((state & lane::owner_state::closing) != 0 && (keeper || !owner_lost())) {
      return SendStatus::closing;
    }
  }
  if (lost && !try_next_owner()) return SendStatus::no_owner;
  if (hand_over_backlog()) return SendStatus::sent;
  if (loop_mode && !poisoned) ask_to_be_woken(release_needed(0));
  return poisoned ? SendStatus::quarantined : SendStatus::full;
}

Result<void> Writer::Impl::wait_applied(clock::time_point deadline) {
  for (;;) {
    if (os::process_epoch() != epoch) return sending_error(SendStatus::forked, "wait for");
    const SendStatus status = closed ? SendStatus::closing : poll();
    const bool over = !closed && ended() && (lost || owner_gone());
    // A lost owner left nothing behind: it had released everything.
    if (!closed && backlog.empty() && (lost || reached(there.refresh(), there.position()))) {
      return {};
    }
    if (status == SendStatus::quarantined || closed || over) {
      return sending_error(status, "wait for");
    }
    const bool late = clock::now() >= deadline;
    if (status == SendStatus::no_owner) {
      if (late) return sending_error(status, "wait for");
      find_next_owner(deadline);
      continue;
    }
    if (late) {
      return Error{Errc::timed_out, "cannot wait for owner '" + owner +
                                        "' any longer: " + std::to_string(unreleased()) +
                                        " messages are not applied; it is slow or stopped"};
    }
    wait_for_release(backlog.empty() ? there.position() : there.released() + 1, deadline, true);
  }
}

/// At the end of a call that waited: it may have taken the wake-up that fd() was to show.
void Writer::Impl::give_back_wakeup() noexcept {
  if (loop_mode && std::exchange(wakeup_taken, false)) os::signal_event(self_event.get());
}

std::uint64_t Writer::Impl::close(clock::time_point deadline) {
  if (closed) return left_behind;
  if (os::process_epoch() != epoch) return unreleased();
  static_cast<void>(wait_applied(deadline));
  left_behind = unreleased();
  leave();
  return left_behind;
}

/// Tells the owner that this is no crash, and goes.
void Writer::Impl::leave() noexcept {
  if (closed || os::process_epoch() != epoch) return;
  closed = true;
  usable = false;
  if (control != nullptr && !lost) {
#if defined(CORTADO_SEED_LEFT_AFTER_HANG_UP)
    ::shutdown(connection.get(), SHUT_RDWR);
#endif
    control->left.store(1, std::memory_order_release);
    // A forked child may hold the connection open.
    ::shutdown(connection.get(), SHUT_RDWR);
  }
  connection.reset();
  owner_process.reset();
  knocking.reset();
}

Writer::Impl::~Impl() {
  leave();
}

SendStatus Writer::Impl::poll() noexcept {
  if (os::process_epoch() != epoch) return SendStatus::forked;
  if (closed) return SendStatus::closing;
  swallow_wakeup();
  if (loop_mode) os::drain_event(self_event.get());
  if (lost) return check();
  if (loop_mode) {
    control->wake_at.store(lane::kNoWake, std::memory_order_relaxed);
  }
  owner_lost();
  const SendStatus status = check();
  return status == SendStatus::full ? SendStatus::sent : status;
}

/// Records from one position to another. They cannot change: the owner does not write there.
std::uint64_t Writer::Impl::records_between(const lane::LaneMemory& lane, std::uint64_t from,
                                            std::uint64_t to) noexcept {
  std::uint64_t records = 0;
  while (!reached(from, to)) {
    const std::uint64_t word =
        ring::word_at(lane.ring(), lane.sizes().ring_bytes, from).load(std::memory_order_relaxed);
    from += ring::record_bytes(ring::unpack(word).length);
    ++records;
  }
  return records;
}

/// In the lane, and in what waits for the next owner.
std::uint64_t Writer::Impl::unreleased() const noexcept {
  std::uint64_t records = 0;
  if (!lost && control != nullptr) {
    records += records_between(*memory, control->released.load(std::memory_order_acquire),
                               there.position());
  }
  for (const Backlog& old : backlog) records += records_between(*old.memory, old.position, old.end);
  return records;
}

}  // namespace cortado
