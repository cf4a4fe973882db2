// What every host does: announce the buffer, run threads or wait for processes, leave the buffer.
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <functional>

#include "modes/stage.hpp"
#include "os/private_memory.hpp"

namespace cortado::modes {

/// Exit status of a participant that cannot do its part.
inline constexpr int kCannotTakePart = 69;

/// Leaves the reason on the stage, for the runner to tell. Returns kCannotTakePart.
int refuse(const Stage& stage, const Error& error) noexcept;

/// Private memory for a buffer of this workload, `in_front` (a multiple of 64) bytes before it.
Result<os::PrivateMemory> memory_for_buffer(const Stage& stage, std::size_t in_front = 0);
/// Makes the buffer there.
Buffer make_buffer(const Stage& stage, void* memory) noexcept;

/// From now on writers may come.
void announce(const Stage& stage, Buffer buffer) noexcept;
/// Runs `write(index)` for each writer in a thread of its own, until all have ended.
void run_threads(const Stage& stage, const std::function<void(std::uint32_t)>& write);
/// For a writer that is a process: until its host has announced the buffer.
void wait_for_host(const Stage& stage) noexcept;
/// For a host that does something once all writers are there.
void wait_until_started(const Stage& stage) noexcept;
/// For a host whose writers are processes: until the runner says that none is left.
void wait_for_writers(const Stage& stage) noexcept;
/// The run has ended in order: leaves what is in the buffer on the stage.
void leave(const Stage& stage, Buffer buffer) noexcept;

}  // namespace cortado::modes
