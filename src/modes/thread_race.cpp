// thread-race: the buffer in one process, its threads write into it as they please.
#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/unlocked_sink.hpp"

namespace cortado::modes {
namespace {

int host(const Stage& stage) {
  const auto memory = memory_for_buffer(stage);
  if (!memory) return refuse(stage, memory.error());
  const Buffer buffer = make_buffer(stage, memory->address());
  announce(stage, buffer);
  run_threads(stage, [&](std::uint32_t index) {
    UnlockedSink<Racy> sink(stage, buffer);
    write_orders(stage, index, sink, memory->address());
  });
  leave(stage, buffer);
  return 0;
}

}  // namespace

const Mode kThreadRace{"thread-race", Isolation::thread, Sharing::race, host, nullptr};

}  // namespace cortado::modes
