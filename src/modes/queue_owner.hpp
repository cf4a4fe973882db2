// The owner at the end of a queue that is not ours: applies what comes out of it to the buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "modes/applier.hpp"
#include "modes/disaster.hpp"
#include "modes/queue_depth.hpp"
#include "modes/stage.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {

class QueueOwner {
 public:
  QueueOwner(const Stage& stage, Buffer buffer)
      : stage_(stage),
        applier_(stage, buffer, false),
        depth_(stage),
        disaster_(stage),
        fatal_(fatal_to_owner(stage.workload())),
        before_(usage_of_thread()) {}

  /// An order as it travelled; what is none is left out.
  void apply(std::span<const std::byte> image) {
    if (image.size() < Order::kStampBytes) return;
    const Order order(image);
    if (order.stamp().writer() >= stage_.workload().writers) return;
    depth_.look(applied_);
    if (order.stamp().word() == fatal_) [[unlikely]] {
      applier_.apply(order, disaster_);
    } else {
      applier_.apply(order, nothing_);
    }
    stage_.host().applied.store(++applied_, std::memory_order_release);
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
  QueueDepth depth_;
  const Disaster disaster_;
  std::uint64_t fatal_;
  Usage before_;
  const Nothing nothing_{};
  std::uint64_t applied_ = 0;
  std::uint64_t noted_ = 0;
};

}  // namespace cortado::modes
