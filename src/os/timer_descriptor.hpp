// timerfd: a deadline that a poller can wait for.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <optional>

#include "os/descriptor.hpp"

namespace cortado::os {

/// A timer on the steady clock, not set; close-on-exec and non-blocking.
Result<Descriptor> create_timer();

/// Readable from `deadline` on, until it is set again; nullopt: never. A deadline in the past is
/// readable at once.
void set_timer(int timer, std::optional<std::chrono::steady_clock::time_point> deadline) noexcept;

}  // namespace cortado::os
