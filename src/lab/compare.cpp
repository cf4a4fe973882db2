#include "lab/compare.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <numeric>
#include <tuple>

#include "lab/pace.hpp"
#include "lab/sampling.hpp"

namespace cortado::lab {
namespace {

using std::chrono::nanoseconds;

constexpr std::array kKinds{&Ledger::sent,    &Ledger::applied,     &Ledger::rejected,
                            &Ledger::dropped, &Ledger::abandoned,   &Ledger::unread,
                            &Ledger::lost,    &Ledger::duplicated,  &Ledger::reordered,
                            &Ledger::torn,    &Ledger::redelivered, &Ledger::forgotten};

Point point_of(const Cell& cell, const Plan& plan) {
  Point point;
  point.mode = modes::known_modes()[cell.mode];
  point.writers = cell.writers;
  point.hold = cell.hold;
  point.payload = plan.base.listed.empty() ? cell.payload : plan.base.workload.capacity;
  point.load = cell.load;
  point.is_oversubscribed = runners(*point.mode, cell.writers) > plan.processors;
  return point;
}

/// In which the cells are run, once each: what is divided by each other runs side by side, and what
/// is a part of a capacity behind what measures it. Every other time backwards, so that a machine
/// that slows down harms each alike.
std::vector<std::size_t> running_order(const std::vector<Cell>& cells, bool backwards) {
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto place = [&cells](std::size_t i) {
    const Cell& cell = cells[i];
    return std::tuple(cell.load > 0, cell.payload, cell.hold, cell.writers, cell.load);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&place](std::size_t a, std::size_t b) { return place(a) < place(b); });
  if (backwards) std::reverse(order.begin(), order.end());
  return order;
}

/// What each amount of work takes, measured once, so that every mode does the very same.
class Work {
 public:
  const modes::Workload& of(nanoseconds hold) {
    const auto [found, is_new] = measured_.try_emplace(hold);
    if (is_new) set_hold(found->second, hold);
    return found->second;
  }

 private:
  std::map<nanoseconds, modes::Workload> measured_;
};

RunSpec spec_of(const Plan& plan, const Cell& cell, double load_per_s, Work& work) {
  RunSpec spec = plan.base;
  modes::Workload& workload = spec.workload;
  workload.mode = cell.mode;
  workload.writers = cell.writers;
  workload.hold_ns = work.of(cell.hold).hold_ns;
  workload.work_rounds = work.of(cell.hold).work_rounds;
  if (spec.listed.empty()) workload.payload = workload.capacity = cell.payload;
  workload.load_per_s = load_per_s;
  workload.may_spin = cell.writers + 1 <= plan.processors ? 1 : 0;
  workload.sample_shift = sample_shift_of(workload, spec.duration);
  return spec;
}

/// Orders per second of that part of what the closed loop of the same cell has done so far; 0: that
/// is not there, or did not finish.
double load_of(const Cell& cell, const Plan& plan, const std::vector<Point>& points) {
  Cell closed = cell;
  closed.load = 0;
  const auto found = std::find(plan.cells.begin(), plan.cells.end(), closed);
  if (found == plan.cells.end()) return 0;
  std::vector<double> rates;
  for (const RunResult& run : points[static_cast<std::size_t>(found - plan.cells.begin())].runs) {
    if (run.outcome == Outcome::finished) rates.push_back(run.throughput_per_s);
  }
  return median_of(rates) * cell.load;
}

/// Of several runs, one list for each.
struct Figures {
  void add(const RunResult& run) {
    rates.push_back(run.throughput_per_s);
    cpu.push_back(run.cpu_ns_per_order());
    switches.push_back(run.switches_per_order());
    fairness.push_back(run.fairness_jain);
    stalls.push_back(static_cast<double>(run.longest_stall_ns));
    blocked.push_back(run.blocked_ns_per_order());
    if (run.queue_depth) depths.push_back(run.queue_depth->mean);
    memory.push_back(static_cast<double>(run.peak_memory));
  }
  void summarize_into(Point& point) const {
    point.per_second = summarize(rates);
    point.cpu_ns_per_order = summarize(cpu);
    point.switches_per_order = summarize(switches);
    point.fairness_jain = summarize(fairness);
    point.longest_stall_ns = summarize(stalls);
    point.blocked_ns_per_order = summarize(blocked);
    if (!depths.empty()) point.queue_depth_mean = summarize(depths);
    point.peak_memory = summarize(memory);
  }

  std::vector<double> rates, cpu, switches, fairness, stalls, blocked, depths, memory;
};

}  // namespace

std::uint32_t runners(const modes::Mode& mode, std::uint32_t writers) noexcept {
  if (mode.sharing == modes::Sharing::none) return 1;
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
  point.latency = point.latency_from_send = Histogram();
  for (const RunResult& run : point.runs) {
    for (const auto kind : kKinds) {
      point.worst.*kind = std::max(point.worst.*kind, run.ledger.*kind);
      point.sum.*kind += run.ledger.*kind;
    }
    if (run.outcome == Outcome::finished) {
      figures.add(run);
      point.latency.add(run.latency);
      point.latency_from_send.add(run.latency_from_send);
    } else {
      ++point.unfinished;
    }
  }
  figures.summarize_into(point);
}

void relate(std::vector<Point>& points) {
  for (Point& point : points) {
    if (point.load > 0) continue;  // its rate is what was offered
    const auto base = std::find_if(points.begin(), points.end(), [&](const Point& other) {
      return other.mode == &modes::kThreadMutex && other.writers == point.writers &&
             other.hold == point.hold && other.payload == point.payload && other.load == 0;
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
  auto& points = comparison.points;
  points.reserve(plan.cells.size());
  for (const Cell& cell : plan.cells) points.push_back(point_of(cell, plan));
  const bool is_timed = plan.base.duration > nanoseconds(0);
  Pace pace(points.size() * plan.repetitions,
            is_timed ? plan.base.duration + kAround : nanoseconds(0));
  Work work;
  for (std::uint32_t repetition = 0; repetition < plan.repetitions; ++repetition) {
    for (const std::size_t i : running_order(plan.cells, repetition % 2 != 0)) {
      const Cell& cell = plan.cells[i];
      Point& point = points[i];
      if (cell.load > 0 && point.load_per_s == 0) point.load_per_s = load_of(cell, plan, points);
      if (cell.load == 0 || point.load_per_s > 0) {
        RunSpec spec = spec_of(plan, cell, point.load_per_s, work);
        spec.go_on = [&] { return plan.go_on({pace.done(), pace.all(), pace.left()}); };
        auto result = run(std::move(spec));
        if (!result) return result.error();
        result->cup.clear();
        result->strokes.clear();
        point.runs.push_back(std::move(*result));
      }
      pace.one_is_done();
    }
  }
  for (Point& point : points) settle(point);
  relate(points);
  comparison.advice = advice_on(points, plan.processors);
  return comparison;
}

}  // namespace cortado::lab
