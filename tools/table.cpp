#include "table.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "lab/wording.hpp"

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

/// Lines of cells, padded into columns.
class Grid {
 public:
  void add(std::vector<std::string> line) { lines_.push_back(std::move(line)); }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& line : lines_) {
      widths.resize(std::max(widths.size(), line.size()));
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    }
    std::string text;
    for (const auto& line : lines_) {
      std::string row;
      for (std::size_t i = 0; i < line.size(); ++i) {
        row += fmt::format("{:<{}}  ", line[i], widths[i]);
      }
      row.resize(row.find_last_not_of(' ') + 1);
      text += row + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> lines_;
};

std::vector<std::string> header_of(const Group& row, const Unit& unit) {
  std::vector<std::string> header{unit.name};
  for (const Point* point : row) {
    header.push_back(lab::counted(point->writers, "writer"));
  }
  return header;
}

void add_row(Grid& grid, const Group& row, const Unit& unit) {
  std::vector<std::string> rates{std::string(row[0]->mode->name)};
  std::vector<std::vector<std::string>> damage;
  std::size_t more = 0;
  for (const Point* point : row) {
    rates.push_back(rate_cell(*point, unit));
    damage.push_back(damage_cells(*point));
    more = std::max(more, damage.back().size());
  }
  grid.add(std::move(rates));
  for (std::size_t i = 0; i < more; ++i) {
    std::vector<std::string> line{""};
    for (const auto& cells : damage) line.push_back(i < cells.size() ? cells[i] : "");
    grid.add(std::move(line));
  }
}

std::string block_of(const Group& group) {
  const Unit unit = unit_for(group);
  Grid grid;
  for (std::size_t from = 0; from < group.size();) {
    std::size_t end = from;
    while (end < group.size() && group[end]->mode == group[from]->mode) ++end;
    const Group row(group.begin() + static_cast<std::ptrdiff_t>(from),
                    group.begin() + static_cast<std::ptrdiff_t>(end));
    if (from == 0) grid.add(header_of(row, unit));
    add_row(grid, row, unit);
    from = end;
  }
  const auto hold = static_cast<double>(group[0]->hold.count());
  const std::string title = hold > 0 ? lab::plain_time(hold) + " of work" : "No further work";
  return title + " on each order\n" + grid.text() + "\n";
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
  text += "\n";
  if (any([](const Point& p) { return p.mode == &modes::kThreadRace && p.writers == 1; })) {
    text += "The most one thread can do: thread-race with 1 writer, which shares with nobody\n";
  }
  return text;
}

}  // namespace

std::string table_of(const lab::Comparison& comparison, const lab::Machine& machine) {
  std::string text;
  Group group;
  for (const Point& point : comparison.points) {
    if (!group.empty() && group[0]->hold != point.hold) {
      text += block_of(group);
      group.clear();
    }
    group.push_back(&point);
  }
  text += block_of(group) + legend(comparison.points) + "On " + to_string(machine) + "\n";
  for (const std::string& line : comparison.advice) text += line + "\n";
  return text;
}

}  // namespace cortado::tools
