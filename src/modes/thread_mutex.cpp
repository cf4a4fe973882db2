// thread-mutex: the buffer in one process, its threads take a std::mutex to write into it.
#include <mutex>
#include <new>

#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/mutex_sink.hpp"

namespace cortado::modes {
namespace {

int host(const Stage& stage) {
  const auto memory = memory_for_buffer(stage, kLockBytes);
  if (!memory) return refuse(stage, memory.error());
  auto* const mutex = new (memory->address()) std::mutex;
  const Buffer buffer = make_buffer(stage, static_cast<std::byte*>(memory->address()) + kLockBytes);
  announce(stage, buffer);
  run_threads(stage, [&](std::uint32_t index) {
    MutexSink sink(stage, *mutex, buffer);
    write_orders(stage, index, sink, buffer.memory().data());
  });
  leave(stage, buffer);
  return 0;
}

}  // namespace

const Mode kThreadMutex{"thread-mutex", Isolation::thread, Sharing::mutex, host, nullptr};

}  // namespace cortado::modes
