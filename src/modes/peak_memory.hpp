// How much memory this process has had.
#pragma once

#include <cstdint>

namespace cortado::modes {

/// Bytes that were resident at most since this program was started, pages that it shares with
/// others included; 0: the kernel does not tell. Allocates; for any thread.
std::uint64_t peak_memory();

}  // namespace cortado::modes
