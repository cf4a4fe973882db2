// Sealed memory without a name: nothing can truncate it, nothing is left behind.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>

#include "os/descriptor.hpp"

namespace cortado::os {

/// Creates a zeroed memfd of exactly `bytes`, all of it allocated (no later store is a SIGBUS), and
/// seals its size for good. `name` is for /proc/PID/maps only.
///
/// Memory is charged here, to this process's cgroup; whether it fits is looked up first, because a
/// full cgroup kills instead of refusing. Best effort: others allocate at the same time.
///
/// invalid_argument: 0 bytes. no_memory: more than the cgroup, the machine or `ulimit -f` allows.
/// descriptors: none left. unsupported: no memfd_create.
Result<Descriptor> create_memory_file(const char* name, std::size_t bytes);

/// Whether a received descriptor is a memfd of exactly `bytes` whose size is sealed for good.
/// malformed: it is not.
Result<void> verify_memory_file(int descriptor, std::size_t bytes);

}  // namespace cortado::os
