// The modes behind one contract: six to compare, and what they are held against.
//
// A run has one host, a process that has the buffer made, and its writers. In a thread mode the
// host runs the writers as threads; in a process mode each is a process of its own. Host and writer
// are given the stage, do their part between its start and its end, and leave their notes there.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "modes/stage.hpp"

namespace cortado::modes {

enum class Isolation : std::uint8_t { thread, process };
enum class Sharing : std::uint8_t {
  race,   ///< all write into one buffer, as they please
  mutex,  ///< all write into one buffer, one at a time
  ring,   ///< one owner writes into its own buffer, the others send it messages by a queue
  none,   ///< there is one thread only
};

struct Mode {
  std::string_view name;
  Isolation isolation;
  Sharing sharing;
  /// The host's part. Returns an exit status; not 0: why is on the stage.
  int (*host)(const Stage& stage);
  /// The part of writer `index` as a process; null in a thread mode. Likewise.
  int (*writer)(const Stage& stage, std::uint32_t index);
  /// The runner's part when all have ended, however they did: removes what has a name.
  void (*clean)(const Stage& stage) = nullptr;
};

/// Nobody's orders may be harmed in it.
constexpr bool is_safe(const Mode& mode) noexcept {
  return mode.sharing != Sharing::race;
}

extern const Mode kThreadRace, kThreadMutex, kThreadRing, kProcessRace, kProcessMutex, kProcessRing;

/// The most that one thread can do, another lock, and two other queues.
extern const Mode kThreadAlone, kProcessRobustMutex, kProcessMessageQueue, kProcessPipe;

/// The six.
inline std::array<const Mode*, 6> all_modes() noexcept {
  return {&kThreadRace, &kThreadMutex, &kThreadRing, &kProcessRace, &kProcessMutex, &kProcessRing};
}
/// Everything that can be run, the six first. In the order of the index in Workload::mode.
inline std::array<const Mode*, 10> known_modes() noexcept {
  return {&kThreadRace,  &kThreadMutex, &kThreadRing,         &kProcessRace,         &kProcessMutex,
          &kProcessRing, &kThreadAlone, &kProcessRobustMutex, &kProcessMessageQueue, &kProcessPipe};
}

}  // namespace cortado::modes
