// How the owner sleeps without missing a message.
//
// The handshake, per lane (label `armed`; the other end is Writer::Impl::ring_if_armed):
//
//   owner                                  writer
//   armed = 1                              commit word = ... (publish)
//   barrier on every writer's processor    [fence, if its lane is `fenced`]
//   commit word? yes: do not sleep         armed? yes: ring the doorbell
//   sleep until a doorbell rings
//   armed = 0
//
// Each side stores, then loads what the other one stores. On no processor may the load overtake
// the store, or both could miss each other. A fence in every send would cost more than the send;
// instead the side that goes to sleep makes all others pass a barrier (membarrier), once.
//
// Only the owner sets and clears `armed`: a writer that dies between "I saw armed" and the doorbell
// takes nobody's wake-up along. The doorbell is an eventfd that nobody reads, watched
// edge-triggered.
#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "os/deadline.hpp"
#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/memory_barrier.hpp"
#include "os/pause.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

bool Owner::Impl::pending() const noexcept {
#if defined(CORTADO_SEED_RESTING_NOT_LOOKED_AT)
  return others_wait();
#endif
  if (others_wait()) return true;
  return !scan.is_stale() &&
         scan.any_unseen([this](std::size_t index) { return lanes[index]->readable(); });
}

/// Something is to be read, and not of a stream that is given headway.
bool Owner::Impl::others_wait() const noexcept {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if ((scan.is_stale() || !scan.is_empty(i)) && lanes[i]->readable()) return true;
  }
  return false;
}

void Owner::Impl::set_owner_state(OwnerLane& lane, std::uint64_t bit) noexcept {
  std::atomic<std::uint64_t>& word = lane.control().owner_state;
  word.store(word.load(std::memory_order_relaxed) | bit, std::memory_order_release);
}

/// Arms every lane, each time with a new number, so that a writer rings once for each. True:
/// nothing waits, it is safe to sleep. False: something waits (the lanes are armed all the same).
bool Owner::Impl::arm() noexcept {
  // The number is ours, not what the lane's page says of the last: its writer may have changed
  // that.
  ++sleep_number;
  for (OwnerLane* lane : lanes) {
    std::atomic<std::uint64_t>& word = lane->control().owner_state;
    const std::uint64_t now = word.load(std::memory_order_relaxed);
    // SYNC armed: store here, load in Writer::Impl::ring_if_armed. Ordered by the barrier below.
    word.store((now & ~lane::owner_state::arm_mask) | sleep_number * lane::owner_state::arm_step |
                   lane::owner_state::armed,
               std::memory_order_seq_cst);
  }
  armed = true;
  if (!barrier) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // every lane is fenced
  } else if (!os::global_barrier()) {
    return false;  // no memory for it now: do not sleep
  }
#if defined(CORTADO_SEED_NO_RECHECK)
  return true;
#else
  return !pending();
#endif
}

void Owner::Impl::disarm() noexcept {
  for (OwnerLane* lane : lanes) {
    std::atomic<std::uint64_t>& word = lane->control().owner_state;
    word.store(word.load(std::memory_order_relaxed) & ~lane::owner_state::armed,
               std::memory_order_relaxed);
  }
  armed = false;
}

/// True: something came. No clock is read before the first looks: a message that answers one of
/// ours comes sooner.
bool Owner::Impl::spin(clock::time_point deadline) const noexcept {
  if (options.spin <= clock::duration::zero()) return false;
  const auto look = [this] {
    for (int i = 0; i < 64; ++i) {
      if (pending()) return true;
      os::cpu_pause();
    }
    return false;
  };
  if (look()) return true;
  const clock::time_point end = std::min(deadline, os::deadline_after(options.spin));
  while (clock::now() < end) {
    if (look()) return true;
  }
  return false;
}

bool Owner::Impl::wait_until(clock::time_point deadline) {
  if (forked()) return false;
  if (pending() || spin(deadline)) return true;

  bool stirred = std::exchange(news, false) || departure_due() || wakes_owed;
  if (!stirred && arm()) {
    clock::time_point wake = deadline;
    for (const Pending& join : pending_joins) wake = std::min(wake, join.deadline);
    stirred = serve(wake);
    news = false;
  }
  disarm();
  const bool due = stirred || departure_due() || pending();
  if (loop_mode) prepare_descriptor(due);
  return due;
}

/// After a drain, for a caller that sleeps on fd(): readable if there is work, else armed.
void Owner::Impl::prepare_descriptor(bool work_left) noexcept {
  work_left = std::exchange(news, false) || work_left || wakes_owed || !arm() || departure_due();
  if (work_left && !signalled) os::signal_event(self_event.get());
  if (!work_left && signalled) os::drain_event(self_event.get());
  signalled = work_left;
}

/// A call that is no drain made work for one: whoever sleeps on fd() must see it.
void Owner::Impl::stir() noexcept {
  news = true;
  if (!loop_mode || signalled) return;
  os::signal_event(self_event.get());
  signalled = true;
}

void Owner::Impl::ring_writer(OwnerLane& lane) noexcept {
  // A full socket buffer means unread bytes: the writer's sleep ends at once. A broken connection
  // means that the writer is gone, and its hang-up tells. Without memory for the byte the writer
  // would sleep on: the byte is owed.
  const std::byte look_again{1};
  const auto sent = ::send(lane.connection.get(), &look_again, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  lane.wake_owed = sent < 0 && (errno == ENOBUFS || errno == ENOMEM);
  wakes_owed = wakes_owed || lane.wake_owed;
}

/// The owner does not sleep while it owes a byte: wait and fd() say that there is work.
void Owner::Impl::ring_owed() noexcept {
  wakes_owed = false;
  for (OwnerLane* lane : lanes) {
    if (lane->wake_owed) ring_writer(*lane);
  }
}

}  // namespace cortado
