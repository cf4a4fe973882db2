// For queues whose element is a type: one for each of the usual sizes.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "bench/contestant.hpp"

namespace cortado::bench {

template <std::size_t kBytes>
struct Slot {
  std::byte bytes[kBytes];
};

/// Both are bytes: no alignment, no constructor.
template <std::size_t kBytes>
const Slot<kBytes>& slot_of(std::span<const std::byte> message) noexcept {
  return *reinterpret_cast<const Slot<kBytes>*>(message.data());
}
template <std::size_t kBytes>
Slot<kBytes>* slots_at(std::byte* at) noexcept {
  return reinterpret_cast<Slot<kBytes>*>(at);
}

/// run(std::integral_constant<std::size_t, N>) for the one of them that `bytes` is, else null.
template <class F>
Contestant::Run for_size(std::size_t bytes, F run) {
  constexpr std::size_t kKiB = 1024;
  switch (bytes) {
    case 16:
      return run(std::integral_constant<std::size_t, 16>{});
    case 64:
      return run(std::integral_constant<std::size_t, 64>{});
    case kKiB:
      return run(std::integral_constant<std::size_t, kKiB>{});
    case 64 * kKiB:
      return run(std::integral_constant<std::size_t, 64 * kKiB>{});
    default:
      return nullptr;
  }
}

}  // namespace cortado::bench
