// Memory of this process alone, in a mapping of its own.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <utility>

namespace cortado::os {

/// Zeroed pages that a child or another process does not have. Unmapped when destroyed.
class PrivateMemory {
 public:
  /// no_memory: the machine or a limit does not allow it.
  static Result<PrivateMemory> create(std::size_t bytes);
  ~PrivateMemory();
  PrivateMemory(PrivateMemory&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(other.bytes_) {}
  PrivateMemory& operator=(PrivateMemory&&) = delete;
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;

  void* address() const noexcept { return address_; }

 private:
  PrivateMemory(void* address, std::size_t bytes) noexcept : address_(address), bytes_(bytes) {}
  void* address_;
  std::size_t bytes_;
};

}  // namespace cortado::os
