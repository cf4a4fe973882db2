// Stage: the memory that everybody who takes part in a run shares with whoever watches it: what is
// to be done, the start and the end of it, and the notes that each takes. The buffer is not here.
//
//   piece                        who writes it, when
//   +--------------------------+
//   | StageHead: workload      | the runner, before anybody starts
//   |   start, stop            | the runner
//   |   turn                   | whoever has it
//   |   HostNotes              | the host
//   |   FaultNotes             | whoever the fault happens to, and the runner
//   | WriterNotes of 0, 1, ... | that writer; latencies: whoever applies its orders
//   | ends, bytes of the list  | the runner, before anybody starts
//   | turns                    | the runner, before anybody starts
//   | strokes                  | whoever writes a letter
//   | the buffer at the end    | the host, last
//   | times of orders, of naps | their writers; whoever applies; see timeline.hpp
//   +--------------------------+
//
// It is a segment without a name, so it ends with the last one who has it, however that one ends.
#pragma once

#include <cortado/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modes/buffer.hpp"
#include "modes/latency_counts.hpp"
#include "modes/shared_memory.hpp"
#include "modes/workload.hpp"

namespace cortado::modes {

/// What a participant used, from start to end.
struct Usage {
  std::uint64_t user_ns = 0;
  std::uint64_t system_ns = 0;
  std::uint64_t voluntary = 0;  ///< context switches
  std::uint64_t involuntary = 0;
};

/// Why a writer stopped before it had sent everything.
enum class Failure : std::uint32_t {
  none,
  lock_broken,   ///< the lock says that its holder died, or refuses for another reason
  queue_broken,  ///< the owner is gone, or no longer reads this writer
};

/// Kept by one host: the process that has the buffer made and, in thread modes, runs the writers.
struct HostNotes {
  std::atomic<std::uint32_t> ready{0};     ///< the buffer is there, writers may come
  std::atomic<std::uint32_t> finished{0};  ///< it ended in order, the buffer is on the stage
  std::atomic<std::uint32_t> pid{0};
  std::atomic<std::uint64_t> buffer_address{0};
  std::atomic<std::uint64_t> naps{0};     ///< of an owner with a timeline
  std::atomic<std::uint64_t> applied{0};  ///< in ring modes: so far, to the buffer of this owner
  std::atomic<std::uint64_t> buried{0};   ///< to those of owners that died
  std::atomic<std::uint64_t> last_applied_ns{
      0};  ///< in ring modes: when the last order was applied
  // In ring modes; see queue_depth.hpp.
  std::atomic<std::uint64_t> depth_looks{0};  ///< times that the owner looked
  std::atomic<std::uint64_t> depth_sum{0};    ///< of what it saw
  std::atomic<std::uint64_t> depth_most{0};
  Usage usage;                                ///< of the owner; zero where there is none
  std::atomic<std::uint64_t> peak_memory{0};  ///< bytes of its process that were resident at most
};

/// Of the fault that the workload asks for; see gate.hpp.
struct FaultNotes {
  std::atomic<std::uint64_t> begun_ns{0};     ///< whoever it happens to is there; 0: not yet
  std::atomic<std::uint64_t> happened_ns{0};  ///< the gate was opened; 0: not yet
  std::atomic<std::uint32_t> waiting{0};      ///< writers at the gate
  std::atomic<std::uint32_t> is_open{0};
  std::atomic<std::uint32_t> goes_on{0};  ///< whoever stands still need not any longer
};

/// Kept by a process that looks for the owner's buffer; see intruder.hpp.
struct IntruderNotes {
  std::atomic<std::uint32_t> pid{0};
  std::atomic<std::uint32_t> has_found{0};  ///< something is mapped at that address
};

/// Kept by one writer; each word is stored in the order in which things happen, so that the notes
/// of a writer that was killed are true.
struct alignas(64) WriterNotes {
  static constexpr std::uint32_t kSamples = 1024;

  std::atomic<std::uint64_t> begun{0};     ///< orders it began to hand over
  std::atomic<std::uint64_t> taken{0};     ///< of these: applied, or in a queue that keeps them
  std::atomic<std::uint64_t> rejected{0};  ///< of these: refused
  std::atomic<std::uint64_t> given_up{0};  ///< of these: left half way, by an exception
  std::atomic<std::uint64_t> ended_ns{0};  ///< it had sent all, or had given up
  std::atomic<std::uint32_t> pid{0};
  std::atomic<std::uint32_t> failure{0};  ///< Failure
  std::atomic<std::uint64_t> channel{0};  ///< process-pipe: the host's descriptor to write to
  std::atomic<std::uint64_t> buffer_address{0};  ///< where it has the buffer; 0: it has not
  Usage usage;
  std::atomic<std::uint64_t> longest_gap_ns{0};  ///< between two orders that are timed
  std::atomic<std::uint64_t> blocked_ns{0};      ///< see blocked_time.hpp
  std::atomic<std::uint64_t> peak_memory{0};     ///< as the host's; 0: it is a thread of the host
  /// When it began to hand over the latest orders that are timed; 0: never.
  std::atomic<std::uint64_t> begun_ns[kSamples];
  LatencyCounts latency;         ///< from the begin of the hand-over until applied
  LatencyCounts latency_as_due;  ///< in an open loop: from when it was due until applied
  /// When its order `fault.sequence` was applied, if the fault has a gate; 0: not yet.
  std::atomic<std::uint64_t> behind_gate_ns{0};
};

/// One letter that was written into the buffer.
struct Stroke {
  std::uint32_t writer = 0;
  std::uint32_t cell = 0;
  std::uint8_t letter = 0;  ///< 0 behind the end of the order
};

/// When what happened to one order, in os::ticks; 0: it did not. Kept by its writer.
struct OrderTimes {
  std::uint64_t begun = 0;
  std::uint64_t granted = 0;
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
};
/// The same, kept by whoever applies it; or of an owner's sleep, kept by the owner.
struct ApplyTimes {
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
};

struct StageHead {
  std::uint64_t bytes = 0;  ///< of the stage
  Workload workload;
  std::uint64_t turns = 0;          ///< how many there are
  std::uint64_t strokes = 0;        ///< room for these
  std::uint64_t timeline_room = 0;  ///< orders of each writer that are timed; 0: no timeline
  char owner_name[64] = {};         ///< ring modes: what writers join
  char segment[64] = {};            ///< process-race, process-mutex: where the buffer can be mapped

  // Between start and stop nobody stores to these, but for turn and strokes_made where every letter
  // takes its time: so they may share a cache line.
  std::atomic<std::uint32_t> ready{0};  ///< writers that wait for the start
  std::atomic<std::uint32_t> start{0};
  std::atomic<std::uint64_t> started_ns{0};
  std::atomic<std::uint32_t> stop{0};          ///< the time is over
  std::atomic<std::uint32_t> writers_gone{0};  ///< no writer process is left
  std::atomic<std::uint32_t> turn{0};          ///< index into the turns
  std::atomic<std::uint64_t> strokes_made{0};  ///< may be more than there is room for
  alignas(64) HostNotes host;
  IntruderNotes intruder;
  FaultNotes fault;
  std::atomic<std::uint32_t> refusals{0};    ///< participants that cannot do their part
  std::atomic<std::uint32_t> is_refused{0};  ///< the first one's reason is written
  char why_refused[512] = {};                ///< one line
};

/// The orders that the user gave.
class OrderList {
 public:
  OrderList(const std::uint64_t* ends, const std::byte* bytes, std::uint64_t size) noexcept
      : ends_(ends), bytes_(bytes), size_(size) {}
  std::uint64_t size() const noexcept { return size_; }
  std::span<const std::byte> operator[](std::uint64_t i) const noexcept {
    const std::uint64_t from = i == 0 ? 0 : ends_[i - 1];
    return {bytes_ + from, ends_[i] - from};
  }

 private:
  const std::uint64_t* ends_;  ///< of each order, in bytes_
  const std::byte* bytes_;
  std::uint64_t size_;
};

/// A mapped stage.
class Stage {
 public:
  /// For the runner. `turns`: of the writers, if workload.takes_turns.
  /// `timeline_room`: orders of each writer.
  static Result<Stage> create(const Workload& workload, const std::vector<std::string>& listed,
                              const std::vector<std::uint32_t>& turns,
                              std::uint64_t timeline_room = 0);
  /// For everybody else. Errc::malformed: that is no stage.
  static Result<Stage> open(const std::string& path);

  /// Where others of the same user can open it, as long as this process has it.
  const std::string& path() const noexcept { return memory_.path(); }

  StageHead& head() const noexcept { return *static_cast<StageHead*>(memory_.address()); }
  const Workload& workload() const noexcept { return head().workload; }
  HostNotes& host() const noexcept { return head().host; }
  WriterNotes& writer(std::uint32_t index) const noexcept;
  OrderList listed() const noexcept;
  std::span<std::uint32_t> turns() const noexcept;
  std::span<Stroke> strokes() const noexcept;
  /// Zeroed until the host has ended in order.
  Buffer final_buffer() const noexcept;

  /// By writer, then by number. Empty without a timeline, as is the next.
  std::span<OrderTimes> order_times() const noexcept;
  std::span<ApplyTimes> apply_times() const noexcept;
  /// Of the owner, the first ones.
  std::span<ApplyTimes> naps() const noexcept;

  void note_stroke(Stroke stroke) const noexcept;

 private:
  explicit Stage(SharedMemory memory) noexcept : memory_(std::move(memory)) {}
  struct Layout;
  Layout layout() const noexcept;
  std::byte* at(std::uint64_t offset) const noexcept {
    return static_cast<std::byte*>(memory_.address()) + offset;
  }

  SharedMemory memory_;
};

/// Where the begin of an order of that writer is noted, if it is timed.
inline std::atomic<std::uint64_t>& begin_of(WriterNotes& notes, const Workload& workload,
                                            std::uint64_t sequence) noexcept {
  return notes.begun_ns[(sequence >> workload.sample_shift) % WriterNotes::kSamples];
}

/// steady_clock, which all processes share.
std::uint64_t now_ns() noexcept;

}  // namespace cortado::modes
