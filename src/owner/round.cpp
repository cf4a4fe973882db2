// One call of drain: which lanes have their turn, in which order, and what is looked at besides.
#include <algorithm>
#include <utility>

#include "os/on_exit.hpp"
#include "os/pause.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

std::size_t Owner::Impl::drain(detail::HandlerRef handler, Budget budget) {
  if (forked() || draining) return 0;
  draining = true;
  std::size_t done = 0;
  bool handler_threw = true;
  os::OnExit look_again{[&] {
    draining = false;
    if (loop_mode && !forked()) prepare_descriptor(done != 0 || handler_threw || pending());
  }};
  if (armed) disarm();
  if (wakes_owed) [[unlikely]]
    ring_owed();
  if (loop_mode || drains_until_look == 0) look_at_control_plane();
  --drains_until_look;

  go_round(handler, budget.messages, done);
  if (forked()) return done;
  if (departures) retire_departed();
  drains_until_look -=
      static_cast<unsigned>(std::min<std::size_t>(done / kTurnMessages, drains_until_look));
  handler_threw = false;
  return done;
}

/// Joins and deaths can wait for a moment; a system call in every drain would cost more than the
/// messages.
void Owner::Impl::look_at_control_plane() {
  const clock::time_point now = clock::now();
  drains_until_look = kDrainsPerLook;
  if (!loop_mode && !knocking && now - served_at < kServeInterval) return;
  served_at = now;
  serve(clock::time_point::min());
  if (knocking) drains_until_look = 1;
}

/// Each lane has its turn, the streams that were caught up with after all others, and with headway
/// if there is nothing else to do.
void Owner::Impl::go_round(detail::HandlerRef handler, std::size_t limit, std::size_t& done) {
#if defined(CORTADO_SEED_SCAN_KEPT_AFTER_A_THROW)
  bool is_through = true;
#else
  bool is_through = false;
#endif
  os::OnExit unwound{[&] {
    if (!is_through) scan.make_stale();
    last.clear();
  }};
  if (scan.is_stale()) scan.make(lanes);
  if (!scan.resting().empty()) last.swap(scan.resting());
  // By number: a handler that makes a writer may make the table move, and this round ends without
  // that one.
  const std::size_t count = lanes.size();
  if (cursor >= count) cursor = 0;
  for (std::size_t visited = 0; visited < count && done < limit; ++visited) {
    const std::size_t index = cursor;
    if (++cursor >= count) cursor = 0;
    if (scan.is_empty(index)) continue;
    if (!take_turn(index, handler, limit, done)) return;
  }
  if (!last.empty() && done == 0) give_headway();
  for (const std::size_t index : last) {
    if (done >= limit) {
      scan.rest(index);
    } else if (!take_turn(index, handler, limit, done)) {
      return;
    }
  }
  is_through = true;
}

/// False: we are a child that the handler has forked.
bool Owner::Impl::take_turn(std::size_t index, detail::HandlerRef handler, std::size_t limit,
                            std::size_t& done) {
  OwnerLane& lane = *lanes[index];
  lane.is_empty = false;
  if (!lane.is_barred()) {
    done += drain_lane(lane, handler, std::min(kTurnMessages, limit - done));
    if (forked()) return false;
  }
  const bool is_stream =
      lane.is_empty && lane.headway.caught_up(lane.there.position(), lane.there.sequence());
  if (is_stream) {
    scan.rest(index);
  } else {
    scan.set(index, lane);
  }
  return true;
}

/// Stays away from the streams that were caught up with (`last`), until another lane has a message
/// or the shortest of their moments is over. A clock is read after some 100 ns each.
void Owner::Impl::give_headway() noexcept {
  constexpr int kPauses = 4;
  owner::Headway::nanoseconds length = owner::Headway::kLongest;
  for (const std::size_t index : last) {
    owner::Headway& headway = lanes[index]->headway;
    headway.give();
    length = std::min(length, headway.length());
  }
  const clock::time_point end = clock::now() + length;
  do {
    for (int i = 0; i < kPauses; ++i) os::cpu_pause();
    if (last.size() != lanes.size() && others_wait()) return;
  } while (clock::now() < end);
}

}  // namespace cortado
