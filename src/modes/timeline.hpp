// The timeline of a run: when the first orders of each writer were begun, got their place, were
// applied and done. Kept only if somebody wants it.
//
// It is a table by writer and number, not a list of events: each time has its one place, which one
// thread stores to, so that nothing is reserved, nothing can be torn apart, and an order has one
// begin and one end whatever dies in between. It has room for the first orders only; the others are
// not timed, and how many they are follows from the writers' notes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "modes/stage.hpp"
#include "os/tick_clock.hpp"

namespace cortado::modes {

/// What a stage needs for a timeline of so many orders of each writer.
inline std::uint64_t timeline_room(const Workload& workload) noexcept {
  constexpr std::uint64_t kOrders = 1U << 15;  // of all together: some 20 MB of text
  const std::uint64_t room = kOrders / workload.writers;
  return workload.orders_of(0) < room ? workload.orders_of(0) : room == 0 ? 1 : room;
}

/// Notes times, if the stage has a timeline: what each function says has just happened. Make it
/// before the start.
class Timeline {
 public:
  explicit Timeline(const Stage& stage) noexcept
      : orders_(stage.order_times().data()),
        applied_(stage.apply_times().data()),
        room_(stage.head().timeline_room) {
    touch(std::as_bytes(stage.order_times()));
    touch(std::as_bytes(stage.apply_times()));
  }

  bool covers(Stamp stamp) const noexcept { return stamp.sequence() < room_; }

  // Its writer.
  void begun(Stamp stamp) const noexcept { note(stamp, &OrderTimes::begun); }
  /// It is done, and the next one begins at the same time.
  void next(Stamp stamp) const noexcept {
    if (covers(stamp)) [[unlikely]] {
      const std::uint64_t now = os::ticks();
      orders_[index(stamp)].done = now;
      const Stamp behind{stamp.writer(), stamp.sequence() + 1};
      if (covers(behind)) orders_[index(behind)].begun = now;
    }
  }
  /// It waited, and has the lock or room now.
  void granted(Stamp stamp) const noexcept { note(stamp, &OrderTimes::granted); }
  /// It is sent, but its writer has to wait.
  void sent(Stamp stamp) const noexcept { note(stamp, &OrderTimes::sent); }

  // Whoever applies it.
  void applied(Stamp stamp, std::uint64_t begun) const noexcept {
    applied_[index(stamp)] = {begun, os::ticks()};
  }

 private:
  /// So that no page is missing when the run has started.
  static void touch(std::span<const std::byte> memory) noexcept {
    constexpr std::size_t kPage = 4096;
    for (std::size_t at = 0; at < memory.size(); at += kPage) {
      static_cast<void>(*static_cast<const volatile std::byte*>(&memory[at]));
    }
  }
  std::uint64_t index(Stamp stamp) const noexcept {
    return stamp.writer() * room_ + stamp.sequence();
  }
  void note(Stamp stamp, std::uint64_t OrderTimes::*time) const noexcept {
    if (covers(stamp)) [[unlikely]] {
      orders_[index(stamp)].*time = os::ticks();
    }
  }

  OrderTimes* orders_;
  ApplyTimes* applied_;
  std::uint64_t room_;  ///< orders of each writer; 0: nobody wants it
};

}  // namespace cortado::modes
