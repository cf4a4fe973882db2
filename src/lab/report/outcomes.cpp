// Faults and cups as tables that are pictures.
#include "lab/report/report.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

using TableCell = ReportTable::Cell;

std::string look_of(const std::string& outcome) {
  return outcome == "all dead" ? "dead" : outcome;
}

TableCell cell_of(const StudyCell* cell) {
  if (cell == nullptr || !cell->outcome) return {"-", "none"};
  std::string text = *cell->outcome;
  if (cell->theory && *cell->theory != *cell->outcome) text += ", not " + *cell->theory + " (!)";
  if (cell->went_on_ns) {
    text += ", after " + time_text(*cell->went_on_ns);
  } else if (*cell->outcome == "hung") {
    text += cell->is_refused ? ", refused" : ", waits for ever";
  }
  if (!cell->lost.empty()) text += "; " + cell->lost;
  return {text, look_of(*cell->outcome)};
}

/// Of those that were tried and went on.
Json recovery_series(const StudyFaults& faults) {
  Json all = Json::array();
  for (const std::string& mode : faults.modes) {
    Json values = Json::array();
    bool has_some = false;
    for (const auto& [fault, says] : faults.faults) {
      const StudyCell* const cell = faults.find(mode, fault);
      const bool went_on = cell != nullptr && cell->went_on_ns;
      values.push_back(went_on ? Json(*cell->went_on_ns) : Json(nullptr));
      has_some = has_some || went_on;
    }
    if (has_some) all.push_back({{"name", mode}, {"values", std::move(values)}});
  }
  return all;
}

ReportFigure recovery_figure(const StudyFaults& faults) {
  ReportFigure figure;
  figure.title = "How long it took the others to go on";
  figure.says =
      "Lower is better. From the fault until each other writer had its next order applied; no "
      "point: never. Below some milliseconds it says no more than whose turn it was.";
  figure.table.head = {"fault"};
  figure.table.head.insert(figure.table.head.end(), faults.modes.begin(), faults.modes.end());
  Json labels = Json::array();
  for (const auto& [fault, says] : faults.faults) {
    labels.push_back(fault);
    auto& row = figure.table.rows.emplace_back(std::vector<TableCell>{{fault}});
    for (const std::string& mode : faults.modes) {
      const StudyCell* const cell = faults.find(mode, fault);
      if (cell != nullptr && cell->went_on_ns) {
        row.push_back({time_text(*cell->went_on_ns)});
      } else {
        const bool was_tried = cell != nullptr && cell->outcome;
        row.push_back(was_tried ? TableCell{"never"} : TableCell{"-", "none"});
      }
    }
  }
  figure.chart = Json{{"kind", "points"},
                      {"x", {{"label", "fault"}, {"labels", std::move(labels)}}},
                      {"y", {{"label", "time to go on"}, {"log", true}, {"unit", "time"}}},
                      {"series", recovery_series(faults)}};
  return figure;
}

/// Letters of a cup, readable: a middle dot where there is none.
std::string shown(const std::string& cup) {
  std::string text;
  for (const char letter : cup) text += letter == '\0' ? "\xc2\xb7" : std::string(1, letter);
  return text;
}

}  // namespace

void add_faults(ReportSection& section, const StudyFaults& faults) {
  std::string what = "To the writer, or to the owner, happens: ";
  for (const auto& [fault, says] : faults.faults) {
    what += (&says == &faults.faults[0].second ? "" : "; ") + fault + " - " + says;
  }
  section.words.push_back(what + ".");
  section.words.push_back(counted(faults.writers, "writer") +
                          ", one run of each fault in each mode. The fault waits until all others "
                          "are half way, so that "
                          "what becomes of them does not depend on luck; how long it took does.");
  ReportFigure matrix;
  matrix.title = "Fault by mode";
  matrix.says =
      "intact: the others went on, every order whole, once, in order. garbled: they went on, and "
      "orders were torn, lost, repeated or reordered. hung: some never went on. all dead: the "
      "process with the buffer ended, and the others were in it, or have nobody to send to.";
  matrix.table.head = {"fault"};
  matrix.table.head.insert(matrix.table.head.end(), faults.modes.begin(), faults.modes.end());
  for (const auto& [fault, says] : faults.faults) {
    auto& row = matrix.table.rows.emplace_back(std::vector<TableCell>{{fault}});
    for (const std::string& mode : faults.modes) row.push_back(cell_of(faults.find(mode, fault)));
  }
  section.figures.push_back(std::move(matrix));
  section.figures.push_back(recovery_figure(faults));
}

void add_cups(ReportSection& section, const StudyComparison& comparison) {
  if (comparison.cups.empty()) return;
  ReportFigure figure;
  figure.title = "The cup that each mode leaves";
  figure.says =
      "The orders: a Choca, b Mocha with Milk, c Banana Shake, d Tea no sugar. Beside each cup, "
      "whose letter stands in each place.";
  figure.table.head = {"mode", "cup", "whose letters", "what it is"};
  for (const StudyCup& cup : comparison.cups) {
    figure.table.rows.push_back(
        {{cup.mode},
         {shown(cup.cup), "letters"},
         {cup.by, "letters"},
         {cup.is_whole ? "a whole order" : "nobody's order", cup.is_whole ? "intact" : "garbled"}});
  }
  section.figures.push_back(std::move(figure));
}

}  // namespace cortado::lab
