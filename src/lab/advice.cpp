// What a reader of a comparison should know before he believes it.
#include <algorithm>
#include <cmath>
#include <functional>

#include "lab/compare.hpp"

namespace cortado::lab {
namespace {

/// A run of one second ends a moment before it, where its last order is applied before its writers
/// look at the clock.
constexpr std::uint64_t kShortNs = 950'000'000;
constexpr double kMostSpread = 0.3;

std::string name_of(const Point& point) {
  std::string name = std::string(point.mode->name) + " with " + std::to_string(point.writers) +
                     (point.writers == 1 ? " writer" : " writers");
  if (point.hold > std::chrono::nanoseconds(0)) {
    name += " and " + std::to_string(point.hold.count()) + " ns of work";
  }
  return name;
}

std::string percent(double part) {
  return std::to_string(std::lround(part * 100)) + " %";
}

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

void advise_on_unfinished(const std::vector<Point>& points, std::vector<std::string>& advice) {
  for (const Point& point : points) {
    if (point.unfinished == 0) continue;
    const bool hung = std::any_of(point.runs.begin(), point.runs.end(), [](const RunResult& run) {
      return run.outcome == Outcome::hung;
    });
    advice.push_back(std::string(hung ? "hung: " : "died: ") + name_of(point) + ", in " +
                     std::to_string(point.unfinished) + " of " + std::to_string(point.runs.size()) +
                     " runs, which give no rate; look at one by `cortado run --mode " +
                     std::string(point.mode->name) + "`");
  }
}

}  // namespace

std::vector<std::string> advice_on(const std::vector<Point>& points, std::uint32_t processors) {
  std::vector<std::string> advice;
  advise_on_unfinished(points, advice);
  const auto crowded = those(points, [](const Point& point) { return point.is_oversubscribed; });
  if (!crowded.empty()) {
    advice.push_back("oversubscribed: " + count(crowded, points) +
                     "(*) have more runners than the " + std::to_string(processors) +
                     (processors == 1 ? " processor" : " processors") +
                     " and measure the scheduler, too; take fewer --writers, or a larger machine");
  }
  const auto brief =
      those(points, [](const Point& point) { return shortest_ns(point) < kShortNs; });
  if (!brief.empty()) {
    advice.push_back("too short: " + count(brief, points) +
                     "have a run under 1 s, of which the start is too large a part; take --time "
                     "1s, or more --orders");
  }
  const auto noisy =
      those(points, [](const Point& point) { return point.per_second.spread() > kMostSpread; });
  if (!noisy.empty()) {
    const Point& worst =
        *std::max_element(noisy.begin(), noisy.end(), [](const Point& a, const Point& b) {
          return a.per_second.spread() < b.per_second.spread();
        });
    advice.push_back("noisy: " + count(noisy, points) + "spread more than " + percent(kMostSpread) +
                     " of their median, " + name_of(worst) + " " +
                     percent(worst.per_second.spread()) +
                     "; close other programs, and take more --repeat");
  }
  return advice;
}

}  // namespace cortado::lab
