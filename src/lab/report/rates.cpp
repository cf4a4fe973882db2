// Rates and latencies as pictures.
#include <algorithm>
#include <functional>

#include "lab/report/report.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

using TableCell = ReportTable::Cell;

std::string damage_text(const StudyPoint& point) {
  std::string text;
  if (point.lost_part > 0) text += "; lost " + percent(point.lost_part);
  if (point.torn > 0) text += "; torn " + rate_text(point.torn) + " times";
  if (point.unfinished > 0) text += "; " + counted(point.unfinished, "run") + " did not finish";
  return text;
}

TableCell rate_cell(const StudyPoint* point) {
  if (point == nullptr) return {"not measured", "none"};
  if (!point->rate) return {"no rate: it did not finish", "bad"};
  return {rate_text(point->rate->median) + " (" + rate_text(point->rate->lowest) + " to " +
              rate_text(point->rate->highest) + ")" + (point->is_oversubscribed ? " *" : "") +
              damage_text(*point),
          point->lost_part > 0 || point->torn > 0 ? "bad" : ""};
}

/// What a figure goes over, from left to right.
struct Axis {
  std::string label;
  std::vector<std::string> numbers;  ///< what stands below each place
  std::vector<std::string> heads;    ///< the same, over a column of a table
  /// Null: it was not measured.
  std::function<const StudyPoint*(const std::string& mode, std::size_t at)> point;

  Json json() const { return {{"label", label}, {"labels", numbers}}; }
};

Axis over_writers(const StudyComparison& comparison, std::uint64_t hold) {
  const std::vector<std::uint32_t> all = comparison.writers();
  Axis axis{"writers", {}, {}, [&comparison, all, hold](const std::string& mode, std::size_t at) {
              return comparison.find(mode, all[at], hold);
            }};
  for (const std::uint32_t writers : all) {
    axis.numbers.push_back(std::to_string(writers));
    axis.heads.push_back(counted(writers, "writer"));
  }
  return axis;
}

/// One with as many writers and as much work as most of them have.
const StudyPoint& typical(const std::vector<StudyPoint>& points) {
  const auto alike = [&](const StudyPoint& like) {
    return std::count_if(points.begin(), points.end(), [&](const StudyPoint& point) {
      return point.writers == like.writers && point.hold_ns == like.hold_ns;
    });
  };
  return *std::max_element(
      points.begin(), points.end(),
      [&](const StudyPoint& a, const StudyPoint& b) { return alike(a) < alike(b); });
}

Axis over_lengths(const StudyComparison& comparison, const StudyPoint& like) {
  std::vector<const StudyPoint*> points;
  std::vector<std::uint32_t> all;
  for (const auto* some : {&comparison.points, &comparison.other_lengths}) {
    for (const StudyPoint& point : *some) {
      if (point.writers != like.writers || point.hold_ns != like.hold_ns) continue;
      points.push_back(&point);
      if (std::find(all.begin(), all.end(), point.payload) == all.end()) {
        all.push_back(point.payload);
      }
    }
  }
  std::sort(all.begin(), all.end());
  Axis axis{"bytes of an order", {}, {}, [points, all](const std::string& mode, std::size_t at) {
              const auto found =
                  std::find_if(points.begin(), points.end(), [&](const StudyPoint* point) {
                    return point->mode == mode && point->payload == all[at];
                  });
              return found == points.end() ? nullptr : *found;
            }};
  for (const std::uint32_t length : all) {
    axis.numbers.push_back(std::to_string(length));
    axis.heads.push_back(counted(length, "byte"));
  }
  return axis;
}

/// A line for each mode that has a point there; with `has_intervals` those of the rates, too. One
/// thread alone is no mode to choose: where it is told, it is a level.
using Value = std::function<double(const StudyPoint&)>;
Json series_of(const StudyComparison& comparison, const Axis& axis, const Value& value,
               bool has_intervals = false) {
  Json all = Json::array();
  for (const std::string& mode : comparison.modes()) {
    Json series{{"name", mode}};
    bool is_measured = false;
    for (std::size_t at = 0; at < axis.numbers.size(); ++at) {
      const StudyPoint* const point = axis.point(mode, at);
      const bool is_there = point != nullptr && point->rate;
      is_measured = is_measured || is_there;
      series["values"].push_back(is_there ? Json(value(*point)) : Json(nullptr));
      if (!has_intervals) continue;
      series["low"].push_back(is_there ? Json(point->rate->lowest) : Json(nullptr));
      series["high"].push_back(is_there ? Json(point->rate->highest) : Json(nullptr));
    }
    if (is_measured && mode != "thread-alone") all.push_back(std::move(series));
  }
  return all;
}

/// A row for each mode that has a point there.
template <class ToCell>
ReportTable table_over(const StudyComparison& comparison, const Axis& axis, const ToCell& cell) {
  ReportTable table;
  table.head.emplace_back("mode");
  table.head.insert(table.head.end(), axis.heads.begin(), axis.heads.end());
  for (const std::string& mode : comparison.modes()) {
    std::vector<TableCell> row{{mode}};
    bool is_measured = false;
    for (std::size_t at = 0; at < axis.numbers.size(); ++at) {
      const StudyPoint* const point = axis.point(mode, at);
      is_measured = is_measured || point != nullptr;
      row.push_back(cell(point));
    }
    if (is_measured) table.rows.push_back(std::move(row));
  }
  return table;
}

/// Rates with their intervals.
ReportFigure rates_over(const StudyComparison& comparison, const Axis& axis) {
  ReportFigure figure;
  figure.says =
      "Higher is better. Bars: the interval of the median. The scale of the rates is logarithmic.";
  const auto median = [](const StudyPoint& point) { return point.rate->median; };
  figure.chart = Json{{"kind", "lines"},
                      {"x", axis.json()},
                      {"y", {{"label", "orders/s"}, {"log", true}, {"unit", "rate"}}},
                      {"series", series_of(comparison, axis, median, true)}};
  figure.table = table_over(comparison, axis, rate_cell);
  return figure;
}

ReportFigure rate_figure(const StudyComparison& comparison, std::uint64_t hold) {
  ReportFigure figure = rates_over(comparison, over_writers(comparison, hold));
  figure.title = "Orders per second, with " + work_text(hold) + " on each order";
  Json& chart = *figure.chart;
  chart["mark"] = {{"at", comparison.cores()}, {"label", "processors"}};
  const StudyPoint* const ceiling = comparison.ceiling(hold);
  if (ceiling != nullptr) {
    chart["level"] = {{"value", ceiling->rate->median}, {"label", "one thread alone"}};
    figure.says += " Dotted: the most that one thread does alone, sharing with nobody.";
  }
  return figure;
}

ReportFigure length_figure(const StudyComparison& comparison) {
  const StudyPoint& like = typical(comparison.other_lengths);
  ReportFigure figure = rates_over(comparison, over_lengths(comparison, like));
  figure.title = "Orders per second against their length, with " + counted(like.writers, "writer") +
                 " and " + work_text(like.hold_ns);
  figure.says +=
      " Every mode writes each byte into the buffer and checks it; a queue copies it in and out "
      "before that, and so has less to win with long orders.";
  return figure;
}

/// Where there is most to be seen: several writers, and little work.
std::uint32_t many(const StudyComparison& comparison) {
  std::uint32_t most = comparison.writers().front();
  for (const std::uint32_t writers : comparison.writers()) {
    if (writers <= 4) most = writers;
  }
  return most;
}

ReportFigure latency_figure(const StudyComparison& comparison, std::uint64_t hold) {
  const std::uint32_t writers = many(comparison);
  ReportFigure figure;
  figure.title = "Latency of an order, " + counted(writers, "writer") + ", " + work_text(hold);
  figure.says =
      "Lower is better. From the begin of a send until the order is applied. Closed loop: each "
      "writer hands over its next order as soon as it may. Behind a lock that is when the one "
      "before is applied; in a queue, as long as there is room, so that orders wait in line.";
  Json series = Json::array();
  figure.table.head = {"mode", "p50", "p99", "p99.9", "max"};
  for (const std::string& mode : comparison.modes()) {
    const StudyPoint* const point = comparison.find(mode, writers, hold);
    if (point == nullptr || !point->latency) continue;
    const StudyLatency& latency = *point->latency;
    series.push_back(
        {{"name", mode}, {"values", {latency.p50, latency.p99, latency.p99_9, latency.max}}});
    figure.table.rows.push_back({{mode},
                                 {time_text(latency.p50)},
                                 {time_text(latency.p99)},
                                 {time_text(latency.p99_9)},
                                 {time_text(latency.max)}});
  }
  figure.chart = Json{{"kind", "lines"},
                      {"x", {{"label", "percentile"}, {"labels", {"p50", "p99", "p99.9", "max"}}}},
                      {"y", {{"label", "latency"}, {"log", true}, {"unit", "time"}}},
                      {"series", std::move(series)}};
  return figure;
}

std::vector<double> parts_of(const StudyComparison& comparison) {
  std::vector<double> parts;
  for (const StudyLoad& load : comparison.loads) {
    if (std::find(parts.begin(), parts.end(), load.part) == parts.end()) {
      parts.push_back(load.part);
    }
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

/// p99 under offered load, which no stall can hide.
ReportFigure load_figure(const StudyComparison& comparison) {
  ReportFigure figure;
  const StudyLoad& like = comparison.loads.front();
  figure.title = "Latency under offered load, p99, with " + counted(like.writers, "writer") +
                 " and " + work_text(like.hold_ns);
  figure.says =
      "Lower is better. Open loop: an order's time begins when it was due, whether or not its "
      "writer was free, so that a stall counts for all who were due meanwhile. The load is a part "
      "of what the mode itself can do: of more orders, in a faster mode. Where an owner has no "
      "processor of its own, orders may wait until the scheduler lets it run, under less load, "
      "too.";
  const std::vector<double> parts = parts_of(comparison);
  Json labels = Json::array();
  figure.table.head = {"mode"};
  for (const double part : parts) {
    labels.push_back(percent(part));
    figure.table.head.push_back(percent(part) + " of capacity");
  }
  Json series = Json::array();
  for (const std::string& mode : comparison.modes()) {
    Json values = Json::array();
    std::vector<TableCell> row{{mode}};
    for (const double part : parts) {
      const auto found = std::find_if(
          comparison.loads.begin(), comparison.loads.end(), [&](const StudyLoad& load) {
            return load.mode == mode && load.part == part && load.writers == like.writers &&
                   load.hold_ns == like.hold_ns;
          });
      const bool is_there = found != comparison.loads.end();
      values.push_back(is_there ? Json(found->latency.p99) : Json(nullptr));
      row.push_back({is_there ? time_text(found->latency.p99) : "not measured"});
    }
    series.push_back({{"name", mode}, {"values", std::move(values)}});
    figure.table.rows.push_back(std::move(row));
  }
  figure.chart =
      Json{{"kind", "lines"},
           {"x", {{"label", "offered load, of capacity"}, {"labels", std::move(labels)}}},
           {"y", {{"label", "p99"}, {"log", true}, {"unit", "time"}}},
           {"series", std::move(series)}};
  return figure;
}

TableCell waiting_cell(const StudyPoint* point) {
  if (point == nullptr || !point->blocked_ns_per_order) return {"-", "none"};
  std::string text = time_text(*point->blocked_ns_per_order) + " blocked";
  if (point->queue_depth) text += "; queue depth " + rate_text(*point->queue_depth);
  return {text};
}

/// As a table alone: a mode in which nobody ever waits has no place on a logarithmic scale.
void add_waiting(ReportSection& section, const StudyComparison& comparison, std::uint64_t hold) {
  const bool is_told =
      std::any_of(comparison.points.begin(), comparison.points.end(),
                  [](const StudyPoint& point) { return point.blocked_ns_per_order.has_value(); });
  if (!is_told) return;
  ReportFigure figure;
  figure.title = "Blocked time of an order, and queue depth, with " + work_text(hold);
  figure.says =
      "Lower is better. Blocked: the time in which a writer could not go on, as another had the "
      "lock or there was no room for its order; all writers' time together, divided by the orders. "
      "In process-message-queue only the wait for room is known, not that for the queue's lock. "
      "Queue depth: orders handed over and not yet applied, of all writers together, on average.";
  figure.table = table_over(comparison, over_writers(comparison, hold), waiting_cell);
  section.figures.push_back(std::move(figure));
}

}  // namespace

void add_rates(ReportSection& section, const StudyComparison& comparison) {
  for (const std::uint64_t hold : comparison.holds()) {
    section.figures.push_back(rate_figure(comparison, hold));
  }
  if (!comparison.other_lengths.empty()) section.figures.push_back(length_figure(comparison));
}

void add_latencies(ReportSection& section, const StudyComparison& comparison) {
  for (const std::uint64_t hold : comparison.holds()) {
    ReportFigure figure = latency_figure(comparison, hold);
    if (!figure.table.rows.empty()) section.figures.push_back(std::move(figure));
  }
  if (!comparison.loads.empty()) section.figures.push_back(load_figure(comparison));
}

void add_costs(ReportSection& section, const StudyComparison& comparison) {
  const std::uint64_t hold = comparison.holds().front();
  const Axis axis = over_writers(comparison, hold);
  const auto add = [&](const char* title, const char* says, const char* unit, bool log,
                       const Value& value, const std::function<std::string(double)>& text) {
    ReportFigure figure;
    figure.title = std::string(title) + ", with " + work_text(hold);
    figure.says = says;
    figure.chart = Json{{"kind", "lines"},
                        {"x", axis.json()},
                        {"y", {{"label", title}, {"log", log}, {"unit", unit}}},
                        {"series", series_of(comparison, axis, value)},
                        {"mark", {{"at", comparison.cores()}, {"label", "processors"}}}};
    figure.table = table_over(comparison, axis, [&](const StudyPoint* point) {
      return point != nullptr && point->rate ? TableCell{text(value(*point))}
                                             : TableCell{"-", "none"};
    });
    section.figures.push_back(std::move(figure));
  };
  add(
      "Processor time for an order", "Lower is better: user and system, of all who take part.",
      "time", true, [](const StudyPoint& p) { return p.cpu_ns_per_order; }, time_text);
  add(
      "Context switches for 1000 orders", "Lower is better: voluntary and involuntary.", "count",
      true, [](const StudyPoint& p) { return p.switches_per_order * 1000; }, rate_text);
  add(
      "Fairness", "1: all writers have the same rate; 1 over their number: one has all (Jain).",
      "plain", false, [](const StudyPoint& p) { return p.fairness; }, rate_text);
  add_waiting(section, comparison, hold);
}

}  // namespace cortado::lab
