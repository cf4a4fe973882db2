#include "lab/verdict.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <utility>

#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

/// By writers and work: of each repetition the logarithm of the ratio, if it has one.
using LogRatios = std::vector<std::optional<double>>;
using Pair = std::pair<std::uint32_t, std::uint64_t>;

struct Rows {
  std::map<Pair, LogRatios> cells;
  bool is_clean = true;  ///< all that finished was
};

const StoredPoint* partner_of(const StoredPoint& ring, const std::vector<StoredPoint>& points) {
  const auto found = std::find_if(points.begin(), points.end(), [&ring](const StoredPoint& point) {
    return point.mode == "thread-mutex" && point.writers == ring.writers &&
           point.hold_ns == ring.hold_ns && point.payload == ring.payload && !point.load;
  });
  return found == points.end() ? nullptr : &*found;
}

LogRatios ratios_of(const StoredPoint& ring, const StoredPoint& mutex, bool& is_clean) {
  LogRatios ratios(std::min(ring.runs.size(), mutex.runs.size()));
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    const StoredRun& of = ring.runs[i];
    const StoredRun& to = mutex.runs[i];
    if (!of.is_finished || !to.is_finished) continue;
    is_clean = is_clean && of.is_clean && to.is_clean;
    if (of.throughput_per_s > 0 && to.throughput_per_s > 0) {
      ratios[i] = std::log(of.throughput_per_s / to.throughput_per_s);
    }
  }
  return ratios;
}

/// Of the shortest payload that there is, in a closed loop.
Rows rows_of(const std::vector<StoredPoint>& points) {
  Rows rows;
  std::uint32_t payload = UINT32_MAX;
  for (const StoredPoint& point : points) {
    if (point.mode == "process-ring" && !point.load) payload = std::min(payload, point.payload);
  }
  for (const StoredPoint& point : points) {
    if (point.mode != "process-ring" || point.load || point.payload != payload) continue;
    const StoredPoint* const mutex = partner_of(point, points);
    if (mutex == nullptr) continue;
    rows.cells[{point.writers, point.hold_ns}] = ratios_of(point, *mutex, rows.is_clean);
  }
  return rows;
}

std::vector<double> those_there(const LogRatios& ratios) {
  std::vector<double> there;
  for (const auto& ratio : ratios) {
    if (ratio) there.push_back(*ratio);
  }
  return there;
}

std::optional<Bounds> interval_of_ratio(const std::vector<double>& logs) {
  const auto bounds = median_interval(logs);
  if (!bounds) return std::nullopt;
  return Bounds{std::exp(bounds->lower), std::exp(bounds->upper)};
}

Ahead ahead_in(const std::optional<Bounds>& interval) {
  if (!interval) return Ahead::neither;
  if (interval->lower > Verdict::kMargin) return Ahead::messages;
  if (interval->upper < 1 / Verdict::kMargin) return Ahead::lock;
  return Ahead::neither;
}

VerdictCell cell_of(const Pair& where, const LogRatios& ratios, std::uint32_t cores) {
  VerdictCell cell;
  std::tie(cell.writers, cell.hold_ns) = where;
  const auto logs = those_there(ratios);
  cell.repetitions = logs.size();
  cell.ratio = logs.empty() ? 0 : std::exp(median_of(logs));
  cell.interval = interval_of_ratio(logs);
  cell.ahead = ahead_in(cell.interval);
  cell.counts = cell.writers >= cores && cell.hold_ns <= Verdict::kMostHoldNs;
  return cell;
}

/// Of each repetition in which all of these have a ratio, the mean of the logarithms.
std::vector<double> means_of(const std::vector<const LogRatios*>& cells) {
  std::vector<double> means;
  std::size_t repetitions = cells.empty() ? 0 : SIZE_MAX;
  for (const LogRatios* cell : cells) repetitions = std::min(repetitions, cell->size());
  for (std::size_t i = 0; i < repetitions; ++i) {
    if (!std::all_of(cells.begin(), cells.end(), [i](const auto* cell) { return (*cell)[i]; })) {
      continue;
    }
    const double sum = std::accumulate(cells.begin(), cells.end(), 0.0,
                                       [i](double all, auto* cell) { return all + *(*cell)[i]; });
    means.push_back(sum / static_cast<double>(cells.size()));
  }
  return means;
}

std::string digits(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", number);
  return text.data();
}

std::string hold_text(std::uint64_t ns) {
  return ns == 0 ? "no work" : plain_time(static_cast<double>(ns));
}

std::string name_of(const VerdictCell& cell) {
  return counted(cell.writers, "writer") + " and " + hold_text(cell.hold_ns);
}

/// The first cell that counts in which this one is ahead; null: there is none.
const VerdictCell* first_with(const Verdict& verdict, Ahead ahead) {
  const auto found =
      std::find_if(verdict.cells.begin(), verdict.cells.end(),
                   [ahead](const auto& cell) { return cell.counts && cell.ahead == ahead; });
  return found == verdict.cells.end() ? nullptr : &*found;
}

void decide(Verdict& verdict, bool is_clean) {
  const auto is_inconclusive = [&verdict](std::string reason) {
    verdict.reason = std::move(reason);
  };
  if (std::none_of(verdict.cells.begin(), verdict.cells.end(),
                   [](const auto& cell) { return cell.counts; })) {
    return is_inconclusive("nothing was measured with " + counted(verdict.cores, "writer") +
                           " or more and 1 us of work or less");
  }
  if (!is_clean) return is_inconclusive("orders were lost or torn in a run, so its rate is none");
  if (!verdict.interval) {
    return is_inconclusive("that takes " + std::to_string(kLeastRepetitions) +
                           " repetitions in which all runs finished");
  }
  const VerdictCell* const for_messages = first_with(verdict, Ahead::messages);
  const VerdictCell* const for_lock = first_with(verdict, Ahead::lock);
  if (for_messages != nullptr && for_lock != nullptr) {
    return is_inconclusive("messages are ahead with " + name_of(*for_messages) +
                           ", the lock with " + name_of(*for_lock));
  }
  if (verdict.interval->lower > Verdict::kMargin && for_lock == nullptr) {
    verdict.finding = Finding::supported;
  } else if (verdict.interval->upper < Verdict::kMargin && for_messages == nullptr) {
    verdict.finding = Finding::refuted;
  } else {
    is_inconclusive(
        "the interval holds both a poor performance and none; take more --repeat, and "
        "close other programs");
  }
}

std::string where_text(const Verdict& verdict) {
  std::uint32_t fewest = UINT32_MAX;
  std::uint32_t most = 0;
  std::uint64_t longest = 0;
  for (const VerdictCell& cell : verdict.cells) {
    if (!cell.counts) continue;
    fewest = std::min(fewest, cell.writers);
    most = std::max(most, cell.writers);
    longest = std::max(longest, cell.hold_ns);
  }
  return (fewest == most ? "" : std::to_string(fewest) + " to ") + counted(most, "writer") +
         " on " + counted(verdict.cores, "core") + ", " +
         (longest == 0 ? "no work" : "up to " + hold_text(longest) + " of work") + " on each order";
}

const char* name_of(Ahead ahead) noexcept {
  switch (ahead) {
    case Ahead::messages:
      return "messages";
    case Ahead::lock:
      return "lock";
    case Ahead::neither:
      return "neither";
  }
  return "neither";
}

Json bounds_json(const std::optional<Bounds>& bounds) {
  return bounds ? Json{bounds->lower, bounds->upper} : Json(nullptr);
}

}  // namespace

const char* name_of(Finding finding) noexcept {
  switch (finding) {
    case Finding::supported:
      return "supported";
    case Finding::refuted:
      return "refuted";
    case Finding::inconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

std::string Verdict::sentence() const {
  const std::string claim = "\"no mutexes: they have poor performance at high load\" is ";
  std::string head =
      claim + (finding == Finding::inconclusive ? "inconclusive here: " + reason
                                                : std::string(name_of(finding)) + " here");
  if (!interval) return head;
  return head + "; with " + where_text(*this) + ", messages to an owner process do " +
         digits(ratio) + " times the orders of threads with a mutex (95 % interval " +
         digits(interval->lower) + " to " + digits(interval->upper) +
         ", n = " + std::to_string(repetitions) + ")";
}

std::vector<std::string> Verdict::crossovers() const {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < cells.size();) {
    std::size_t end = from;
    std::string line = counted(cells[from].writers, "writer") + ":";
    // Runs of the same one ahead.
    while (end < cells.size() && cells[end].writers == cells[from].writers) {
      std::size_t last = end;
      while (last + 1 < cells.size() && cells[last + 1].writers == cells[from].writers &&
             cells[last + 1].ahead == cells[end].ahead) {
        ++last;
      }
      line += (end == from ? " " : ", ") + std::string(name_of(cells[end].ahead)) + " ahead with " +
              hold_text(cells[end].hold_ns) +
              (last == end ? "" : " to " + hold_text(cells[last].hold_ns));
      end = last + 1;
    }
    lines.push_back(std::move(line));
    from = end;
  }
  return lines;
}

Verdict verdict_on(const std::vector<StoredPoint>& points, std::uint32_t cores) {
  Verdict verdict;
  verdict.cores = cores;
  const Rows rows = rows_of(points);
  std::vector<const LogRatios*> counted_cells;
  for (const auto& [where, ratios] : rows.cells) {
    const VerdictCell& cell = verdict.cells.emplace_back(cell_of(where, ratios, cores));
    if (cell.counts) counted_cells.push_back(&ratios);
  }
  const auto means = means_of(counted_cells);
  verdict.repetitions = means.size();
  verdict.ratio = means.empty() ? 0 : std::exp(median_of(means));
  verdict.interval = interval_of_ratio(means);
  decide(verdict, rows.is_clean);
  return verdict;
}

Json to_json(const Verdict& verdict) {
  Json cells = Json::array();
  for (const VerdictCell& cell : verdict.cells) {
    cells.push_back({{"writers", cell.writers},
                     {"hold_ns", cell.hold_ns},
                     {"n", cell.repetitions},
                     {"ratio", cell.ratio},
                     {"interval", bounds_json(cell.interval)},
                     {"ahead", name_of(cell.ahead)},
                     {"counts", cell.counts}});
  }
  return {{"finding", name_of(verdict.finding)},
          {"sentence", verdict.sentence()},
          {"ratio", verdict.ratio},
          {"interval", bounds_json(verdict.interval)},
          {"n", verdict.repetitions},
          {"cores", verdict.cores},
          {"margin", Verdict::kMargin},
          {"crossovers", verdict.crossovers()},
          {"cells", std::move(cells)}};
}

}  // namespace cortado::lab
