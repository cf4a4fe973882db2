// Where the buffer is in a segment that all writers map: behind room for a lock.
#pragma once

#include <cstddef>

#include "modes/buffer.hpp"
#include "modes/shared_memory.hpp"

namespace cortado::modes {

inline constexpr std::size_t kLockBytes = 64;

constexpr std::size_t shared_buffer_bytes(std::uint32_t capacity, std::uint32_t writers) noexcept {
  return kLockBytes + Buffer::bytes_for(capacity, writers);
}

inline void* buffer_in(const SharedMemory& segment) noexcept {
  return static_cast<std::byte*>(segment.address()) + kLockBytes;
}

}  // namespace cortado::modes
