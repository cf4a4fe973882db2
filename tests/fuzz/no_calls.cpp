// What a lane without a connection asks of the kernel is answered here, so that an execution takes
// no system call; and a load from a lane's segment is a moment at which its writer can store.
#include "no_calls.hpp"

#include <cstdint>

#include <sys/socket.h>

namespace cortado::fuzz {
namespace {
Schedule* watching = nullptr;
std::uintptr_t watched_from = 0, watched_bytes = 0;

inline void loaded(const void* at) noexcept {
  if (reinterpret_cast<std::uintptr_t>(at) - watched_from < watched_bytes) watching->step();
}
}  // namespace

void step_at_loads(Schedule& schedule, const std::byte* from, std::size_t bytes) noexcept {
  watching = &schedule;
  watched_from = reinterpret_cast<std::uintptr_t>(from);
  watched_bytes = bytes;
}
}  // namespace cortado::fuzz

extern "C" {

/// Owner::Impl::ring_writer. Nobody hears it.
ssize_t send(int, const void*, std::size_t bytes, int) {
  return static_cast<ssize_t>(bytes);
}

// Called before each load, by files that are compiled with -fsanitize-coverage=trace-loads.
void __sanitizer_cov_load1(std::uint8_t* at) {
  cortado::fuzz::loaded(at);
}
void __sanitizer_cov_load2(std::uint16_t* at) {
  cortado::fuzz::loaded(at);
}
void __sanitizer_cov_load4(std::uint32_t* at) {
  cortado::fuzz::loaded(at);
}
void __sanitizer_cov_load8(std::uint64_t* at) {
  cortado::fuzz::loaded(at);
}
void __sanitizer_cov_load16(void* at) {
  cortado::fuzz::loaded(at);
}
}
