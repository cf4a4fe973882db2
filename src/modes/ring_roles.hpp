// Owner and writer of the ring modes: the same two bodies, run by threads or by processes.
#pragma once

#include <cortado/owner.hpp>

#include <cstdint>

#include "modes/stage.hpp"

namespace cortado::modes {

/// Opens the owner that the stage names.
Result<Owner> open_owner(const Stage& stage);

/// Applies what comes to the buffer, which nobody else has, until all writers have left and
/// nothing is unread.
void own(const Stage& stage, Owner& owner, Buffer buffer);

/// Joins that owner and sends it the orders of writer `index`. As Mode::writer.
int write_by_ring(const Stage& stage, std::uint32_t index);

}  // namespace cortado::modes
