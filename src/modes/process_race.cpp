// process-race: the buffer in a segment that all writers map, and write into as they please.
#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/shared_buffer.hpp"
#include "modes/unlocked_sink.hpp"

namespace cortado::modes {
namespace {

int host(const Stage& stage) {
  const auto segment = SharedMemory::open(stage.head().segment);
  if (!segment) return refuse(stage, segment.error());
  const Buffer buffer = make_buffer(stage, buffer_in(*segment));
  announce(stage, buffer);
  wait_for_writers(stage);
  leave(stage, buffer);
  return 0;
}

int write(const Stage& stage, std::uint32_t index) {
  wait_for_host(stage);
  const auto segment = SharedMemory::open(stage.head().segment);
  if (!segment) return refuse(stage, segment.error());
  const Buffer buffer(buffer_in(*segment));
  UnlockedSink<Racy> sink(stage, buffer);
  write_orders(stage, index, sink, buffer.memory().data());
  return 0;
}

}  // namespace

const Mode kProcessRace{"process-race", Isolation::process, Sharing::race, host, write};

}  // namespace cortado::modes
