// eventfd: something to be rung.
#pragma once

#include <cortado/result.hpp>

#include "os/descriptor.hpp"

namespace cortado::os {

/// An eventfd with count 0, close-on-exec and non-blocking.
Result<Descriptor> create_event();

/// Adds 1. A full counter is as good as rung. Keeps errno.
void signal_event(int event) noexcept;

/// Sets the count to 0. Only for an eventfd that no other process has: who shares it can make this
/// block. Keeps errno.
void drain_event(int event) noexcept;

}  // namespace cortado::os
