#include "modes/disaster.hpp"

#include <csignal>
#include <cstdint>
#include <thread>

#include <unistd.h>

#include "modes/gate.hpp"
#include "modes/mode.hpp"
#include "os/futex.hpp"

namespace cortado::modes {
namespace {

const Mode& mode_of(const Stage& stage) noexcept {
  return *known_modes()[stage.workload().mode];
}

void crash() noexcept {
  ::signal(SIGSEGV, SIG_DFL);  // whatever watches over this program
  const volatile std::uintptr_t nowhere = 64;
  *reinterpret_cast<volatile int*>(nowhere) = 1;  // NOLINT(performance-no-int-to-ptr)
}

/// Over the bytes of the order, where this writer has the buffer; else where the owner has it.
/// Nobody may do this, so nobody watches: it is no race that a sanitizer should tell of.
__attribute__((no_sanitize("thread", "address"))) void scribble(const Stage& stage) noexcept {
  const Workload& workload = stage.workload();
  std::uint64_t address =
      stage.writer(workload.fault.writer).buffer_address.load(std::memory_order_relaxed);
  if (address == 0) address = stage.host().buffer_address.load(std::memory_order_relaxed);
  ::signal(SIGSEGV, SIG_DFL);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): all that it has is a number
  auto* const order = reinterpret_cast<volatile char*>(address + sizeof(BufferHead));
  for (std::uint32_t i = 0; i < workload.capacity; ++i) order[i] = '#';
}

/// A process is stopped by a signal, as from a terminal or by a debugger; the runner opens the gate
/// when it sees that. A thread alone cannot be stopped from outside: it waits for what nobody does.
void stand_still(const Stage& stage) noexcept {
  if (mode_of(stage).isolation == Isolation::process) {
    ::raise(SIGSTOP);
    return;
  }
  open_gate(stage);
  std::atomic<std::uint32_t>& goes_on = stage.head().fault.goes_on;
  while (goes_on.load(std::memory_order_acquire) == 0) os::futex_wait(goes_on, 0);
}

}  // namespace

void Disaster::operator()() const {
  std::uint64_t not_yet = 0;
  if (!stage_.head().fault.begun_ns.compare_exchange_strong(not_yet, now_ns())) return;
  happen();
  const Fault& fault = stage_.workload().fault;
  if (fault.has_gate != 0 && mode_of(stage_).sharing == Sharing::race) {
    wait_for_one_through(stage_);
  }
}

void Disaster::happen() const {
  switch (stage_.workload().fault.kind) {
    case Fault::Kind::killed:
      ::kill(::getpid(), SIGKILL);
      break;
    case Fault::Kind::crashed:
      crash();
      break;
    case Fault::Kind::thrown:
      open_gate(stage_);
      throw Thrown{};
    case Fault::Kind::stopped:
      stand_still(stage_);
      break;
    case Fault::Kind::slow:
      open_gate(stage_);
      std::this_thread::sleep_for(kSlow);
      break;
    case Fault::Kind::scribbled:
      scribble(stage_);
      open_gate(stage_);
      break;
    case Fault::Kind::owner_killed:
      open_gate(stage_);
      ::kill(::getpid(), SIGKILL);
      break;
    default:
      open_gate(stage_);
      break;
  }
}

}  // namespace cortado::modes
