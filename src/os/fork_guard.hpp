// Tells a forked child from its parent, at the price of two loads.
#pragma once

#include <atomic>
#include <cstdint>

namespace cortado::os {

namespace fork_guard {
/// A word that the kernel zeroes in a forked child (MADV_WIPEONFORK). Never null.
extern std::atomic<const std::atomic<std::uint64_t>*> word;
std::uint64_t new_epoch() noexcept;
}  // namespace fork_guard

/// A number that stays equal in one process and differs in each forked child from all its
/// ancestors'. Never 0. Any thread, also in a child forked from a process with threads; not a
/// child that shares memory (vfork). What must not be used in a child keeps the epoch of its birth.
inline std::uint64_t process_epoch() noexcept {
  const std::uint64_t epoch =
      fork_guard::word.load(std::memory_order_acquire)->load(std::memory_order_relaxed);
  if (epoch != 0) [[likely]] {
    return epoch;
  }
  return fork_guard::new_epoch();
}

/// Two loads and a comparison, no call. True: this is the process that `epoch` was asked for in.
/// False: perhaps not, `is_process` knows.
inline bool is_surely_process(std::uint64_t epoch) noexcept {
  return fork_guard::word.load(std::memory_order_acquire)->load(std::memory_order_relaxed) == epoch;
}

/// True in the process that `epoch` was asked for in.
inline bool is_process(std::uint64_t epoch) noexcept {
  return is_surely_process(epoch) || process_epoch() == epoch;
}

}  // namespace cortado::os
