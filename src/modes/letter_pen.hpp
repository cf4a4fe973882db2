// Writing an order letter by letter, slowly enough to watch.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <thread>

#include "modes/apply.hpp"
#include "modes/stage.hpp"
#include "modes/turns.hpp"

namespace cortado::modes {

/// Fills the buffer to its end, a letter (a byte) at a time; behind the order's last one with
/// zeros. What stands there in the end is what QuickPen leaves. Each letter is noted on the stage.
///
/// per_letter: before each letter it waits for its turn, if the writers take turns; else whoever
/// holds the buffer passes the turn before the first letter, so that the next one may queue up.
template <class Midway>
struct LetterPen {
  const Stage& stage;
  const Midway& midway;
  bool per_letter = false;

  template <class Access>
  void write(std::byte* to, std::uint32_t capacity, Stamp stamp, std::span<const std::byte> order,
             std::size_t) const {
    const bool takes_turns = stage.workload().takes_turns != 0;
    const std::chrono::nanoseconds delay(stage.workload().letter_delay_ns);
    if (takes_turns && !per_letter) pass_turn(stage);
    for (std::uint32_t cell = 0; cell < capacity; ++cell) {
      if (cell == order.size() / 2) midway();
      if (takes_turns && per_letter) wait_for_turn(stage, stamp.writer());
      const std::byte letter = cell < order.size() ? order[cell] : std::byte{0};
      Access::store(to[cell], letter);
      stage.note_stroke({stamp.writer(), cell, static_cast<std::uint8_t>(letter)});
      std::this_thread::sleep_for(delay);
      if (takes_turns && per_letter) pass_turn(stage);
    }
  }
};

}  // namespace cortado::modes
