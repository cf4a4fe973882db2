#include "modes/buffer.hpp"

#include <algorithm>
#include <new>

namespace cortado::modes {

Buffer Buffer::make(void* memory, std::uint32_t capacity, std::uint32_t writers) noexcept {
  auto* head = new (memory) BufferHead;
  head->capacity = capacity;
  head->writers = writers;
  Buffer buffer(memory);
  for (std::uint32_t w = 0; w < writers; ++w) new (&buffer.account(w)) Account;
  return buffer;
}

void Buffer::empty_cup() const noexcept {
  head().length = head().stamp = head().check = 0;
  std::fill_n(order(), head().capacity, std::byte{0});
}

}  // namespace cortado::modes
