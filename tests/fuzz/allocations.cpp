#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t total = 0;
}

std::size_t cortado::fuzz::allocated_bytes() noexcept {
  return total;
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  total += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
