// Bytes that nobody can guess.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <span>

namespace cortado::os {

/// Fills up to 256 bytes from the kernel's generator. Blocks only in the first moments after boot.
/// Errc::unsupported, system: the call is not permitted here.
Result<void> fill_random(std::span<std::byte> bytes);

}  // namespace cortado::os
