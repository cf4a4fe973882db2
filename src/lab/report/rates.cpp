// Rates and latencies as pictures.
#include <algorithm>
#include <functional>

#include "lab/report/report.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

using TableCell = ReportTable::Cell;

Json labels_of(const std::vector<std::uint32_t>& writers) {
  Json labels = Json::array();
  for (const std::uint32_t n : writers) labels.push_back(std::to_string(n));
  return labels;
}

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

/// A line for each mode over the numbers of writers.
using Value = std::function<double(const StudyPoint&)>;
Json series_of(const StudyComparison& comparison, std::uint64_t hold, const Value& value) {
  Json all = Json::array();
  for (const std::string& mode : comparison.modes()) {
    Json series{{"name", mode}, {"values", Json::array()}};
    for (const std::uint32_t writers : comparison.writers()) {
      const StudyPoint* point = comparison.find(mode, writers, hold);
      const bool is_there = point != nullptr && point->rate;
      series["values"].push_back(is_there ? Json(value(*point)) : Json(nullptr));
    }
    all.push_back(std::move(series));
  }
  return all;
}

void put_intervals(Json& all, const StudyComparison& comparison, std::uint64_t hold) {
  for (Json& series : all) {
    for (const std::uint32_t writers : comparison.writers()) {
      const StudyPoint* point = comparison.find(series["name"].get<std::string>(), writers, hold);
      const bool is_there = point != nullptr && point->rate;
      series["low"].push_back(is_there ? Json(point->rate->lowest) : Json(nullptr));
      series["high"].push_back(is_there ? Json(point->rate->highest) : Json(nullptr));
    }
  }
}

/// One thread that shares with nobody; else the race with one writer, which does the same.
const StudyPoint* ceiling_of(const StudyComparison& comparison, std::uint64_t hold) {
  const StudyPoint* alone = comparison.find("thread-alone", 1, hold);
  return alone != nullptr ? alone : comparison.find("thread-race", 1, hold);
}

template <class ToCell>
ReportTable table_over_writers(const StudyComparison& comparison, std::uint64_t hold,
                               const ToCell& cell) {
  ReportTable table;
  table.head.emplace_back("mode");
  for (const std::uint32_t writers : comparison.writers()) {
    table.head.push_back(counted(writers, "writer"));
  }
  for (const std::string& mode : comparison.modes()) {
    auto& row = table.rows.emplace_back(std::vector<TableCell>{{mode}});
    for (const std::uint32_t writers : comparison.writers()) {
      row.push_back(cell(comparison.find(mode, writers, hold)));
    }
  }
  return table;
}

ReportFigure rate_figure(const StudyComparison& comparison, std::uint64_t hold) {
  ReportFigure figure;
  figure.title = "Orders per second, with " + work_text(hold) + " on each order";
  figure.says = "Higher is better. Bars: the interval of the median. Both scales are logarithmic.";
  Json series = series_of(comparison, hold, [](const StudyPoint& p) { return p.rate->median; });
  put_intervals(series, comparison, hold);
  Json chart{{"kind", "lines"},
             {"x", {{"label", "writers"}, {"labels", labels_of(comparison.writers())}}},
             {"y", {{"label", "orders/s"}, {"log", true}, {"unit", "rate"}}},
             {"series", std::move(series)},
             {"mark", {{"at", comparison.cores()}, {"label", "processors"}}}};
  const StudyPoint* const ceiling = ceiling_of(comparison, hold);
  if (ceiling != nullptr && ceiling->rate) {
    chart["level"] = {{"value", ceiling->rate->median}, {"label", "one thread alone"}};
    figure.says += " Dotted: the most that one thread does alone, sharing with nobody.";
  }
  figure.chart = std::move(chart);
  figure.table = table_over_writers(comparison, hold, rate_cell);
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
  figure.title = "Latency under offered load, p99";
  figure.says =
      "Lower is better. Open loop: an order's time begins when it was due, whether or not its "
      "writer was free, so that a stall counts for all who were due meanwhile. The load is a part "
      "of what the mode itself can do: of more orders, in a faster mode.";
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
          comparison.loads.begin(), comparison.loads.end(),
          [&](const StudyLoad& load) { return load.mode == mode && load.part == part; });
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
  figure.table = table_over_writers(comparison, hold, waiting_cell);
  section.figures.push_back(std::move(figure));
}

}  // namespace

void add_rates(ReportSection& section, const StudyComparison& comparison) {
  for (const std::uint64_t hold : comparison.holds()) {
    section.figures.push_back(rate_figure(comparison, hold));
  }
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
  const auto add = [&](const char* title, const char* says, const char* unit, bool log,
                       const Value& value, const std::function<std::string(double)>& text) {
    ReportFigure figure;
    figure.title = std::string(title) + ", with " + work_text(hold);
    figure.says = says;
    figure.chart = Json{{"kind", "lines"},
                        {"x", {{"label", "writers"}, {"labels", labels_of(comparison.writers())}}},
                        {"y", {{"label", title}, {"log", log}, {"unit", unit}}},
                        {"series", series_of(comparison, hold, value)},
                        {"mark", {{"at", comparison.cores()}, {"label", "processors"}}}};
    figure.table = table_over_writers(comparison, hold, [&](const StudyPoint* point) {
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
