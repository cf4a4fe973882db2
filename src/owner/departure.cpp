// Writers that leave: by themselves, by death, by breaking a rule, by order.
//
//   joined --hang-up, pidfd, evict--> leaving --drained, released--> gone (closed | died | evicted)
//   joined --rule broken, poison--> condemned --released--> gone (quarantined)
#include <algorithm>
#include <new>

#include <sys/socket.h>

#include "owner/owner_impl.hpp"

namespace cortado {

void Owner::Impl::writer_left(std::uint32_t slot) noexcept {
  if (slot >= slots.size() || slots[slot] == nullptr) return;
  OwnerLane& lane = *slots[slot];
  if (lane.leaving) return;
  lane.leaving = true;
  lane.read_at_most(1);
  departures = true;
  // Both may fire, and they stay readable: once is enough.
  poller.remove(lane.connection.get());
  if (lane.process) poller.remove(lane.process.get());
}

/// The lane is not read any further, for good; its writer is told, all others go on.
void Owner::Impl::condemn(OwnerLane& lane, std::string_view reason) noexcept {
  if (lane.condemned) return;
  lane.condemned = true;
  try {
    lane.reason = reason;
  } catch (const std::bad_alloc&) {  // then nobody is told why
  }
  lane.kept->stage.store(lane::KeptLane::Stage::condemned, std::memory_order_release);
  set_owner_state(lane, lane::owner_state::quarantined);
  ring_writer(lane);
  departures = true;
}

void Owner::Impl::retire_departed() {
  bool more = false;
  unsigned retired = 0;
  for (std::size_t i = lanes.size(); i-- > 0;) {
    OwnerLane& lane = *lanes[i];
#if defined(CORTADO_SEED_RETIRED_UNDRAINED)
    if (!lane.leaving && !lane.condemned) {
#else
    if (!lane.retirable() || retired == kRetiredPerDrain) {
#endif
      more = more || lane.leaving || lane.condemned;
      continue;
    }
    const bool closed = lane.control().left.load(std::memory_order_acquire) != 0;
    ++retired;
    retire(lane, lane.condemned ? Left::quarantined
                 : lane.evicted ? Left::evicted
                 : closed       ? Left::closed
                                : Left::died);
  }
  departures = more;
}

bool Owner::Impl::departure_due() const noexcept {
  return departures && std::any_of(lanes.begin(), lanes.end(),
                                   [](const OwnerLane* lane) { return lane->retirable(); });
}

bool Owner::Impl::evict(std::string_view writer) {
  OwnerLane* lane = find(writer);
  if (lane == nullptr || forked()) return false;
  if (!lane->condemned) {
    lane->kept->stage.store(lane::KeptLane::Stage::evicted, std::memory_order_release);
  }
  set_owner_state(*lane, lane::owner_state::evicted);
  ring_writer(*lane);
  lane->evicted = true;
  writer_left(lane->slot);
  stir();
  return true;
}

void Owner::Impl::close() noexcept {
  if (forked()) return;
  closing = true;
  for (OwnerLane* lane : lanes) {
    set_owner_state(*lane, lane::owner_state::closing);
    // What is published now, and what its writer claimed before it saw that: a writer that goes on
    // all the same does not keep the owner from ending.
    lane->read_at_most(2);
    ring_writer(*lane);
  }
  stir();
}

/// Takes the lane out of every table and frees it. `lane` is gone afterwards.
void Owner::Impl::retire(OwnerLane& lane, Left how) {
  announce(lane, Event::Kind::left, how);
  count_turnover();
  unwatch(lane);
  // A forked child of the writer, or the keeper, may hold the connection open.
  ::shutdown(lane.connection.get(), SHUT_RDWR);
  lane.kept->stage.store(lane::KeptLane::Stage::empty, std::memory_order_release);
  if (keeper && lane.kept_elsewhere) keeper->retire_lane(lane.lane_id);
  lanes.erase(std::find(lanes.begin(), lanes.end(), &lane));
  scan.make_stale();
  slots[lane.slot].reset();
}

/// Without a keeper the lanes end with their owner, also if a forked child holds the connections.
Owner::Impl::~Impl() {
  if (keeper || forked()) return;
  for (OwnerLane* lane : lanes) ::shutdown(lane->connection.get(), SHUT_RDWR);
}

Event Owner::Impl::event_of(const OwnerLane& lane, Event::Kind kind) const {
  Event event;
  event.kind = kind;
  event.writer = lane.name;
  event.lane_id = lane.lane_id;
  event.pid = lane.pid;
  event.uid = lane.uid;
  event.delivered = lane.delivered();
  return event;
}

/// For want of memory an event is lost, and counted.
void Owner::Impl::announce(const OwnerLane& lane, Event::Kind kind, Left how) noexcept {
  try {
    Event event = event_of(lane, kind);
    event.how = how;
    event.reason = lane.reason;
    push_event(std::move(event));
  } catch (const std::bad_alloc&) {
    ++dropped_events;
  }
}

void Owner::Impl::push_event(Event event) {
  news = true;
  if (events.size() >= kMaxEvents) {
    ++dropped_events;
    return;
  }
  events.push_back(std::move(event));
}

OwnerLane* Owner::Impl::find(std::string_view writer) noexcept {
  for (OwnerLane* lane : lanes) {
    if (lane->name == writer) return lane;
  }
  return nullptr;
}

OwnerLane* Owner::Impl::find(const WriterId& writer) noexcept {
  for (OwnerLane* lane : lanes) {
    if (lane->id == writer) return lane;
  }
  return nullptr;
}

const char* to_string(Left how) noexcept {
  switch (how) {
    case Left::closed:
      return "closed";
    case Left::died:
      return "died";
    case Left::quarantined:
      return "quarantined";
    case Left::evicted:
      return "evicted";
  }
  return "unknown";
}

}  // namespace cortado
