// Shared memory as a ring wants it, made by plain mmap: `prefix` bytes once, then `capacity` bytes
// twice, back to back (ring/layout.hpp says why). Shared with children that are forked later.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>

#include <sys/mman.h>

#include <unistd.h>

namespace cortado::test {

class MirroredMemory {
 public:
  /// Both in bytes and multiples of the page size. A test that gets no memory cannot go on: exits.
  MirroredMemory(std::size_t prefix, std::size_t capacity) : prefix_(prefix), capacity_(capacity) {
    const int memfd = memfd_create("ring under test", MFD_CLOEXEC);
    require(memfd >= 0, "memfd_create");
    require(ftruncate(memfd, static_cast<off_t>(prefix + capacity)) == 0, "ftruncate");
    void* reserved = mmap(nullptr, mapped_bytes(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(reserved != MAP_FAILED, "mmap, reserve");
    base_ = static_cast<std::byte*>(reserved);
    place(memfd, base_, prefix + capacity, 0);
    place(memfd, base_ + prefix + capacity, capacity, static_cast<off_t>(prefix));
    close(memfd);
  }
  ~MirroredMemory() { munmap(base_, mapped_bytes()); }
  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;

  std::byte* prefix() const { return base_; }
  std::byte* ring() const { return base_ + prefix_; }
  /// Each shared byte once: the prefix, then the ring.
  std::span<std::byte> bytes() const { return {base_, prefix_ + capacity_}; }
  std::span<std::byte> ring_bytes() const { return {ring(), capacity_}; }

 private:
  std::size_t mapped_bytes() const { return prefix_ + 2 * capacity_; }

  static void require(bool good, const char* what) {
    if (good) return;
    std::perror(what);
    std::abort();
  }

  static void place(int memfd, std::byte* at, std::size_t size, off_t offset) {
    void* placed = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd, offset);
    require(placed == at, "mmap, place");
  }

  std::size_t prefix_;
  std::size_t capacity_;
  std::byte* base_ = nullptr;
};

}  // namespace cortado::test
