// How much memory this process can still be given before something is killed for it.
#pragma once

#include <chrono>
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

/// A figure that need not be read again at once, because it was far more than enough: to read it
/// takes a dozen system calls. It is believed for kAge at most, and only for what is less than a
/// kPlenty'th of it; what is granted is taken from it. A figure that is close is always read anew.
class RecentHeadroom {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::uint64_t kPlenty = 1024;
  static constexpr std::chrono::milliseconds kAge{100};

  /// True: there is room for `bytes`, and they count as taken. False: read the figure.
  bool grants(std::uint64_t bytes, clock::time_point now) noexcept {
    if (now >= until_ || bytes > left_ / kPlenty) return false;
    left_ -= bytes;
    return true;
  }
  /// What was read, at `now`, before `bytes` of it were taken.
  void remember(const MemoryHeadroom& headroom, std::uint64_t bytes,
                clock::time_point now) noexcept {
    left_ = headroom.bytes - bytes;
    until_ = now + kAge;
  }

 private:
  std::uint64_t left_ = 0;
  clock::time_point until_{};
};

}  // namespace cortado::os
