// What a lane and the kept segment may look like when an owner begins an operation: the tables for
// the crash points of an owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "../support/estate.hpp"
#include "ring/layout.hpp"

namespace cortado::test {

struct OwnerState {
  using Stage = lane::KeptLane::Stage;

  std::uint64_t start = 0;                  ///< position of the first message that waits
  std::vector<std::uint64_t> lengths = {};  ///< of the messages that wait
  bool asks = false;                        ///< every second one wants an answer
  bool armed = false;                       ///< the owner comes out of its sleep
  std::size_t in_hand = 0;                  ///< messages that an earlier owner died with

  bool broken = false;               ///< what breaks a rule stands behind the messages
  std::size_t state_ahead = 0;       ///< messages in the kept state, and not yet of their lane
  bool answer_uncounted = false;     ///< the first ask has an answer that is not yet counted
  unsigned attempts = 0;             ///< failures with the first message so far
  Stage stage = Stage::joined;       ///< of the lane
  std::uint64_t owner_state = 0;     ///< bits that the dead owner left in the lane's page
  bool writer_left = false;          ///< in order: the owner sees it hang up
  std::size_t throws_at = kNoThrow;  ///< the handler throws at this message, the first time

  static constexpr std::size_t kNoThrow = ~std::size_t{0};

  std::string name() const {
    std::ostringstream text;
    text << "start " << start << ", lengths";
    for (const std::uint64_t length : lengths) text << ' ' << length;
    text << (asks ? ", asks" : "") << (armed ? ", armed" : "") << ", in hand " << in_hand;
    if (broken) text << ", broken behind";
    if (state_ahead != 0) text << ", state ahead " << state_ahead;
    if (answer_uncounted) text << ", answer uncounted";
    if (attempts != 0) text << ", attempts " << attempts;
    if (stage != Stage::joined) text << ", stage " << static_cast<int>(stage);
    if (owner_state != 0) text << ", owner_state " << owner_state;
    if (writer_left) text << ", writer left";
    if (throws_at != kNoThrow) text << ", throws at " << throws_at;
    return text.str();
  }

  /// One near the capacity wraps, one near 2^64 passes it.
  static std::vector<std::uint64_t> starts() {
    return {0, 7 * Estate::kRingBytes - 8, ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63};
  }
  /// Payloads that fill a ring with a message in each, to the last byte that a writer may use.
  static std::vector<std::uint64_t> full() { return {800, 801, 802, 803, 804, 8}; }
  static std::vector<std::uint64_t> few() { return {0, 1, 100}; }

  /// For an owner that takes what waits.
  static std::vector<OwnerState> to_drain() {
    std::vector<OwnerState> states;
    for (const std::uint64_t start : starts()) {
      const bool armed = states.size() % 2 == 1;
      for (const auto& lengths : {std::vector<std::uint64_t>{}, few(), full()}) {
        states.push_back({start, lengths, false, armed, 0});
      }
      states.push_back({start, few(), true, !armed, 0});
      states.push_back({start, few(), false, armed, 2});
    }
    states.push_back({8, {ring::max_length(Estate::kRingBytes)}, false, true, 0});
    states.push_back({16, few(), true, true, 3});
    return states;
  }

  /// For an operation that does not depend on what exactly waits.
  static std::vector<OwnerState> any() {
    std::vector<OwnerState> states;
    for (const std::uint64_t start : starts()) {
      states.push_back({start, states.size() % 2 == 0 ? few() : full()});
    }
    states.push_back({8, {}});
    states.push_back({16, few(), true, true, 2});
    return states;
  }
  template <class Change>
  static std::vector<OwnerState> any(const Change& change) {
    std::vector<OwnerState> states = any();
    for (OwnerState& state : states) change(state);
    return states;
  }

  /// For one that takes over: what each kind of death leaves.
  static std::vector<OwnerState> to_take_over(bool with_state) {
    std::vector<OwnerState> states = {{8, few(), true, true, 2}, {starts()[3], full()}};
    const auto add = [&](const auto& change) {
      states.push_back({starts()[states.size() % 4], few()});
      change(states.back());
    };
    add([](OwnerState& s) { s.in_hand = 3; });
    add([](OwnerState& s) {
      s.in_hand = 1;
      s.attempts = 2;
    });
    if (with_state) {
      add([](OwnerState& s) { s.state_ahead = 1; });
      add([](OwnerState& s) {
        s.lengths = full();
        s.state_ahead = s.lengths.size();
      });
      return states;
    }
    add([](OwnerState& s) { s.stage = Stage::offered; });
    add([](OwnerState& s) { s.stage = Stage::evicted; });
    add([](OwnerState& s) {
      s.stage = Stage::evicted;
      s.owner_state = lane::owner_state::evicted;
    });
    add([](OwnerState& s) { s.broken = true; });
    add([](OwnerState& s) {
      s.owner_state =
          lane::owner_state::closing | lane::owner_state::armed | 7 * lane::owner_state::arm_step;
    });
    add([](OwnerState& s) { s.in_hand = s.attempts = 1; });
    add([](OwnerState& s) {
      s.asks = s.answer_uncounted = true;
      s.in_hand = 1;
    });
    return states;
  }
};

}  // namespace cortado::test
