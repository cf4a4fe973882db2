// See no_calls.cpp.
#pragma once

#include <cstddef>

#include "image.hpp"

namespace cortado::fuzz {

/// From now on, a load of the code under test from these bytes is a step of the schedule, where the
/// compiler can tell of loads: whatever is loaded twice may differ the second time.
void step_at_loads(Schedule& schedule, const std::byte* from, std::size_t bytes) noexcept;

}  // namespace cortado::fuzz
