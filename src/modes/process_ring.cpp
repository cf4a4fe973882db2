// process-ring: the buffer in one process, which owns it; the writers are processes that send it
// their orders and cannot reach it.
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
  own(stage, *owner, buffer);
  wait_for_writers(stage);  // a group ends its writers with their owner, these still take notes
  leave(stage, buffer);
  return 0;
}

int write(const Stage& stage, std::uint32_t index) {
  wait_for_host(stage);
  return write_by_ring(stage, index);
}

}  // namespace

const Mode kProcessRing{"process-ring", Isolation::process, Sharing::ring, host, write};

}  // namespace cortado::modes
