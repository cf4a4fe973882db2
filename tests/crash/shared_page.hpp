// A page of memory that a test and its children share, with one object in it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>

#include <sys/mman.h>

namespace cortado::test {

template <class T>
class SharedPage {
 public:
  SharedPage() {
    static_assert(sizeof(T) <= 4096);
    void* page =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) std::abort();
    object_ = new (page) T{};
  }
  ~SharedPage() { munmap(object_, sizeof(T)); }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;

  void renew() { object_ = new (object_) T{}; }

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  std::span<std::byte> bytes() const { return std::as_writable_bytes(std::span(object_, 1)); }

 private:
  T* object_;
};

}  // namespace cortado::test
