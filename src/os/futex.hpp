// Waiting for a word to change, also across processes.
#pragma once

#include <atomic>
#include <cstdint>

namespace cortado::os {

/// Sleeps while `word` has the value `seen`; may return without a reason. The word may be in memory
/// that other processes share.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t seen) noexcept;
/// Wakes everybody who waits for `word`.
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace cortado::os
