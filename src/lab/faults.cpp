#include "lab/faults.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "lab/pace.hpp"
#include "modes/apply.hpp"

namespace cortado::lab {
namespace {

using std::chrono::nanoseconds;
using Kind = modes::Fault::Kind;

static_assert(kFaultAt % modes::Hand<modes::Plain>::kLookEvery ==
              modes::Hand<modes::Plain>::kLookAt);
static_assert(kFaultOrders - kFaultAt <= modes::WriterNotes::kSamples);
static_assert(kFaultAt < modes::WriterNotes::kSamples);

bool has_owner(const modes::Mode& mode) noexcept {
  return mode.sharing == modes::Sharing::ring;
}

/// Of an owner that is killed: whoever is next has all lanes. Other queues have no such thing.
bool has_successor(const modes::Mode& mode) noexcept {
  return &mode == &modes::kProcessRing;
}

RunSpec spec_of(const FaultPlan& plan, std::uint32_t mode, Kind fault) {
  const modes::Mode& in = *modes::known_modes()[mode];
  RunSpec spec;
  spec.workload.mode = mode;
  spec.workload.writers = kFaultWriters;
  spec.workload.orders = kFaultWriters * kFaultOrders;
  spec.workload.seed = plan.seed;
  spec.workload.fault = {fault, 0, kFaultAt, 1};
  spec.watchdog = plan.watchdog;
  spec.restarts_host = fault == Kind::owner_killed && has_successor(in);
  return spec;
}

std::optional<nanoseconds> went_on(const RunResult& run) {
  std::uint64_t last = 0;
  for (std::size_t w = 0; w < run.writers.size(); ++w) {
    if (w == run.workload.fault.writer) continue;
    if (run.writers[w].behind_gate_ns == 0) return std::nullopt;
    last = std::max(last, run.writers[w].behind_gate_ns);
  }
  return nanoseconds(last - std::min(last, run.fault_happened_ns));
}

Result<void> try_one(const FaultPlan& plan, std::uint32_t mode, FaultCell& cell,
                     const std::function<bool()>& go_on) {
  RunSpec spec = spec_of(plan, mode, cell.fault);
  spec.go_on = go_on;
  auto result = run(std::move(spec));
  if (!result) return result.error();
  cell.run = std::move(*result);
  if (cell.run.fault_begun_ns == 0) {
    return Error{Errc::system, "cannot tell what '" + std::string(name_of(cell.fault).name) +
                                   "' does to " + std::string(cell.mode->name) +
                                   ": it did not happen, as nobody got there within --watchdog; "
                                   "give a longer one, or a machine that is less busy"};
  }
  cell.fate = fate_of(cell.run);
  if (cell.fate != Fate::all_dead) cell.went_on = went_on(cell.run);
  return {};
}

}  // namespace

const std::vector<std::uint32_t>& fault_modes() {
  static const auto kAll = [] {
    std::vector<std::uint32_t> all;
    const auto known = modes::known_modes();
    for (std::uint32_t i = 0; i < known.size(); ++i) {
      if (known[i]->sharing != modes::Sharing::none) all.push_back(i);
    }
    return all;
  }();
  return kAll;
}

const std::vector<FaultName>& all_faults() {
  static const std::vector<FaultName> kAll{
      {Kind::none, "none", "nothing happens"},
      {Kind::thrown, "throws", "an exception leaves the order half way; the writer goes on"},
      {Kind::crashed, "segfault", "the writer stores to nowhere, half way"},
      {Kind::killed, "killed", "SIGKILL for whoever runs the writer, half way"},
      {Kind::stopped, "stopped", "the writer stands still half way, until all others are through"},
      {Kind::scribbled, "scribbles", "the writer stores at the address of the buffer, half way"},
      {Kind::slow, "slow", "the writer takes 200 ms half way"},
      {Kind::owner_killed, "owner-killed",
       "SIGKILL for whoever runs the owner, half way through applying an order"},
  };
  return kAll;
}

const FaultName& name_of(Kind kind) {
  const auto& all = all_faults();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const FaultName& name) { return name.kind == kind; });
  return found == all.end() ? all.front() : *found;
}

Result<std::vector<FaultCell>> try_faults(const FaultPlan& plan) {
  std::vector<FaultCell> cells;
  Pace pace(plan.faults.size() * plan.modes.size(), nanoseconds(0));
  const auto go_on = [&] { return plan.go_on({pace.done(), pace.all(), pace.left()}); };
  for (const Kind fault : plan.faults) {
    for (const std::uint32_t mode : plan.modes) {
      FaultCell& cell = cells.emplace_back();
      cell.mode = modes::known_modes()[mode];
      cell.fault = fault;
      cell.applies = fault != Kind::owner_killed || has_owner(*cell.mode);
      cell.theory = theory_of(*cell.mode, fault);
      if (cell.applies) {
        if (auto tried = try_one(plan, mode, cell, go_on); !tried) return tried.error();
      }
      pace.one_is_done();
    }
  }
  return cells;
}

}  // namespace cortado::lab
