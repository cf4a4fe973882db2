#include "os/memory_barrier.hpp"

#include <atomic>
#include <cstdint>

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include <unistd.h>

#include "os/fork_guard.hpp"

namespace cortado::os {
namespace {

bool membarrier(int command) noexcept {
  return ::syscall(SYS_membarrier, command, 0U, 0) == 0;
}

}  // namespace

bool register_for_global_barrier() noexcept {
  static std::atomic<std::uint64_t> registered_in{0};
  const std::uint64_t epoch = process_epoch();
  if (registered_in.load(std::memory_order_relaxed) == epoch) return true;
  if (!membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)) return false;
  registered_in.store(epoch, std::memory_order_relaxed);
  return true;
}

bool global_barrier() noexcept {
  return membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
}

}  // namespace cortado::os
