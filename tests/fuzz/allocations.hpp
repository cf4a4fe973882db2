// How much a target has asked for: linked in, allocations.cpp counts what operator new hands out.
#pragma once

#include <cstddef>

namespace cortado::fuzz {

/// Since the program began; what was given back is not taken off.
std::size_t allocated_bytes() noexcept;

}  // namespace cortado::fuzz
