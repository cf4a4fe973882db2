// What a reader of a comparison should know before he believes it.
#include <algorithm>
#include <functional>

#include "lab/compare.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

/// Starting takes up to a millisecond: of a run shorter than this, more than 2 %.
constexpr std::uint64_t kShortNs = 45'000'000;
constexpr double kSpread = 0.3;  ///< from which on a point is noisy

std::uint64_t shortest_ns(const Point& point) {
  std::uint64_t shortest = UINT64_MAX;
  for (const RunResult& run : point.runs) {
    if (run.outcome == Outcome::finished) shortest = std::min(shortest, run.wall_ns);
  }
  return shortest;
}

using Points = std::vector<std::reference_wrapper<const Point>>;

template <class Condition>
Points those(const std::vector<Point>& points, const Condition& condition) {
  Points some;
  std::copy_if(points.begin(), points.end(), std::back_inserter(some), condition);
  return some;
}

std::string count(const Points& some, const std::vector<Point>& all) {
  return std::to_string(some.size()) + " of " + std::to_string(all.size()) + " points ";
}

template <class Condition>
void advise_on_runs(const std::vector<Point>& points, const char* what, const char* why,
                    const Condition& condition, std::vector<std::string>& advice) {
  for (const Point& point : points) {
    const auto some = std::count_if(point.runs.begin(), point.runs.end(), condition);
    if (some == 0) continue;
    advice.push_back(std::string(what) + ": " + name_of(point) + ", in " + std::to_string(some) +
                     " of " + counted(point.runs.size(), "run") + why +
                     "; look at one by `cortado run --mode " + std::string(point.mode->name) + "`");
  }
}

void advise_on_what_broke(const std::vector<Point>& points, std::vector<std::string>& advice) {
  const auto ended = [](Outcome outcome) {
    return [outcome](const RunResult& run) { return run.outcome == outcome; };
  };
  advise_on_runs(points, "hung", ", for which there is no rate", ended(Outcome::hung), advice);
  advise_on_runs(points, "died", ", for which there is no rate", ended(Outcome::host_died), advice);
  advise_on_runs(
      points, "incomplete", ": a writer ended before its time",
      [](const RunResult& run) { return run.outcome == Outcome::finished && !run.is_complete(); },
      advice);
}

}  // namespace

std::string name_of(const Point& point) {
  std::string name = std::string(point.mode->name) + " with " + counted(point.writers, "writer");
  if (point.hold > std::chrono::nanoseconds(0)) {
    name += " and " + plain_time(static_cast<double>(point.hold.count())) + " of work";
  }
  if (point.load > 0) name += " at " + percent(point.load) + " of its capacity";
  return name;
}

std::vector<std::string> advice_on(const std::vector<Point>& points, std::uint32_t processors) {
  std::vector<std::string> advice;
  advise_on_what_broke(points, advice);
  const auto crowded = those(points, [](const Point& point) { return point.is_oversubscribed; });
  if (!crowded.empty()) {
    advice.push_back("oversubscribed: " + count(crowded, points) +
                     "(*) have more runners than the " + counted(processors, "processor") +
                     " and measure the scheduler, too; take fewer --writers, or a larger machine");
  }
  const auto brief =
      those(points, [](const Point& point) { return shortest_ns(point) < kShortNs; });
  if (!brief.empty()) {
    advice.push_back("too short: " + count(brief, points) +
                     "have a run under 50 ms, of which the start is too large a part; take --time "
                     "1s, or more --orders");
  }
  const auto noisy = those(points, [](const Point& point) {
    return point.load == 0 && point.per_second.spread() >= kSpread;
  });
  if (!noisy.empty()) {
    const Point& worst =
        *std::max_element(noisy.begin(), noisy.end(), [](const Point& a, const Point& b) {
          return a.per_second.spread() < b.per_second.spread();
        });
    advice.push_back("noisy: " + count(noisy, points) + "spread by " + percent(kSpread) +
                     " of their median or more, " + name_of(worst) + " by " +
                     percent(worst.per_second.spread()) +
                     "; close other programs, and take more --repeat");
  }
  return advice;
}

}  // namespace cortado::lab
