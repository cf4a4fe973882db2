// What a process holds of the machine's memory.
#pragma once

#include <cstdint>
#include <iosfwd>

namespace cortado::bench {

/// Bytes of shared memory that a map (as in /proc/PID/maps) has, each byte of a file once: a ring
/// is mapped twice, back to back, and its resident pages would be counted for each.
std::uint64_t shared_bytes(std::istream& maps);

/// This process: its own pages that are resident, and all of the shared memory that it has mapped,
/// as if all of that were resident: what it was made with, and no less. What /proc does not tell
/// counts as nothing.
double held_bytes();

}  // namespace cortado::bench
