// How much a program has asked for: linked in, allocations.cpp counts what operator new hands out.
#pragma once

#include <cstddef>

namespace cortado::test {

/// Bytes since the program began, by all of its threads; what was given back is not taken off.
std::size_t allocated_bytes() noexcept;

}  // namespace cortado::test
