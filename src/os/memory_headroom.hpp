// How much memory this process can still be given before something is killed for it.
#pragma once

#include <cstdint>
#include <string>

namespace cortado::os {

struct MemoryHeadroom {
  std::uint64_t bytes = UINT64_MAX;  ///< UINT64_MAX: no limit found
  std::string limited_by;            ///< the file that states the limit
};

/// The least of: what the machine has available, and for each memory cgroup (v1 or v2) from that of
/// this process to the root, its limit less its usage, page cache not counted as used.
/// Files that are missing do not limit. `root` is put before every path (for tests).
MemoryHeadroom memory_headroom(const std::string& root = {});

}  // namespace cortado::os
