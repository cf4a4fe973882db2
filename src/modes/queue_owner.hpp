// The owner at the end of a queue that is not ours: applies what comes out of it to the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "modes/applier.hpp"
#include "modes/stage.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {

class QueueOwner {
 public:
  QueueOwner(const Stage& stage, Buffer buffer)
      : stage_(stage), applier_(stage, buffer, false), before_(usage_of_thread()) {}

  /// An order as it travelled; what is none is left out.
  void apply(std::span<const std::byte> image) {
    if (image.size() < Order::kStampBytes) return;
    const Order order(image);
    if (order.stamp().writer() >= stage_.workload().writers) return;
    applier_.apply(order, nothing_);
    stage_.host().applied.store(++applied_, std::memory_order_relaxed);
  }
  /// After some orders, before it waits for more.
  void note_time() noexcept {
    if (applied_ == noted_) return;
    noted_ = applied_;
    stage_.host().last_applied_ns.store(now_ns(), std::memory_order_release);
  }
  void end() noexcept {
    note_time();
    stage_.host().usage = usage_of_thread() - before_;
  }

 private:
  const Stage& stage_;
  Applier<Plain> applier_;
  Usage before_;
  const Nothing nothing_{};
  std::uint64_t applied_ = 0;
  std::uint64_t noted_ = 0;
};

}  // namespace cortado::modes
