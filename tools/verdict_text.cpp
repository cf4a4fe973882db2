#include "verdict_text.hpp"

#include <algorithm>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "grid.hpp"
#include "lab/wording.hpp"

namespace cortado::tools {
namespace {

using lab::VerdictCell;

std::string cell_text(const VerdictCell& cell) {
  if (cell.repetitions == 0) return "-";
  std::string text = (cell.ahead == lab::Ahead::neither ? "x~" : "x") + three_digits(cell.ratio);
  if (cell.interval) {
    text += fmt::format(" ({}-{})", three_digits(cell.interval->lower),
                        three_digits(cell.interval->upper));
  }
  return text + (cell.counts ? "" : " -");
}

std::string map_of(const std::vector<VerdictCell>& cells) {
  std::vector<std::uint64_t> columns;
  columns.reserve(cells.size());
  for (const VerdictCell& cell : cells) columns.push_back(cell.hold_ns);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  Grid grid;
  std::vector<std::string> header{"messages : mutex"};
  for (const std::uint64_t ns : columns) {
    header.push_back(ns == 0 ? "no work" : lab::plain_time(static_cast<double>(ns)) + " of work");
  }
  grid.add(std::move(header));
  for (std::size_t from = 0; from < cells.size();) {
    std::vector<std::string> line(columns.size() + 1);
    line[0] = lab::counted(cells[from].writers, "writer");
    const std::uint32_t writers = cells[from].writers;
    for (; from < cells.size() && cells[from].writers == writers; ++from) {
      const auto column = std::find(columns.begin(), columns.end(), cells[from].hold_ns);
      line[static_cast<std::size_t>(column - columns.begin()) + 1] = cell_text(cells[from]);
    }
    grid.add(std::move(line));
  }
  return grid.text() +
         "Median of the ratios (95 % interval); x~: neither is ahead; -: no high load, not "
         "counted\n";
}

/// Where it was measured, as far as the file tells.
std::string machine_text(const lab::Json& figures) {
  const lab::Json context = figures.value("context", lab::Json::object());
  std::string text;
  for (const char* key : {"cpu", "kernel", "compiler", "version"}) {
    if (context.contains(key) && context[key].is_string()) {
      text += (text.empty() ? "" : ", ") + context[key].get<std::string>();
    }
  }
  return text;
}

}  // namespace

std::string text_of(const lab::Verdict& verdict, const lab::Json& figures) {
  std::string text = verdict.sentence() + "\n\n";
  if (verdict.cells.empty()) return text;
  text += map_of(verdict.cells);
  for (const std::string& line : verdict.crossovers()) text += "  " + line + "\n";
  return text + fmt::format("On {} x {}\n", verdict.cores, machine_text(figures));
}

}  // namespace cortado::tools
