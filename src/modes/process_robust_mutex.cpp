// process-robust-mutex: as process-mutex, with a POSIX mutex that is robust: when its holder is
// killed, the kernel gives the lock to the next one and says so. That one - a writer, or the host,
// which looks at the end - empties the cup, which may hold half an order, and all others go on.
// What the lock cannot tell is how far the dead one was: killed between two stores of an account,
// it leaves counts that are off by its last order, and the ledger says so.
#include <cerrno>
#include <mutex>
#include <new>
#include <system_error>

#include <pthread.h>

#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/mutex_sink.hpp"
#include "modes/shared_buffer.hpp"

namespace cortado::modes {
namespace {

/// In shared memory; made by the host.
class RobustMutex {
 public:
  RobustMutex() {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
  }

  /// Throws, if it cannot be had any more; so does try_lock.
  void lock() {
    const int error = ::pthread_mutex_lock(&mutex_);
    if (error == 0) [[likely]]
      return;
    repair(error);
  }
  bool try_lock() {
    const int error = ::pthread_mutex_trylock(&mutex_);
    if (error == EBUSY) return false;
    if (error != 0) repair(error);
    return true;
  }
  void unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }
  /// For who has the lock, once: the one before died with it.
  bool take_over() noexcept {
    if (!holder_died_) [[likely]]
      return false;
    holder_died_ = false;
    return true;
  }

 private:
  void repair(int error) {
    if (error != EOWNERDEAD) throw std::system_error(error, std::generic_category());
    ::pthread_mutex_consistent(&mutex_);
    holder_died_ = true;
  }

  pthread_mutex_t mutex_;
  bool holder_died_ = false;  ///< behind the lock
};

/// Who has the lock may look at the cup; it may be the last holder's death that is told first.
void repair(RobustMutex& mutex, const Buffer& buffer) {
  const std::lock_guard<RobustMutex> lock(mutex);
  if (mutex.take_over()) buffer.empty_cup();
}

int host(const Stage& stage) {
  const auto segment = SharedMemory::open(stage.head().segment);
  if (!segment) return refuse(stage, segment.error());
  auto* const mutex = new (segment->address()) RobustMutex;
  const Buffer buffer = make_buffer(stage, buffer_in(*segment));
  announce(stage, buffer);
  wait_for_writers(stage);
  repair(*mutex, buffer);
  leave(stage, buffer);
  return 0;
}

int write(const Stage& stage, std::uint32_t index) {
  wait_for_host(stage);
  const auto segment = SharedMemory::open(stage.head().segment);
  if (!segment) return refuse(stage, segment.error());
  const Buffer buffer(buffer_in(*segment));
  MutexSink sink(stage, *static_cast<RobustMutex*>(segment->address()), buffer);
  write_orders(stage, index, sink, buffer.memory().data());
  return 0;
}

}  // namespace

const Mode kProcessRobustMutex{"process-robust-mutex", Isolation::process, Sharing::mutex, host,
                               write};

}  // namespace cortado::modes
