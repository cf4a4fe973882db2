// A writer that takes the lock, writes into the buffer, and gives the lock back.
#pragma once

#include <exception>
#include <mutex>

#include "modes/applier.hpp"
#include "modes/blocked_time.hpp"
#include "modes/shared_buffer.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {

template <class Mutex>
class MutexSink {
 public:
  static_assert(sizeof(Mutex) <= kLockBytes);

  MutexSink(const Stage& stage, Mutex& mutex, Buffer buffer)
      : stage_(stage),
        timeline_(stage),
        blocked_(stage),
        mutex_(mutex),
        buffer_(buffer),
        applier_(stage, buffer, false),
        capacity_(buffer.head().capacity),
        takes_turns_(stage.workload().takes_turns != 0) {}

  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    if (takes_turns_) wait_for_turn(stage_, order.stamp().writer());
    try {
      if (blocked_.is_sampled(order.stamp())) [[unlikely]] {
        lock_timed(order.stamp());
      } else {
        mutex_.lock();
      }
      const std::lock_guard<Mutex> lock(mutex_, std::adopt_lock);
      if constexpr (requires { mutex_.take_over(); }) {
        if (mutex_.take_over()) [[unlikely]]
          buffer_.empty_cup();
      }
      timeline_.granted(order.stamp());
      applier_.apply(order, midway);
      return Put::taken;
    } catch (const std::exception&) {  // a lock that knows that its holder died
      return Put::failed;
    }
  }
  static Failure failure() noexcept { return Failure::lock_broken; }
  bool finish() const noexcept { return true; }

 private:
  [[gnu::noinline]] void lock_timed(Stamp stamp) {
    if (mutex_.try_lock()) return;
    const Wait wait = blocked_.sampled(stamp);
    mutex_.lock();
  }

  const Stage& stage_;
  Timeline timeline_;
  BlockedTime blocked_;
  Mutex& mutex_;
  Buffer buffer_;
  Applier<Plain> applier_;
  std::uint32_t capacity_;
  bool takes_turns_;
};

}  // namespace cortado::modes
