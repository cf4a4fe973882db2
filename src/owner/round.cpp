// One call of drain: which lanes have their turn, in which order, and what is looked at besides.
#include <algorithm>

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
/// if there is nothing else to do; they are in the scan again if the messages of a call are used up
/// before.
void Owner::Impl::go_round(detail::HandlerRef handler, std::size_t limit, std::size_t& done) {
#if defined(CORTADO_SEED_SCAN_KEPT_AFTER_A_THROW)
  bool is_through = true;
#else
  bool is_through = false;
#endif
  os::OnExit unwound{[&] {
    if (!is_through) scan.make_stale();
    scan.end_round();
  }};
  if (scan.is_stale()) scan.make(lanes);
  scan.begin_round();
  bool is_cut_short = false;
  do {
    if (!take_turns(handler, limit, done)) return;
    // Once: a writer that takes its message back each time must not keep us here.
    if (is_cut_short) break;
    is_cut_short = scan.late() != 0 && done == 0 && limit != 0 && !give_headway();
  } while (is_cut_short);
  for (std::size_t i = 0; i < scan.late(); ++i) {
    const std::size_t index = scan.late(i);
    OwnerLane& lane = *lanes[index];
    if (done >= limit) {
      scan.set(index, lane);
    } else if (!lane.there.pending()) {
      lane.is_empty = true;
      end_turn(index, 0);
    } else if (!take_turn(index, handler, limit, done)) {
      return;
    }
  }
  is_through = true;
}

/// All lanes that are in the scan, from the one on where the last round ended. A handler that makes
/// a writer makes a lane for the next round. False: as take_turn.
bool Owner::Impl::take_turns(detail::HandlerRef handler, std::size_t limit, std::size_t& done) {
  const std::size_t count = lanes.size();
  if (cursor >= count) cursor = 0;
  for (std::size_t visited = 0; visited < count && done < limit; ++visited) {
    const std::size_t index = cursor;
    if (++cursor >= count) cursor = 0;
    if (scan.is_empty(index)) continue;
    if (!take_turn(index, handler, limit, done)) return false;
  }
  return true;
}

/// Where something stands. False: we are a child that the handler has forked.
bool Owner::Impl::take_turn(std::size_t index, detail::HandlerRef handler, std::size_t limit,
                            std::size_t& done) {
  OwnerLane& lane = *lanes[index];
  std::size_t handled = 0;
  lane.is_empty = false;
  if (!lane.is_barred()) {
    handled = drain_lane(lane, handler, std::min(kTurnMessages, limit - done));
    done += handled;
    if (forked()) return false;
  }
  end_turn(index, handled);
  return true;
}

void Owner::Impl::end_turn(std::size_t index, std::size_t handled) noexcept {
  OwnerLane& lane = *lanes[index];
  if (lane.is_empty && lane.headway.caught_up(lane.there.position(), handled)) {
    scan.rest(index);
  } else {
    scan.set(index, lane);
  }
}

/// Stays away from the streams that were caught up with until the shortest of their moments is
/// over. False: another lane has a message before. A clock is read for each look at the others, or
/// after some 100 ns.
bool Owner::Impl::give_headway() noexcept {
  constexpr int kPauses = 4;
  owner::Headway::nanoseconds length = owner::Headway::kLongest;
  for (std::size_t i = 0; i < scan.late(); ++i) {
    length = std::min(length, lanes[scan.late(i)]->headway.length());
  }
  const clock::time_point end = clock::now() + length;
  do {
    for (int i = 0; i < kPauses; ++i) os::cpu_pause();
    if (scan.late() != lanes.size() && others_wait()) return false;
  } while (clock::now() < end);
  for (std::size_t i = 0; i < scan.late(); ++i) lanes[scan.late(i)]->headway.give();
  return true;
}

}  // namespace cortado
