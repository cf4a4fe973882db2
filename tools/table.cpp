#include "table.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "grid.hpp"
#include "lab/winner.hpp"
#include "lab/wording.hpp"
#include "load_table.hpp"

namespace cortado::tools {
namespace {

using lab::Point;

/// The points of one amount of work.
using Group = std::vector<const Point*>;

/// In which orders per second are given, so that the best has a digit before the point.
struct Unit {
  double size;
  const char* name;
};

Unit unit_for(const Group& group) {
  double most = 0;
  for (const Point* point : group) most = std::max(most, point->per_second.median);
  if (most >= 1e6) return {1e6, "M orders/s"};
  if (most >= 1e3) return {1e3, "k orders/s"};
  return {1, "orders/s"};
}

/// "825", "2.5k"
std::string compact(std::uint64_t count) {
  const auto number = static_cast<double>(count);
  if (number < 1e3) return std::to_string(count);
  const double size = number < 1e6 ? 1e3 : 1e6;
  return fmt::format("{:.{}f}{}", number / size, decimals_for_two(number / size),
                     size < 1e6 ? "k" : "M");
}

/// As a part of what was sent, if that is much; else how many. The most in a run.
std::string lost_text(const Point& point) {
  double part = 0;
  for (const lab::RunResult& run : point.runs) {
    part = std::max(part, static_cast<double>(run.ledger.lost) /
                              static_cast<double>(std::max<std::uint64_t>(run.ledger.sent, 1)));
  }
  return part < 0.01 ? compact(point.worst.lost) : fmt::format("{:.0f}%", part * 100);
}

/// Its ratio does not tell which is faster.
bool is_undecided(const Point& point) {
  const auto& ratio = point.to_thread_mutex;
  return ratio && point.mode != &modes::kThreadMutex && ratio->lowest <= 1 && ratio->highest >= 1;
}

/// median (lowest-highest) xratio
std::string rate_cell(const Point& point, const Unit& unit) {
  if (point.unfinished == point.runs.size()) return "-";
  const auto& rate = point.per_second;
  std::string cell = three_digits(rate.median / unit.size);
  if (point.is_oversubscribed) cell += '*';
  if (point.runs.size() > 1) {
    const int decimals = decimals_for_two(rate.lowest / unit.size);
    cell += fmt::format(" ({:.{}f}-{:.{}f})", rate.lowest / unit.size, decimals,
                        rate.highest / unit.size, decimals);
  }
  if (point.to_thread_mutex) {
    cell += (is_undecided(point) ? " x~" : " x") + three_digits(point.to_thread_mutex->median);
  }
  return cell;
}

/// What is wrong with its orders; nothing, if they are clean.
std::vector<std::string> damage_cells(const Point& point) {
  std::vector<std::string> cells;
  const auto add_ended = [&](const char* how, lab::Outcome outcome) {
    const auto some = std::count_if(point.runs.begin(), point.runs.end(),
                                    [&](const auto& run) { return run.outcome == outcome; });
    if (some != 0) cells.push_back(fmt::format("{} {} of {}", how, some, point.runs.size()));
  };
  add_ended("hung", lab::Outcome::hung);
  add_ended("died", lab::Outcome::host_died);
  const lab::Ledger& worst = point.worst;
  std::string text;
  if (worst.lost != 0) text += "lost " + lost_text(point) + " ";
  if (worst.torn != 0) text += "torn " + compact(worst.torn);
  if (!text.empty()) cells.push_back(text);
  if (worst.duplicated != 0) cells.push_back("repeated " + compact(worst.duplicated));
  if (worst.reordered != 0) cells.push_back("reordered " + compact(worst.reordered));
  return cells;
}

/// What it costs; nothing, if no run finished.
std::vector<std::string> cost_cells(const Point& point) {
  if (point.unfinished == point.runs.size()) return {};
  return {
      fmt::format("cpu {}, switches {:.2g}, fair {:.2f}", short_time(point.cpu_ns_per_order.median),
                  point.switches_per_order.median, point.fairness_jain.median),
      fmt::format("stall {}, {}B", short_time(point.longest_stall_ns.median),
                  short_count(point.peak_memory.median))};
}

std::vector<std::uint32_t> columns_of(const Group& group) {
  std::vector<std::uint32_t> columns;
  for (const Point* point : group) columns.push_back(point->writers);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

/// Those of one mode, one for each column; null: there is none.
Group row_of(const Group& group, const modes::Mode* mode,
             const std::vector<std::uint32_t>& columns) {
  Group row;
  for (const std::uint32_t writers : columns) {
    const auto found = std::find_if(group.begin(), group.end(), [=](const Point* point) {
      return point->mode == mode && point->writers == writers;
    });
    row.push_back(found == group.end() ? nullptr : *found);
  }
  return row;
}

/// A line of rates, then as many as it takes of what is to be said of them.
void add_row(Grid& grid, const modes::Mode& mode, const Group& row, const Unit& unit) {
  std::vector<std::vector<std::string>> columns;
  std::size_t lines = 1;
  for (const Point* point : row) {
    auto& column = columns.emplace_back();
    if (point == nullptr) continue;
    column.push_back(rate_cell(*point, unit));
    for (auto& text : damage_cells(*point)) column.push_back(std::move(text));
    for (auto& text : cost_cells(*point)) column.push_back(std::move(text));
    lines = std::max(lines, column.size());
  }
  for (std::size_t i = 0; i < lines; ++i) {
    std::vector<std::string> line{i == 0 ? std::string(mode.name) : ""};
    for (const auto& column : columns) line.push_back(i < column.size() ? column[i] : "");
    grid.add(std::move(line));
  }
}

void add_winners(Grid& grid, const Group& group, const std::vector<lab::Winner>& winners,
                 const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> line{"fastest"};
  bool has_any = false;
  for (const std::uint32_t writers : columns) {
    const auto found = std::find_if(winners.begin(), winners.end(), [&](const auto& winner) {
      return winner.writers == writers && winner.hold == group[0]->hold &&
             winner.payload == group[0]->payload;
    });
    const bool is_there = found != winners.end();
    line.emplace_back(!is_there ? "" : found->mode != nullptr ? found->mode->name : "nobody");
    has_any = has_any || is_there;
  }
  if (has_any) grid.add(std::move(line));
}

std::string title_of(const Group& group) {
  const auto hold = static_cast<double>(group[0]->hold.count());
  return (hold > 0 ? lab::plain_time(hold) + " of work" : "No further work") +
         fmt::format(" on each order of {}\n", lab::counted(group[0]->payload, "byte"));
}

std::string block_of(const Group& group, const std::vector<lab::Winner>& winners) {
  const Unit unit = unit_for(group);
  const auto columns = columns_of(group);
  Grid grid;
  std::vector<std::string> header{unit.name};
  for (const std::uint32_t writers : columns) header.push_back(lab::counted(writers, "writer"));
  grid.add(std::move(header));
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto is_same = [&](const Point* point) { return point->mode == group[i]->mode; };
    if (std::any_of(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(i), is_same))
      continue;
    add_row(grid, *group[i]->mode, row_of(group, group[i]->mode, columns), unit);
  }
  add_winners(grid, group, winners, columns);
  return title_of(group) + grid.text() + "\n";
}

std::string legend(const std::vector<Point>& points) {
  const auto any = [&points](auto condition) {
    return std::any_of(points.begin(), points.end(), condition);
  };
  std::string text = any([](const Point& p) { return p.runs.size() > 1; })
                         ? "Median of all repetitions (lowest-highest)"
                         : "Of one run";
  if (any([](const Point& p) { return p.to_thread_mutex.has_value(); })) {
    text += ", x: times thread-mutex's";
  }
  if (any(is_undecided))
    text += ", x~: from less to more than it, which does not tell what is faster";
  if (any([](const Point& p) {
        return p.worst.lost + p.worst.torn + p.worst.duplicated + p.worst.reordered != 0;
      })) {
    text += "; lost, torn, repeated, reordered: the most in a run";
  }
  text +=
      "\nBelow each: processor time and context switches of an order, Jain's index of fairness "
      "among "
      "the writers (1: equal), the longest stall of a writer, the most memory of all processes\n"
      "The most that one thread can do: thread-alone, which shares with nobody";
  text +=
      any([](const Point& p) { return p.per_second.interval.has_value(); })
          ? "; fastest: the safe mode whose 95 % interval of the median lies above all others', "
            "nobody where they overlap\n"
          : "; fastest is not told below 5 repetitions\n";
  return text;
}

}  // namespace

std::string table_of(const lab::Comparison& comparison, const lab::Machine& machine) {
  const auto winners = lab::winners_of(comparison.points);
  std::vector<Group> groups;
  for (const Point& point : comparison.points) {
    if (point.load > 0) continue;
    const auto found = std::find_if(groups.begin(), groups.end(), [&point](const Group& group) {
      return group[0]->hold == point.hold && group[0]->payload == point.payload;
    });
    (found == groups.end() ? groups.emplace_back() : *found).push_back(&point);
  }
  std::string text;
  for (const Group& group : groups) text += block_of(group, winners);
  text += table_of_loads(comparison.points) + legend(comparison.points) + "On " +
          to_string(machine) + "\n";
  for (const std::string& line : comparison.advice) text += line + "\n";
  return text;
}

}  // namespace cortado::tools
