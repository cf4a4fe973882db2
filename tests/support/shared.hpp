// One object in memory that a test and the processes that it forks share.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>

#include <sys/mman.h>

namespace cortado::test {

template <class T>
class Shared {
 public:
  Shared() {
    void* memory =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    object_ = new (memory) T{};
  }
  ~Shared() { ::munmap(object_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  void renew() { object_ = new (object_) T{}; }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  std::span<std::byte> bytes() const { return std::as_writable_bytes(std::span(object_, 1)); }

 private:
  T* object_;
};

}  // namespace cortado::test
