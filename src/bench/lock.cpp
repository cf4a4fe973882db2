#include "bench/lock.hpp"

#include <algorithm>

#include "bench/bounce.hpp"
#include "lab/run.hpp"
#include "lab/sampling.hpp"
#include "modes/mode.hpp"

namespace cortado::bench {
namespace {

constexpr std::string_view kMutex = "thread-mutex";
/// In less, a busy machine may not get to a single order.
constexpr std::chrono::milliseconds kShortest{100};

Contestant::Run no_run(const Point& /*point*/) {
  return nullptr;
}

const modes::Mode& mode_of(const Contestant& contestant) noexcept {
  return contestant.name == kMutex ? modes::kThreadMutex : modes::kProcessRing;
}

}  // namespace

bool has_lock_run(const Contestant& contestant) noexcept {
  return contestant.name == kMutex || contestant.name == "cortado";
}

Result<Figures> run_lock(const Contestant& contestant, const Setting& setting, const GoOn& go_on) {
  Figures figures;
  const auto all = modes::all_modes();
  const auto* const mode = &mode_of(contestant);
  lab::RunSpec spec;
  spec.workload.mode =
      static_cast<std::uint32_t>(std::find(all.begin(), all.end(), mode) - all.begin());
  spec.workload.writers = setting.writers();
  spec.workload.payload = spec.workload.capacity = static_cast<std::uint32_t>(setting.bytes());
  spec.duration = std::max<std::chrono::nanoseconds>(setting.duration, kShortest);
  spec.workload.sample_shift = lab::sample_shift_of(spec.workload, spec.duration);
  spec.go_on = go_on;
  // In a child: this process stays where it may run.
  const auto line =
      run_cell([](const Setting&) { return Figures{}; }, setting, std::chrono::seconds(20), go_on);
  if (line) figures.bounce_ns = line->bounce_ns;
  const auto result = lab::run(std::move(spec));
  if (!result) return result.error();
  if (!result->ledger.is_clean() || !result->is_complete()) {
    return Error{Errc::system, "its ledger is not clean; look at it by `cortado run`"};
  }
  figures.sent = result->ledger.sent;
  figures.validated = result->ledger.applied;
  figures.fairness_jain = result->fairness_jain;
  if (result->throughput_per_s > 0) figures.ns_per_message = 1e9 / result->throughput_per_s;
  figures.cpu_ns_per_message =
      static_cast<double>(result->usage.user_ns + result->usage.system_ns) /
      static_cast<double>(std::max<std::uint64_t>(1, figures.sent));
  return figures;
}

std::span<const Contestant> lock_contestants() {
  static constexpr Contestant kAll[] = {
      {kMutex, "std::mutex around the buffer, threads of one process", Role::peer, no_run},
  };
  return kAll;
}

}  // namespace cortado::bench
