#include "modes/gate.hpp"

#include <thread>

#include "modes/mode.hpp"
#include "os/futex.hpp"

namespace cortado::modes {
namespace {

bool all_wait_and_all_is_applied(const Stage& stage) noexcept {
  const Workload& workload = stage.workload();
  if (stage.head().fault.waiting.load(std::memory_order_acquire) + 1 < workload.writers) {
    return false;
  }
  if (known_modes()[workload.mode]->sharing != Sharing::ring) return true;
  return stage.host().applied.load(std::memory_order_acquire) ==
         workload.fault.sequence * workload.writers;
}

bool is_through(const Stage& stage) noexcept {
  const Workload& workload = stage.workload();
  for (std::uint32_t w = 0; w < workload.writers; ++w) {
    if (w != workload.fault.writer &&
        stage.writer(w).taken.load(std::memory_order_acquire) > workload.fault.sequence) {
      return true;
    }
  }
  return workload.writers == 1;
}

}  // namespace

void pass_gate(const Stage& stage, std::uint32_t writer) noexcept {
  FaultNotes& fault = stage.head().fault;
  if (writer == stage.workload().fault.writer) {
    while (!all_wait_and_all_is_applied(stage)) std::this_thread::yield();
    return;
  }
  fault.waiting.fetch_add(1, std::memory_order_release);
  while (fault.is_open.load(std::memory_order_acquire) == 0) os::futex_wait(fault.is_open, 0);
}

void open_gate(const Stage& stage) noexcept {
  FaultNotes& fault = stage.head().fault;
  if (fault.is_open.load(std::memory_order_relaxed) != 0) return;
  fault.happened_ns.store(now_ns(), std::memory_order_relaxed);
  fault.is_open.store(1, std::memory_order_release);
  os::futex_wake_all(fault.is_open);
}

void wait_for_one_through(const Stage& stage) noexcept {
  while (!is_through(stage)) std::this_thread::yield();
}

void let_go_on(const Stage& stage) noexcept {
  std::atomic<std::uint32_t>& goes_on = stage.head().fault.goes_on;
  goes_on.store(1, std::memory_order_release);
  os::futex_wake_all(goes_on);
}

}  // namespace cortado::modes
