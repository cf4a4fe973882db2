// A comparison: the same workload at many points - modes, numbers of writers, amounts of work,
// lengths of orders, loads - again and again, interleaved.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lab/design.hpp"
#include "lab/result.hpp"
#include "lab/run.hpp"
#include "lab/summary.hpp"

namespace cortado::lab {

/// How far a comparison is.
struct Standing {
  std::uint64_t done = 0;  ///< runs
  std::uint64_t all = 0;
  /// None: before the first run is over, and nobody said how long one takes.
  std::optional<std::chrono::nanoseconds> left;
};

struct Plan {
  RunSpec base;  ///< but for what the cells say; orders that are listed keep their length
  std::vector<Cell> cells;  ///< a point each
  std::uint32_t repetitions = 5;
  std::uint32_t processors = 1;  ///< a point with more runners than these is marked
  /// Called now and then; false ends the comparison at once.
  std::function<bool(const Standing&)> go_on = [](const Standing&) { return true; };
};

/// What was measured in one cell.
struct Point {
  const modes::Mode* mode = nullptr;
  std::uint32_t writers = 0;
  std::chrono::nanoseconds hold{};
  std::uint32_t payload = 0;  ///< bytes of each order
  double load = 0;            ///< see Cell
  double load_per_s = 0;      ///< orders per second that this was; 0: nobody knows
  bool is_oversubscribed = false;
  std::vector<RunResult> runs;   ///< without their cups and strokes
  std::uint32_t unfinished = 0;  ///< of these: hung, or their host died; they give no rate
  Summary per_second;            ///< orders applied
  // Of the runs that finished:
  Histogram latency;
  Histogram latency_from_send;  ///< see RunResult
  Summary cpu_ns_per_order;
  Summary switches_per_order;
  Summary fairness_jain;
  Summary longest_stall_ns;
  Summary blocked_ns_per_order;
  std::optional<Summary> queue_depth_mean;  ///< none: the mode has no queue
  Summary peak_memory;
  Ledger worst;  ///< of each kind, the most that any run had
  Ledger sum;    ///< of all runs
  /// Its rate as a part of thread-mutex's, in the same repetition with the same writers and work.
  /// None: there is no such pair.
  std::optional<Summary> to_thread_mutex;

  /// All runs finished, no writer ended before its time, and nothing was lost, torn, repeated or
  /// out of order.
  bool is_clean() const noexcept;
};

struct Comparison {
  std::vector<Point> points;  ///< as the cells in the plan
  std::vector<std::string> advice;
};

/// Blocks until all is done. Errors: those of run(); Errc::closing: go_on said no.
Result<Comparison> compare(const Plan& plan);

/// What a reader of these points should know, a line each, with what to do about it.
std::vector<std::string> advice_on(const std::vector<Point>& points, std::uint32_t processors);

/// From its runs: everything that is computed from them but the ratio.
void settle(Point& point);
/// Of each point to the one of thread-mutex with the same writers and work.
void relate(std::vector<Point>& points);

/// "thread-mutex with 2 writers and 1 us of work"
std::string name_of(const Point& point);

/// Who wants a processor in such a run.
std::uint32_t runners(const modes::Mode& mode, std::uint32_t writers) noexcept;

}  // namespace cortado::lab
