// The timeline of a run as Trace Event JSON, for Perfetto and chrome://tracing.
//
//   track of a writer   waiting (for room, a turn, the lock; or for the owner to catch up), then
//                       writing (into the ring, or into the buffer) or locking (the lock is his);
//                       applying in it, where writers apply their own orders
//   track of the owner  applying, waiting
//   arrows              from the begin of an order to its being applied, by the order's number
//   counter             orders that are begun and not yet being applied
#pragma once

#include <cstdint>
#include <string>

#include "modes/mode.hpp"
#include "os/tick_clock.hpp"

namespace cortado::lab {

/// A run with a timeline that is over.
struct Trace {
  const modes::Stage& stage;
  const modes::Mode& mode;
  os::TickMoment first;  ///< as it started
  os::TickMoment last;
};

struct TraceText {
  std::string json;
  std::uint64_t applied = 0;     ///< orders in it, each with one begin and one end of its arrow
  std::uint64_t unfinished = 0;  ///< in it, and not applied
  std::uint64_t dropped = 0;     ///< begun when there was no room any more
};

/// Allocates some 600 bytes for each order.
TraceText text_of(const Trace& trace);

}  // namespace cortado::lab
