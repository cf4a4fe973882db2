// What an owner rations, so that a writer that floods it delays nobody but itself.
//
// Doorbells. An honest writer rings at most once for each message that it publishes. So a ring
// costs a credit, a message that was taken gives one back, up to kRingCredit; and whoever rings
// without credit is muffled: its doorbell is not watched until rest_timer ends, kRest later at
// most. Until then its messages are found whenever the owner is awake for another reason, and at
// the end of the rest in any case. The owner sleeps through a storm of rings, but for a few
// wake-ups a rest.
//
// Knocks. To take a connection and to find that it says nothing costs a system call or five, so
// connections are rationed before anybody has said a word: one each kKnock, after a burst of
// kKnockBurst. While the door is shut the listener is not watched and nobody is accepted: who
// connects waits in the kernel's queue, and behind that in its own connect. door_timer opens it
// when there is time for as many as one look takes, whether the owner sleeps or not.
//
// Lanes. To make and to give up one costs as much as thousands of messages. Joins alone are bounded
// by max_writers; so what is rationed is turnover: each lane that ends puts kTurnover on the
// account, and while there is more on it than kTurnoverBurst, who wants to join is told to try
// again. A burst of joins is not slowed; after the death of many, the next ones wait no longer than
// kTurnoverDebt.
#include <algorithm>
#include <optional>

#include <sys/epoll.h>

#include "os/timer_descriptor.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

void Owner::Impl::heard_doorbell(std::uint32_t slot) noexcept {
  if (slot >= slots.size() || slots[slot] == nullptr) return;
  OwnerLane& lane = *slots[slot];
  const std::uint64_t taken = lane.there.sequence() - lane.rung_at;
  lane.rung_at = lane.there.sequence();
  lane.ring_credit += std::min(taken, OwnerLane::kRingCredit - lane.ring_credit);
  if (lane.ring_credit != 0) {
    --lane.ring_credit;
    return;
  }
  poller.remove(lane.doorbell.get());
  lane.muffled = true;
  if (!resting) os::set_timer(rest_timer.get(), clock::now() + kRest);
  resting = true;
}

/// Doorbells are watched again. One that has rung is readable for ever, so that the first event of
/// it is no ring: it has a credit for that.
void Owner::Impl::end_rest() noexcept {
  bool again = false;
  for (OwnerLane* lane : lanes) {
    if (!lane->muffled) continue;
    const auto watched =
        poller.add(lane->doorbell.get(), EPOLLIN | EPOLLET, tag(Source::doorbell, lane->slot));
    lane->muffled = !watched;
    lane->ring_credit = 1;
    again = again || lane->muffled;
  }
  resting = again;
  os::set_timer(rest_timer.get(),
                again ? std::optional(clock::now() + kRest) : std::optional<clock::time_point>());
}

/// Whoever was accepted has knocked. The door shuts behind the one that overdraws the account.
void Owner::Impl::count_knock(clock::time_point now) noexcept {
  knocks_paid = std::max(knocks_paid, now) + kKnock;
  if (door_shut || knocks_paid <= now + kKnockBurst) return;
  poller.remove(listener());
  door_shut = true;
  // By then it can pay for one look.
  os::set_timer(door_timer.get(), knocks_paid - kKnockBurst + (kAcceptsPerServe - 1) * kKnock);
}

void Owner::Impl::open_door() noexcept {
  if (!door_shut) return;
  const auto watched = poller.add(listener(), EPOLLIN, tag(Source::listener, 0));
  door_shut = !watched;
  os::set_timer(door_timer.get(),
                watched ? std::optional<clock::time_point>() : std::optional(clock::now() + kRest));
}

void Owner::Impl::count_turnover() noexcept {
  const clock::time_point now = clock::now();
  turnovers_paid = std::min(std::max(turnovers_paid, now) + kTurnover, now + kTurnoverDebt);
}

bool Owner::Impl::may_make_lane() const noexcept {
  return turnovers_paid <= clock::now() + kTurnoverBurst;
}

}  // namespace cortado
