// process-mutex: the buffer in a segment that all writers map, with an interprocess_mutex in front
// of it. When its holder is killed, the others wait for ever (Boost before 1.78, and some of them
// later, too), or the lock throws at each who asks for it. So this is run under a watchdog.
#include <new>

#include <boost/interprocess/sync/interprocess_mutex.hpp>

#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/mutex_sink.hpp"
#include "modes/shared_buffer.hpp"

namespace cortado::modes {
namespace {

using boost::interprocess::interprocess_mutex;

int host(const Stage& stage) {
  const auto segment = SharedMemory::open(stage.head().segment);
  if (!segment) return refuse(stage, segment.error());
  new (segment->address()) interprocess_mutex;
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
  MutexSink sink(stage, *static_cast<interprocess_mutex*>(segment->address()), buffer);
  write_orders(stage, index, sink, buffer.memory().data());
  return 0;
}

}  // namespace

const Mode kProcessMutex{"process-mutex", Isolation::process, Sharing::mutex, host, write};

}  // namespace cortado::modes
