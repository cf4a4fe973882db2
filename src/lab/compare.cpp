#include "lab/compare.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "lab/pace.hpp"
#include "lab/sampling.hpp"

namespace cortado::lab {
namespace {

using std::chrono::nanoseconds;

/// What starting, stopping and checking a run takes, beside its time.
constexpr nanoseconds kAround = std::chrono::milliseconds(200);

constexpr std::array kKinds{&Ledger::sent,    &Ledger::applied,     &Ledger::rejected,
                            &Ledger::dropped, &Ledger::abandoned,   &Ledger::unread,
                            &Ledger::lost,    &Ledger::duplicated,  &Ledger::reordered,
                            &Ledger::torn,    &Ledger::redelivered, &Ledger::forgotten};

std::vector<Point> points_of(const Plan& plan) {
  std::vector<Point> points;
  for (const nanoseconds hold : plan.hold) {
    for (const std::uint32_t mode : plan.modes) {
      for (const std::uint32_t writers : plan.writers) {
        Point point;
        point.mode = modes::known_modes()[mode];
        point.writers = writers;
        point.hold = hold;
        point.payload = plan.base.workload.payload;
        point.is_oversubscribed = runners(*point.mode, writers) > plan.processors;
        points.push_back(std::move(point));
      }
    }
  }
  return points;
}

std::uint32_t index_of(const modes::Mode& mode) {
  const auto all = modes::known_modes();
  return static_cast<std::uint32_t>(std::find(all.begin(), all.end(), &mode) - all.begin());
}

/// In which the points are run, once each: what is divided by each other runs side by side. Every
/// other time backwards, so that a machine that slows down harms each alike.
std::vector<std::size_t> running_order(const Plan& plan, bool backwards) {
  std::vector<std::size_t> order;
  for (std::size_t writers = 0; writers < plan.writers.size(); ++writers) {
    for (std::size_t hold = 0; hold < plan.hold.size(); ++hold) {
      for (std::size_t mode = 0; mode < plan.modes.size(); ++mode) {
        order.push_back((hold * plan.modes.size() + mode) * plan.writers.size() + writers);
      }
    }
  }
  if (backwards) std::reverse(order.begin(), order.end());
  return order;
}

/// hold: a workload with that much work.
RunSpec spec_of(const Plan& plan, const Point& point, const modes::Workload& hold) {
  RunSpec spec = plan.base;
  spec.workload.mode = index_of(*point.mode);
  spec.workload.writers = point.writers;
  spec.workload.hold_ns = hold.hold_ns;
  spec.workload.work_rounds = hold.work_rounds;
  spec.workload.sample_shift = sample_shift_of(spec.workload, spec.duration);
  return spec;
}

/// Of several runs, one list for each.
struct Figures {
  void add(const RunResult& run) {
    rates.push_back(run.throughput_per_s);
    cpu.push_back(run.cpu_ns_per_order());
    switches.push_back(run.switches_per_order());
    fairness.push_back(run.fairness_jain);
    stalls.push_back(static_cast<double>(run.longest_stall_ns));
    memory.push_back(static_cast<double>(run.peak_memory));
  }
  void summarize_into(Point& point) const {
    point.per_second = summarize(rates);
    point.cpu_ns_per_order = summarize(cpu);
    point.switches_per_order = summarize(switches);
    point.fairness_jain = summarize(fairness);
    point.longest_stall_ns = summarize(stalls);
    point.peak_memory = summarize(memory);
  }

  std::vector<double> rates, cpu, switches, fairness, stalls, memory;
};

}  // namespace

std::uint32_t runners(const modes::Mode& mode, std::uint32_t writers) noexcept {
  return writers + (mode.sharing == modes::Sharing::ring ? 1 : 0);
}

bool Point::is_clean() const noexcept {
  return unfinished == 0 && std::all_of(runs.begin(), runs.end(), [](const RunResult& run) {
           return run.is_complete() && run.ledger.is_clean();
         });
}

void settle(Point& point) {
  Figures figures;
  point.unfinished = 0;
  point.worst = point.sum = Ledger{};
  point.latency = Histogram();
  for (const RunResult& run : point.runs) {
    for (const auto kind : kKinds) {
      point.worst.*kind = std::max(point.worst.*kind, run.ledger.*kind);
      point.sum.*kind += run.ledger.*kind;
    }
    if (run.outcome == Outcome::finished) {
      figures.add(run);
      point.latency.add(run.latency);
    } else {
      ++point.unfinished;
    }
  }
  figures.summarize_into(point);
}

void relate(std::vector<Point>& points) {
  for (Point& point : points) {
    const auto base = std::find_if(points.begin(), points.end(), [&](const Point& other) {
      return other.mode == &modes::kThreadMutex && other.writers == point.writers &&
             other.hold == point.hold;
    });
    if (base == points.end()) continue;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(point.runs.size(), base->runs.size()); ++i) {
      const RunResult& of = point.runs[i];
      const RunResult& to = base->runs[i];
      if (of.outcome != Outcome::finished || to.outcome != Outcome::finished) continue;
      if (to.throughput_per_s > 0) ratios.push_back(of.throughput_per_s / to.throughput_per_s);
    }
    if (!ratios.empty()) point.to_thread_mutex = summarize(std::move(ratios));
  }
}

Result<Comparison> compare(const Plan& plan) {
  Comparison comparison;
  comparison.points = points_of(plan);
  const bool is_timed = plan.base.duration > nanoseconds(0);
  Pace pace(comparison.points.size() * plan.repetitions,
            is_timed ? plan.base.duration + kAround : nanoseconds(0));
  // Measured once, so that every mode does the very same work.
  std::vector<modes::Workload> work(plan.hold.size());
  for (std::size_t i = 0; i < work.size(); ++i) set_hold(work[i], plan.hold[i]);
  const std::size_t per_hold = plan.modes.size() * plan.writers.size();
  for (std::uint32_t repetition = 0; repetition < plan.repetitions; ++repetition) {
    for (const std::size_t i : running_order(plan, repetition % 2 != 0)) {
      RunSpec spec = spec_of(plan, comparison.points[i], work[i / per_hold]);
      spec.go_on = [&] { return plan.go_on({pace.done(), pace.all(), pace.left()}); };
      auto result = run(std::move(spec));
      if (!result) return result.error();
      result->cup.clear();
      result->strokes.clear();
      comparison.points[i].runs.push_back(std::move(*result));
      pace.one_is_done();
    }
  }
  for (Point& point : comparison.points) settle(point);
  relate(comparison.points);
  comparison.advice = advice_on(comparison.points, plan.processors);
  return comparison;
}

}  // namespace cortado::lab
