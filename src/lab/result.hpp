// What came out of one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/histogram.hpp"
#include "lab/ledger.hpp"
#include "modes/mode.hpp"
#include "modes/stage.hpp"

namespace cortado::lab {

enum class Outcome : std::uint8_t {
  finished,   ///< all writers that lived sent all they had, and the buffer is there to look at
  hung,       ///< nothing moved any more, and the watchdog ended it
  host_died,  ///< the process with the buffer ended before its time
};

struct WriterResult {
  std::uint64_t sent = 0;
  std::uint64_t applied = 0;  ///< as the buffer tells
  double throughput_per_s = 0;
  std::uint32_t pid = 0;
  std::uint64_t buffer_address = 0;  ///< where it has the buffer; 0: it has not
  modes::Failure failure = modes::Failure::none;
  bool has_ended = false;  ///< by itself, when it had sent what it could
  int signal = 0;          ///< that ended its process
  /// Between two of its orders that are timed: it was not stalled for longer than that.
  std::uint64_t longest_stall_ns = 0;
  std::uint64_t blocked_ns = 0;   ///< see RunResult
  std::uint64_t peak_memory = 0;  ///< bytes of its process; 0: it is a thread of the host, or died
  /// When its order `fault.sequence` was applied; 0: never. Only where the fault has a gate.
  std::uint64_t behind_gate_ns = 0;
};

struct Latency {
  std::uint64_t samples = 0;                           ///< orders that were timed
  std::uint64_t p50 = 0, p99 = 0, p99_9 = 0, max = 0;  ///< ns
};
/// The figures of those that a histogram has.
Latency latency_of(const Histogram& histogram);

/// Orders that were handed over and not yet applied, as the owner saw it now and then.
struct Depth {
  std::uint64_t samples = 0;  ///< times that it looked
  double mean = 0;
  std::uint64_t max = 0;  ///< of these
};

struct RunResult {
  const modes::Mode* mode = nullptr;
  modes::Workload workload;
  Outcome outcome = Outcome::finished;
  Ledger ledger;
  bool has_buffer = false;
  modes::BufferHead buffer;  ///< as it was in the end
  bool is_whole = false;     ///< the buffer, in the end
  std::string cup;           ///< all of the buffer's bytes
  std::uint64_t buffer_address = 0;
  std::uint32_t host_pid = 0;
  int host_signal = 0;
  std::uint64_t fault_begun_ns = 0;     ///< the injector was there; 0: it was not
  std::uint64_t fault_happened_ns = 0;  ///< the gate was opened; 0: it was not
  std::uint64_t wall_ns = 0;            ///< from the start to the last order applied
  double throughput_per_s = 0;
  /// Of the orders that are timed, until applied: from the begin of the send; in an open loop, from
  /// when each was due.
  Histogram latency;
  /// In an open loop: what a closed loop would tell of it, from the begin of the send.
  Histogram latency_from_send;
  modes::Usage usage;  ///< of all who took part
  double fairness_jain = 1;
  std::uint64_t longest_stall_ns = 0;  ///< of any writer
  /// Time in which writers could not go on, as another had the lock or there was no room, of all
  /// writers together; an estimate, see modes/blocked_time.hpp.
  std::uint64_t blocked_ns = 0;
  std::optional<Depth> queue_depth;  ///< none: the mode has no queue
  /// Bytes that were resident at most, of all processes; what several have mapped counts for each.
  std::uint64_t peak_memory = 0;
  std::vector<WriterResult> writers;
  std::vector<modes::Stroke> strokes;  ///< letters in the order in which they were written
  std::uint32_t intruder_pid = 0;      ///< 0: there was none
  bool intruder_found = false;         ///< it had something mapped at the buffer's address
  int intruder_signal = 0;

  /// Nobody ended before his time, and all orders that there were are sent.
  bool is_complete() const noexcept;
  /// Processor time of all who took part, for each order applied; 0: none was.
  double cpu_ns_per_order() const noexcept;
  /// Likewise, of context switches.
  double switches_per_order() const noexcept;
  /// Likewise, of the time in which writers were blocked.
  double blocked_ns_per_order() const noexcept;
};

}  // namespace cortado::lab
