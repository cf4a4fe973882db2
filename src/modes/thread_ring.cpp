// thread-ring: the buffer in one thread, which owns it; the other threads send it their orders.
#include <cstdlib>
#include <thread>

#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/ring_roles.hpp"

namespace cortado::modes {
namespace {

int host(const Stage& stage) {
  auto owner = open_owner(stage);
  if (!owner) return refuse(stage, owner.error());
  const auto memory = memory_for_buffer(stage);
  if (!memory) return refuse(stage, memory.error());
  const Buffer buffer = make_buffer(stage, memory->address());
  announce(stage, buffer);
  std::thread writers([&] {
    run_threads(stage, [&](std::uint32_t index) {
      const int status = write_by_ring(stage, index);
      if (status != 0) std::_Exit(status);  // the others wait for it
    });
  });
  own(stage, *owner, buffer);
  writers.join();
  leave(stage, buffer);
  return 0;
}

}  // namespace

const Mode kThreadRing{"thread-ring", Isolation::thread, Sharing::ring, host, nullptr};

}  // namespace cortado::modes
