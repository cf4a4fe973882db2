// In one word: what became of a run in which something happened to somebody.
#pragma once

#include <cstdint>
#include <optional>

#include "lab/result.hpp"
#include "modes/mode.hpp"

namespace cortado::lab {

enum class Fate : std::uint8_t {
  intact,    ///< everybody else went on, and every order that was taken is whole, once, in order
  garbled,   ///< everybody else went on, but orders were torn, lost, repeated or reordered
  hung,      ///< some of those that live never got on: they wait for ever, or are refused for ever
  all_dead,  ///< the process with the buffer ended: all others were in it, or have nobody to send
             ///< to
};

/// "intact", "garbled", "hung", "all dead"
const char* to_string(Fate fate) noexcept;

/// Of a run whose fault had a gate (modes/gate.hpp).
Fate fate_of(const RunResult& result) noexcept;

/// Those that live are refused, not left waiting.
bool is_refused(const RunResult& result) noexcept;

/// What should come out, as far as somebody has thought about it.
std::optional<Fate> theory_of(const modes::Mode& mode, modes::Fault::Kind fault) noexcept;

}  // namespace cortado::lab
