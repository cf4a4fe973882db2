// One run: a workload in one mode, in processes of its own, under a watchdog.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lab/result.hpp"
#include "lab/trace.hpp"
#include "modes/workload.hpp"

namespace cortado::lab {

struct RunSpec {
  modes::Workload workload;
  std::vector<std::string> listed;      ///< orders, instead of made-up ones
  std::chrono::nanoseconds duration{};  ///< 0: until all orders are sent
  std::chrono::nanoseconds watchdog = std::chrono::seconds(20);  ///< without any progress
  bool restarts_host = false;  ///< once, if it fails: for a mode whose owner can have a successor
  bool with_intruder = false;  ///< a process that reaches for the owner's buffer
  /// Called with the timeline of the run once it is over; empty: it has none.
  std::function<void(const Trace&)> on_trace;
  /// Called now and then; false ends the run at once.
  std::function<bool()> go_on = [] { return true; };
};

/// Runs it. Blocks until it is over. Starts processes by means of Group and leaves none.
///
/// Errc::invalid_argument: the text names what is out of range. Errc::closing: go_on said no.
/// Errc::no_memory, descriptors: the text names the limit. Errc::system: it could not be started.
Result<RunResult> run(RunSpec spec);

/// Rounds of modes::work that take `ns` on this machine now.
std::uint64_t rounds_for(std::chrono::nanoseconds ns);
/// So much work on each order: measures what it takes now.
void set_hold(modes::Workload& workload, std::chrono::nanoseconds hold);

/// Every so many orders is timed, as a power of two, so that the samples span `orders`.
std::uint32_t sample_shift_for(std::uint64_t orders_per_writer) noexcept;

}  // namespace cortado::lab
