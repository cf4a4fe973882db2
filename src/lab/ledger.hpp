// The ledger of a run: what became of every order. Computed from the buffer and from the writers'
// own notes, never from the counters of a lock or a queue.
#pragma once

#include <cstdint>
#include <functional>

#include "modes/buffer.hpp"
#include "modes/stage.hpp"

namespace cortado::lab {

struct Ledger {
  std::uint64_t sent = 0;       ///< orders that writers began to hand over
  std::uint64_t applied = 0;    ///< of these: took effect on the buffer, each counted once
  std::uint64_t rejected = 0;   ///< of these: refused, because they are longer than the buffer
  std::uint64_t dropped = 0;    ///< of these: given up by a writer that could not go on
  std::uint64_t abandoned = 0;  ///< of these: their writer died before it learned what became of it
  std::uint64_t unread = 0;     ///< of these: in the queue of an owner that died
  std::uint64_t lost = 0;       ///< taken, yet without effect: missing, or overwritten by another
  std::uint64_t duplicated = 0;  ///< applied a second time
  std::uint64_t reordered = 0;   ///< applied behind a later one of the same writer
  std::uint64_t torn = 0;  ///< times that what stood in the buffer was not one whole order, or
                           ///< not the order that was sent
  std::uint64_t redelivered = 0;  ///< handed over a second time because an owner died, and flagged
  std::uint64_t forgotten = 0;    ///< applied, to a buffer that died with its owner

  /// Each order sent has become one thing.
  bool balances() const noexcept {
    return sent == applied + rejected + dropped + abandoned + unread;
  }
  /// It balances, and no order came to harm.
  bool is_clean() const noexcept {
    return balances() && lost == 0 && duplicated == 0 && reordered == 0 && torn == 0 &&
           unread == 0 && forgotten == 0;
  }
  bool operator==(const Ledger&) const = default;
};

/// The ledger of a run that is over. `buffer`: what is in it now; none, if it died with its host.
/// has_queue: orders that were taken may have been unread then.
/// Makes each order once more, to compare the digest: takes some nanoseconds for each, more for
/// long ones. go_on is asked meanwhile; once it said no, the digest is not compared.
Ledger make_ledger(
    const modes::Stage& stage, modes::Buffer buffer, bool has_queue,
    const std::function<bool()>& go_on = [] { return true; });

/// Whether the buffer holds one whole order, and nothing but zeros behind it.
bool is_whole(modes::Buffer buffer);

}  // namespace cortado::lab
