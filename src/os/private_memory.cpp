#include "os/private_memory.hpp"

#include <cerrno>
#include <string>

#include <sys/mman.h>

#include "os/error.hpp"

namespace cortado::os {

Result<PrivateMemory> PrivateMemory::create(std::size_t bytes) {
  void* address =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    return system_error(errno, "map", std::to_string(bytes) + " bytes of private memory");
  }
  return PrivateMemory(address, bytes);
}

PrivateMemory::~PrivateMemory() {
  if (address_ != nullptr) ::munmap(address_, bytes_);
}

}  // namespace cortado::os
