// Against the lock: the lab's reference work, by messages and behind a mutex.
#pragma once

#include <cortado/result.hpp>

#include "bench/cell.hpp"
#include "bench/contestant.hpp"

namespace cortado::bench {

/// Whether the lab has a mode that this contestant stands for.
bool has_lock_run(const Contestant& contestant) noexcept;

/// Orders applied, in that mode. Errors as lab::run.
Result<Figures> run_lock(const Contestant& contestant, const Setting& setting, const GoOn& go_on);

}  // namespace cortado::bench
