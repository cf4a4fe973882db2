// The gate: what makes sure that a fault happens while everybody else has orders left, and that
// what it does is seen.
//
// Writer `fault.writer` begins its order `fault.sequence` when all others wait at the gate, each
// before its own order of that number, and all orders before these are applied. The gate opens when
// the fault has happened: whoever it happens to opens it, if it goes on; else the runner, when it
// sees that it ended or stands still. So no lock is asked for, and no order comes, in between.
#pragma once

#include <cstdint>

#include "modes/stage.hpp"

namespace cortado::modes {

/// Of the writers that a fault concerns: blocks as described above.
void pass_gate(const Stage& stage, std::uint32_t writer) noexcept;
/// The fault has happened. Again: no effect.
void open_gate(const Stage& stage) noexcept;
/// Until somebody has come through the gate and handed his order over.
void wait_for_one_through(const Stage& stage) noexcept;
/// Whoever stands still may go on; see stand_still in disaster.cpp.
void let_go_on(const Stage& stage) noexcept;

}  // namespace cortado::modes
