// Cell: one run of one contestant, in a process of its own, under a watchdog.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <functional>

#include "bench/contestant.hpp"
#include "bench/figures.hpp"
#include "bench/point.hpp"

namespace cortado::bench {

/// Asked now and then; false: end at once.
using GoOn = std::function<bool()>;

/// Forks; so the caller must have one thread only. Whatever was started has ended when it returns.
///
/// Errc::timed_out: it hung. Errc::closing: go_on said no. Errc::system: what the contestant says.
Result<Figures> run_cell(Contestant::Run run, const Setting& setting,
                         std::chrono::nanoseconds watchdog, const GoOn& go_on);

/// From now on orphans of this process' children are its own, so that it can wait for their end.
void adopt_orphans() noexcept;

}  // namespace cortado::bench
