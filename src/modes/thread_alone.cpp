// thread-alone: one thread plays all writers, in turn, and shares the buffer with nobody. No lock,
// no message, no other processor: the most that anybody can do, against which the others are held.
#include <cstdint>
#include <deque>

#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/unlocked_sink.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {
namespace {

using AloneSink = UnlockedSink<Plain>;
using Bodies = std::deque<WriterBody<AloneSink>>;

/// Each letter that is written passes the turn to whoever has the next.
void take_turns(const Stage& stage, Bodies& bodies) {
  const auto turns = stage.turns();
  const std::atomic<std::uint32_t>& turn = stage.head().turn;
  for (std::uint32_t now = 0; now < turns.size(); now = turn.load(std::memory_order_relaxed)) {
    if (!bodies[turns[now]].advance(1)) return;
  }
}

/// Orders of one writer before the next one has its turn.
std::uint64_t slice_of(const Workload& workload) noexcept {
  constexpr std::uint64_t kAtOnce = 64;
  if (workload.load_per_s > 0) return 1;  // as they are due
  return workload.writers == 1 ? UINT64_MAX : kAtOnce;
}

void write_all(const Stage& stage, Bodies& bodies) {
  if (stage.workload().takes_turns != 0) take_turns(stage, bodies);
  const std::uint64_t slice = slice_of(stage.workload());
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    for (auto& body : bodies) goes_on = body.advance(slice) || goes_on;
  }
}

int host(const Stage& stage) {
  const auto memory = memory_for_buffer(stage);
  if (!memory) return refuse(stage, memory.error());
  const Buffer buffer = make_buffer(stage, memory->address());
  announce(stage, buffer);
  AloneSink sink(stage, buffer);
  Bodies bodies;
  const std::uint32_t writers = stage.workload().writers;
  for (std::uint32_t w = 0; w < writers; ++w) {
    introduce(stage, w, buffer.memory().data());
    bodies.emplace_back(stage, w, sink);
  }
  wait_for_start(stage, writers);
  const Usage before = usage_of_thread();
  write_all(stage, bodies);
  stage.host().usage = usage_of_thread() - before;
  for (auto& body : bodies) body.end(Usage{});
  leave(stage, buffer);
  return 0;
}

}  // namespace

const Mode kThreadAlone{"thread-alone", Isolation::thread, Sharing::none, host, nullptr};

}  // namespace cortado::modes
