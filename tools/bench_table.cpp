#include "bench_table.hpp"

#include <algorithm>
#include <cstdint>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "lab/summary.hpp"

namespace cortado::tools {
namespace {

using bench::Entry;
using bench::Figures;
using bench::Kind;
using bench::Point;

/// One column: its title, and what stands there.
struct Column {
  const char* title;
  std::string (*cell)(const Entry& entry);
};

using Figure = double (*)(const Figures&);

double ns(const Figures& run) {
  return run.ns_per_message;
}
double p50(const Figures& run) {
  return run.p50_ns;
}

/// median (lowest-highest)
std::string spread(const Entry& entry, Figure figure) {
  const lab::Summary all = entry.summary(figure);
  std::string text = three_digits(all.median);
  if (entry.runs.size() > 1) {
    text += fmt::format(" ({}-{})", three_digits(all.lowest), three_digits(all.highest));
  }
  return text;
}

std::string median(const Entry& entry, Figure figure) {
  return three_digits(entry.summary(figure).median);
}

std::string ns_cell(const Entry& entry) {
  return spread(entry, ns);
}
std::string rate_cell(const Entry& entry) {
  return median(entry, [](const Figures& run) { return run.per_second() / 1e6; });
}
std::string bytes_cell(const Entry& entry) {
  const double per_second =
      entry.summary([](const Figures& run) { return run.per_second(); }).median;
  return three_digits(per_second * static_cast<double>(entry.point.bytes) / 1e6);
}
std::string cpu_cell(const Entry& entry) {
  const lab::Summary used =
      entry.summary([](const Figures& run) { return run.cpu_ns_per_message; });
  return used.median > 0 ? three_digits(used.median) : "-";
}
std::string batch_cell(const Entry& entry) {
  return median(entry, [](const Figures& run) { return static_cast<double>(run.batch); });
}
std::string fairness_cell(const Entry& entry) {
  return median(entry, [](const Figures& run) { return run.fairness_jain; });
}
std::string p50_cell(const Entry& entry) {
  return spread(entry, p50);
}
std::string p99_cell(const Entry& entry) {
  return median(entry, [](const Figures& run) { return run.p99_ns; });
}
std::string p99_9_cell(const Entry& entry) {
  return median(entry, [](const Figures& run) { return run.p99_9_ns; });
}
std::string idle_cell(const Entry& entry) {
  return spread(entry, [](const Figures& run) { return run.cpu_ns / 1e6; });
}

constexpr Column kNs{"ns/message", ns_cell};
constexpr Column kRate{"M/s", rate_cell};
constexpr Column kBytes{"MB/s", bytes_cell};
constexpr Column kCpu{"CPU ns/message", cpu_cell};
constexpr Column kBatch{"batch", batch_cell};
constexpr Column kFairness{"Jain", fairness_cell};

std::vector<Column> columns_of(Kind kind) {
  switch (kind) {
    case Kind::throughput:
      return {kNs, kRate, kBytes, kCpu, kBatch};
    case Kind::fan_in:
      return {kNs, kRate, kFairness, kCpu, kBatch};
    case Kind::lock:
      return {kNs, kRate, kFairness, kCpu};
    case Kind::round_trip:
      return {{"p50 ns", p50_cell}, {"p99 ns", p99_cell}, {"p99.9 ns", p99_9_cell}};
    case Kind::idle:
      return {{"CPU ms in 10 s", idle_cell}};
  }
  return {};
}

using Line = std::vector<std::string>;

/// Padded into columns; what stands alone in a line behind its name may be as long as it likes.
std::string grid(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i == 0 || line.size() > 2) widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += fmt::format("{:<{}}  ", line[i], widths[i]);
    }
    row.resize(row.find_last_not_of(' ') + 1);
    text += "  " + row + "\n";
  }
  return text;
}

Line line_of(const Entry& entry, const std::vector<Column>& columns) {
  Line line{std::string(entry.contestant->name)};
  if (!entry.is_measured()) {
    line.push_back("failed: " + entry.error);
    return line;
  }
  for (const Column& column : columns) line.push_back(column.cell(entry));
  if (entry.wrong() != 0) line.push_back(fmt::format("{} wrong", entry.wrong()));
  return line;
}

std::string table_at(const Point& point, const bench::Outcome& outcome) {
  const auto columns = columns_of(point.kind);
  Line header{""};
  for (const Column& column : columns) header.emplace_back(column.title);
  std::vector<Line> lines{header};
  for (const Entry& entry : outcome.entries) {
    if (entry.point == point) lines.push_back(line_of(entry, columns));
  }
  const bool has_rings = point.kind == Kind::throughput || point.kind == Kind::fan_in;
  return fmt::format(
      "{}, {}{}\n{}\n", name_of(point.kind), to_string(point),
      has_rings ? ", rings of " + bench::size_text(bench::ring_bytes_for(point.bytes)) : "",
      grid(lines));
}

std::string bounce_text(const bench::Outcome& outcome) {
  std::vector<double> all;
  for (const Entry& entry : outcome.entries) {
    for (const auto& run : entry.runs) {
      if (run && run->bounce_ns > 0) all.push_back(run->bounce_ns);
    }
  }
  if (all.empty()) return "With one processor, nothing tells of two: take a machine with more.\n";
  const lab::Summary line = lab::summarize(std::move(all));
  return fmt::format(
      "Before each run, one cache line went to the other processor and back in {} ns ({}-{}).\n",
      three_digits(line.median), three_digits(line.lowest), three_digits(line.highest));
}

std::string verdict_of(const bench::Goal& goal) {
  if (!goal.figure) return "not measured";
  return goal.is_reached() ? "reached" : "not reached";
}

}  // namespace

std::string bench_tables(const bench::Plan& plan, const bench::Outcome& outcome,
                         const lab::Machine& machine) {
  std::string text;
  for (const Point& point : plan.points) text += table_at(point, outcome);
  for (const bench::Contestant* each : plan.contestants) {
    if (!each->absent.empty()) text += fmt::format("skipped: {}: {}\n", each->name, each->absent);
  }
  text += fmt::format(
      "\nMedian of {} (lowest-highest); every message was checked: its order, its ends, and a word "
      "in between.\n",
      plan.repetitions == 1 ? "1 repetition" : fmt::format("{} repetitions", plan.repetitions));
  return text + bounce_text(outcome) + "On " + to_string(machine) + "\n";
}

std::string standing_text(const std::vector<bench::Goal>& goals) {
  if (goals.empty()) return "";
  std::vector<Line> lines{{"", "goal", "figure", "", ""}};
  for (const bench::Goal& goal : goals) {
    std::string figure = "-";
    if (goal.figure) {
      figure = fmt::format("{} ({}-{})", three_digits(goal.figure->median),
                           three_digits(goal.figure->lowest), three_digits(goal.figure->highest));
      if (goal.left_out != 0) figure += fmt::format(", {} left out", goal.left_out);
      if (goal.unlike != 0) figure += fmt::format(", {} unlike", goal.unlike);
    }
    lines.push_back({goal.what,
                     (goal.is_least ? ">= " : "<= ") + three_digits(goal.bound) + goal.unit, figure,
                     verdict_of(goal), goal.against});
  }
  return "\nHow cortado stands (ratios of two runs of one repetition, before which a cache line "
         "took "
         "about as long; last: beside whom)\n" +
         grid(lines);
}

std::string contestants_text() {
  std::vector<Line> lines;
  for (const bench::Contestant& each : bench::all_contestants()) {
    const std::string what(each.what);
    lines.push_back({std::string(each.name), name_of(each.role),
                     each.absent.empty() ? what : what + " - " + std::string(each.absent)});
  }
  return grid(lines);
}

}  // namespace cortado::tools
