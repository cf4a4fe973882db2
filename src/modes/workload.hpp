// Workload: what the writers do. A plain struct, the same for every mode.
#pragma once

#include <cstdint>

#include "modes/buffer.hpp"

namespace cortado::modes {

/// Something that happens to one writer on the way.
struct Fault {
  enum class Kind : std::uint32_t {
    none,
    killed,     ///< SIGKILL for whoever runs the writer, half way through the order
    crashed,    ///< the writer stores to nowhere, half way through the order
    thrown,     ///< an exception leaves the order half way; the writer catches it and goes on
    stopped,    ///< whoever runs the writer stands still half way, until the runner lets it go on
    slow,       ///< the writer takes kSlow half way
    scribbled,  ///< the writer stores at the address of the buffer, as if it were its own
    owner_killed,  ///< SIGKILL for whoever runs the owner, half way through applying the order
    // What a queue or a lock that cannot be trusted would do. For tests of the ledger.
    flipped,  ///< a byte of the order changes on its way
    lost,     ///< the order vanishes on its way
    doubled,  ///< it arrives twice
    swapped,  ///< it arrives behind the next one
  };
  Kind kind = Kind::none;
  std::uint32_t writer = 0;
  std::uint64_t sequence = 0;  ///< the order of that writer that it happens to
  /// Nobody else begins his order `sequence` before it has happened; see gate.hpp.
  std::uint32_t has_gate = 0;
};

struct Workload {
  std::uint32_t mode = 0;     ///< index into known_modes()
  std::uint32_t writers = 4;  ///< 1 to Stamp::kMostWriters
  /// Of all writers together; writer w sends numbers w, w + writers, w + 2 * writers, ... of them.
  /// 0: until the time is over.
  std::uint64_t orders = 0;
  /// Bytes of each made-up order, 0 to kMostPayload. Not used if orders are listed.
  std::uint32_t payload = 16;
  /// Bytes of the buffer, at most kMostPayload; a longer order is rejected.
  std::uint32_t capacity = 16;
  std::uint64_t listed = 0;           ///< orders given by the user; taken in turn, again and again
  std::uint64_t listed_bytes = 0;     ///< of these together
  std::uint64_t work_rounds = 0;      ///< of work on each order, while the buffer is in hand
  std::uint64_t hold_ns = 0;          ///< about what these take
  std::uint64_t letter_delay_ns = 0;  ///< not 0: the buffer is written letter by letter
  std::uint64_t seed = 1;             ///< of made-up orders and of turns
  /// Writers take turns as the seed says. Only with listed orders and a letter delay.
  std::uint32_t takes_turns = 0;
  /// Every 2^shift-th order of a writer is timed.
  std::uint32_t sample_shift = 0;
  /// Not 0: an open loop, in which each order is due at its time; see pacer.hpp. Of all writers
  /// together.
  double load_per_s = 0;
  std::uint32_t may_spin = 0;  ///< there is a processor for each writer and an owner
  Fault fault;

  static constexpr std::uint32_t kMostPayload = 1U << 20;

  /// Orders that writer w sends; UINT64_MAX: until the time is over.
  std::uint64_t orders_of(std::uint32_t writer) const noexcept {
    if (orders == 0) return UINT64_MAX;
    return orders / writers + (writer < orders % writers ? 1 : 0);
  }
  /// Which of all orders writer w's order `sequence` is.
  std::uint64_t number_of(Stamp stamp) const noexcept {
    return stamp.sequence() * writers + stamp.writer();
  }
};

}  // namespace cortado::modes
