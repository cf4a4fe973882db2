#include "bench/bench.hpp"

#include <algorithm>

#include "bench/cell.hpp"
#include "bench/lock.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kFanInBytes = 64;
constexpr std::size_t kLockBytes = 16;
constexpr std::uint32_t kIdleWriters = 64;

nanoseconds duration_at(const Point& point, nanoseconds duration) noexcept {
  switch (point.kind) {
    case Kind::throughput:
    case Kind::round_trip:
      return duration;
    case Kind::fan_in:
      return 3 * duration;
    case Kind::idle:
      return 20 * duration;
    case Kind::lock:
      return 5 * duration;
  }
  return duration;
}

/// Joining takes its time; a run that nobody ends takes for ever.
nanoseconds watchdog_at(const Point& point, nanoseconds duration) noexcept {
  return 10 * duration + std::chrono::seconds(60) + point.writers * std::chrono::milliseconds(100);
}

Result<Figures> measure(const Plan& plan, const Entry& entry, const GoOn& go_on) {
  Setting setting;
  setting.point = entry.point;
  setting.duration = duration_at(entry.point, plan.duration);
  setting.ring_bytes = ring_bytes_for(entry.point.bytes);
  setting.processors = plan.processors;
  if (entry.point.kind == Kind::lock) return run_lock(*entry.contestant, setting, go_on);
  return run_cell(entry.contestant->run_for(entry.point), setting,
                  watchdog_at(entry.point, setting.duration), go_on);
}

bool takes_part(const Contestant& contestant, const Point& point) {
  if (!contestant.absent.empty()) return false;
  if (point.kind == Kind::lock) return has_lock_run(contestant);
  return contestant.run_for != nullptr && contestant.run_for(point) != nullptr;
}

}  // namespace

lab::Summary Entry::summary(double (*figure)(const Figures&)) const {
  std::vector<double> values;
  for (const auto& run : runs) {
    if (run) values.push_back(figure(*run));
  }
  return lab::summarize(std::move(values));
}

bool Entry::is_measured() const noexcept {
  return std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.has_value(); });
}

std::uint64_t Entry::wrong() const noexcept {
  std::uint64_t wrong = 0;
  for (const auto& run : runs) wrong += run ? run->wrong : 0;
  return wrong;
}

const Entry* Outcome::find(const Point& point, std::string_view contestant) const noexcept {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.point == point && entry.contestant->name == contestant;
  });
  return found == entries.end() ? nullptr : &*found;
}

Result<Outcome> run(const Plan& plan) {
  Outcome outcome;
  for (const Point& point : plan.points) {
    for (const Contestant* contestant : plan.contestants) {
      if (takes_part(*contestant, point)) outcome.entries.push_back({point, contestant, {}, {}});
    }
  }
  adopt_orphans();
  const std::uint64_t all = outcome.entries.size() * plan.repetitions;
  std::uint64_t done = 0;
  const GoOn go_on = [&] { return plan.go_on(done, all); };
  for (std::uint32_t repetition = 0; repetition < plan.repetitions; ++repetition) {
    // Every other time backwards, so that a machine that slows down harms each alike.
    const bool backwards = repetition % 2 != 0;
    for (std::size_t i = 0; i < outcome.entries.size(); ++i) {
      Entry& entry = outcome.entries[backwards ? outcome.entries.size() - 1 - i : i];
      auto figures = measure(plan, entry, go_on);
      if (!figures && figures.error().code == Errc::closing) return figures.error();
      if (!figures && entry.error.empty()) entry.error = figures.error().text;
      entry.runs.push_back(figures ? std::optional(*figures) : std::nullopt);
      ++done;
    }
  }
  return outcome;
}

std::vector<Point> points_of(const std::vector<Kind>& kinds, const std::vector<std::size_t>& sizes,
                             const std::vector<std::uint32_t>& writers) {
  std::vector<Point> points;
  for (const Kind kind : kinds) {
    switch (kind) {
      case Kind::throughput:
        for (const std::size_t bytes : sizes) points.push_back({kind, bytes, 1, Waiting::polling});
        break;
      case Kind::round_trip:
        for (const Waiting waiting :
             {Waiting::polling, Waiting::spin_then_sleep, Waiting::sleeping}) {
          for (const std::size_t bytes : sizes) {
            if (bytes <= kFanInBytes) points.push_back({kind, bytes, 1, waiting});
          }
        }
        break;
      case Kind::fan_in:
        for (const std::uint32_t each : writers) {
          points.push_back({kind, kFanInBytes, each, Waiting::polling});
        }
        break;
      case Kind::idle:
        points.push_back({kind, kFanInBytes, kIdleWriters, Waiting::sleeping});
        break;
      case Kind::lock:
        for (const std::uint32_t each : writers) {
          if (each == 4 || each == 8) {
            points.push_back({kind, kLockBytes, each, Waiting::spin_then_sleep});
          }
        }
        break;
    }
  }
  return points;
}

}  // namespace cortado::bench
