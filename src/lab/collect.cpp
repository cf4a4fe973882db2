#include "lab/collect.hpp"

#include <algorithm>
#include <numeric>

namespace cortado::lab {
namespace {

using modes::Stage;
using modes::WriterNotes;

/// When the last order was applied, as far as anybody knows.
std::uint64_t end_of(const Stage& stage, const modes::Mode& mode) {
  if (mode.sharing == modes::Sharing::ring) {
    return stage.host().last_applied_ns.load(std::memory_order_acquire);
  }
  std::uint64_t end = 0;
  for (std::uint32_t w = 0; w < stage.workload().writers; ++w) {
    end = std::max(end, stage.writer(w).ended_ns.load(std::memory_order_acquire));
  }
  return end;
}

void collect_latencies(RunResult& result, const Stage& stage) {
  const bool is_open = stage.workload().load_per_s > 0;
  for (std::uint32_t w = 0; w < stage.workload().writers; ++w) {
    const WriterNotes& notes = stage.writer(w);
    (is_open ? result.latency_from_send : result.latency).add(notes.latency);
    result.latency.add(notes.latency_as_due);
  }
}

void add(modes::Usage& to, const modes::Usage& more) {
  to.user_ns += more.user_ns;
  to.system_ns += more.system_ns;
  to.voluntary += more.voluntary;
  to.involuntary += more.involuntary;
}

WriterResult writer_result(const Stage& stage, std::uint32_t index, const Collected& collected) {
  const WriterNotes& notes = stage.writer(index);
  WriterResult result;
  result.sent = notes.begun.load(std::memory_order_acquire);
  if (collected.buffer) {
    const modes::Account& account = collected.buffer.account(index);
    result.applied = account.count - std::min(account.count, account.duplicated);
  }
  result.blocked_ns = notes.blocked_ns.load(std::memory_order_relaxed);
  const std::uint64_t started = stage.head().started_ns.load(std::memory_order_relaxed);
  const std::uint64_t ended = notes.ended_ns.load(std::memory_order_acquire);
  if (ended > started) {
    result.throughput_per_s =
        static_cast<double>(result.sent) * 1e9 / static_cast<double>(ended - started);
    // Of a few long waits an estimate may make more than there was time for.
    result.blocked_ns = std::min(result.blocked_ns, ended - started);
  }
  result.pid = notes.pid.load(std::memory_order_relaxed);
  result.buffer_address = notes.buffer_address.load(std::memory_order_relaxed);
  result.failure = static_cast<modes::Failure>(notes.failure.load(std::memory_order_relaxed));
  const auto signal = collected.writer_signal.find(index);
  if (signal != collected.writer_signal.end()) result.signal = signal->second;
  result.has_ended = ended != 0;
  result.longest_stall_ns = notes.longest_gap_ns.load(std::memory_order_relaxed);
  result.peak_memory = notes.peak_memory.load(std::memory_order_relaxed);
  const modes::Fault& fault = stage.workload().fault;
  if (fault.has_gate != 0 && result.sent > fault.sequence) {
    result.behind_gate_ns = notes.behind_gate_ns.load(std::memory_order_relaxed);
  }
  return result;
}

void collect_writers(RunResult& result, const Stage& stage, const Collected& collected) {
  std::vector<double> shares;
  shares.reserve(stage.workload().writers);
  result.writers.reserve(stage.workload().writers);
  result.peak_memory = stage.host().peak_memory.load(std::memory_order_relaxed);
  for (std::uint32_t w = 0; w < stage.workload().writers; ++w) {
    const WriterResult& writer = result.writers.emplace_back(writer_result(stage, w, collected));
    shares.push_back(writer.throughput_per_s);
    result.longest_stall_ns = std::max(result.longest_stall_ns, writer.longest_stall_ns);
    result.blocked_ns += writer.blocked_ns;
    result.peak_memory += writer.peak_memory;
    add(result.usage, stage.writer(w).usage);
  }
  add(result.usage, stage.host().usage);
  result.fairness_jain = fairness_jain(shares);
}

void collect_depth(RunResult& result, const modes::HostNotes& host) {
  if (result.mode->sharing != modes::Sharing::ring) return;
  Depth& depth = result.queue_depth.emplace();
  depth.samples = host.depth_looks.load(std::memory_order_relaxed);
  depth.max = host.depth_most.load(std::memory_order_relaxed);
  if (depth.samples == 0) return;
  depth.mean = static_cast<double>(host.depth_sum.load(std::memory_order_relaxed)) /
               static_cast<double>(depth.samples);
}

void collect_buffer(RunResult& result, modes::Buffer buffer) {
  if (!buffer) return;
  result.has_buffer = true;
  result.buffer = buffer.head();
  result.is_whole = is_whole(buffer);
  result.cup.assign(reinterpret_cast<const char*>(buffer.order()), result.buffer.capacity);
}

}  // namespace

bool RunResult::is_complete() const noexcept {
  const auto is_through = [](const WriterResult& writer) {
    return writer.has_ended && writer.signal == 0 && writer.failure == modes::Failure::none;
  };
  return outcome == Outcome::finished && std::all_of(writers.begin(), writers.end(), is_through) &&
         (workload.orders == 0 || ledger.sent == workload.orders);
}

double RunResult::cpu_ns_per_order() const noexcept {
  if (ledger.applied == 0) return 0;
  return static_cast<double>(usage.user_ns + usage.system_ns) / static_cast<double>(ledger.applied);
}

double RunResult::switches_per_order() const noexcept {
  if (ledger.applied == 0) return 0;
  return static_cast<double>(usage.voluntary + usage.involuntary) /
         static_cast<double>(ledger.applied);
}

double RunResult::blocked_ns_per_order() const noexcept {
  if (ledger.applied == 0) return 0;
  return static_cast<double>(blocked_ns) / static_cast<double>(ledger.applied);
}

Latency latency_of(const Histogram& histogram) {
  return {histogram.samples(), histogram.at(0.5), histogram.at(0.99), histogram.at(0.999),
          histogram.longest()};
}

RunResult collect(const Stage& stage, const modes::Mode& mode, const Collected& collected,
                  const std::function<bool()>& go_on) {
  RunResult result;
  result.mode = &mode;
  result.workload = stage.workload();
  result.outcome = collected.outcome;
  result.ledger = make_ledger(stage, collected.buffer, mode.sharing == modes::Sharing::ring, go_on);
  collect_buffer(result, collected.buffer);
  result.buffer_address = stage.host().buffer_address.load(std::memory_order_relaxed);
  result.host_pid = stage.host().pid.load(std::memory_order_relaxed);
  result.host_signal = collected.host_signal;
  const modes::FaultNotes& fault = stage.head().fault;
  result.fault_begun_ns = fault.begun_ns.load(std::memory_order_acquire);
  result.fault_happened_ns = fault.happened_ns.load(std::memory_order_acquire);
  const std::uint64_t started = stage.head().started_ns.load(std::memory_order_relaxed);
  const std::uint64_t ended = end_of(stage, mode);
  if (ended > started) {
    result.wall_ns = ended - started;
    result.throughput_per_s =
        static_cast<double>(result.ledger.applied) * 1e9 / static_cast<double>(result.wall_ns);
  }
  collect_latencies(result, stage);
  collect_writers(result, stage, collected);
  collect_depth(result, stage.host());
  const auto strokes = stage.strokes();
  const std::uint64_t made = stage.head().strokes_made.load(std::memory_order_acquire);
  result.strokes.assign(
      strokes.begin(),
      strokes.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(made, strokes.size())));
  const modes::IntruderNotes& intruder = stage.head().intruder;
  result.intruder_pid = intruder.pid.load(std::memory_order_acquire);
  result.intruder_found = intruder.has_found.load(std::memory_order_relaxed) != 0;
  result.intruder_signal = collected.intruder_signal;
  return result;
}

std::uint64_t progress_of(const Stage& stage) noexcept {
  std::uint64_t steps = stage.host().applied.load(std::memory_order_relaxed) +
                        stage.head().strokes_made.load(std::memory_order_relaxed);
  for (std::uint32_t w = 0; w < stage.workload().writers; ++w) {
    const WriterNotes& notes = stage.writer(w);
    steps += notes.begun.load(std::memory_order_relaxed) +
             (notes.ended_ns.load(std::memory_order_relaxed) != 0 ? 1 : 0);
  }
  return steps;
}

double fairness_jain(const std::vector<double>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const double squares = std::inner_product(shares.begin(), shares.end(), shares.begin(), 0.0);
  if (squares == 0) return 1;
  return sum * sum / (static_cast<double>(shares.size()) * squares);
}

}  // namespace cortado::lab
