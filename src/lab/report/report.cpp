#include "lab/report/report.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "lab/bootstrap.hpp"
#include "lab/report/answers.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

using TableCell = ReportTable::Cell;

std::string machine_text(const Json& context) {
  return std::to_string(context.at("cores").get<std::uint64_t>()) + " x " +
         context.at("cpu").get<std::string>() + ", " + context.at("kernel").get<std::string>();
}

/// A section of each file; its name is told if there are several.
template <class Part>
void add_section(Report& report, const std::vector<Part>& parts, const char* id, const char* title,
                 std::vector<std::string> words, void (*add)(ReportSection&, const Part&)) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ReportSection section{id + (i == 0 ? "" : "-" + std::to_string(i + 1)),
                          title + (parts.size() > 1 ? " (" + parts[i].name + ")" : ""),
                          words,
                          {}};
    add(section, parts[i]);
    if (!section.figures.empty()) report.sections.push_back(std::move(section));
  }
}

/// What an interval is here.
std::string interval_text(const StudyComparison& comparison) {
  const bool has_few =
      std::any_of(comparison.points.begin(), comparison.points.end(),
                  [](const StudyPoint& point) { return point.runs < kLeastRepetitions; });
  return has_few ? "An interval is the range of all runs here: there are too few of them for one "
                   "of the median."
                 : "The interval is that of the median; how far it goes, see the words.";
}

void add_maps(Report& report, const Study& study) {
  for (const StudyComparison& comparison : study.comparisons) {
    ReportSection section{"map", "Which is ahead, where", {}, {}};
    if (&comparison != &study.comparisons[0]) {
      section.id += "-" + comparison.name;
      section.title += " (" + comparison.name + ")";
    }
    section.words.emplace_back(
        "Find your number of writers and the work that is done on the state for each order; "
        "between two rows, both count. Several names: their intervals overlap, so that none of "
        "them is known to be faster; the one with the highest median comes first. A number with an "
        "x: so many times has that one the median of the next that is slower than it for certain, "
        "as their intervals do not overlap. An envelope: messages are ahead; a box: a lock is; an "
        "equals sign: a lock and messages cannot be told apart. " +
        interval_text(comparison));
    const auto add = [&](const char* title, const char* says, Trust trust) {
      section.figures.push_back({title, says, std::nullopt, map_of(study, comparison, trust)});
    };
    add("If a writer may crash", "Only modes that leave the others and the buffer intact.",
        Trust::none);
    add("If no writer ever crashes", "All modes whose orders come out whole.", Trust::all);
    add("If all writers are threads of one program, and none ever crashes",
        "Only modes in which the writers are threads.", Trust::threads);
    report.sections.push_back(std::move(section));
  }
}

/// Files of different machines say nothing about each other.
void warn(Report& report, const Study& study) {
  std::vector<std::string> machines;
  const auto note = [&](const Json& context) {
    const std::string machine = machine_text(context);
    if (std::find(machines.begin(), machines.end(), machine) == machines.end()) {
      machines.push_back(machine);
    }
  };
  for (const StudyComparison& comparison : study.comparisons) note(comparison.context);
  for (const StudyFaults& faults : study.faults) note(faults.context);
  if (machines.size() > 1) {
    std::string text =
        "These figures are of different machines and cannot be compared with each "
        "other: ";
    for (const std::string& machine : machines) {
      text += (&machine == &machines[0] ? "" : "; ") + machine;
    }
    report.warnings.push_back(text);
  }
  for (const StudyComparison& comparison : study.comparisons) {
    for (const std::string& line : comparison.advice) report.warnings.push_back(line);
  }
  if (study.comparisons.empty()) {
    report.warnings.emplace_back(
        "No rates are in this report, so it cannot say which mode is fast; add the figures of "
        "`cortado compare --json`.");
  }
  if (study.faults.empty()) {
    report.warnings.emplace_back(
        "What survives a fault is told by theory alone; add the figures of `cortado faults "
        "--json`.");
  }
}

/// A name of JSON: "command_line".
std::string readable(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// A value of JSON without its brackets: "modes: thread-mutex, process-ring; repeat: 5".
std::string readable_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_structured()) return value.is_null() ? "-" : value.dump();
  std::string text;
  for (const auto& [name, part] : value.items()) {
    if (!text.empty()) text += value.is_object() ? "; " : ", ";
    if (value.is_object()) text += readable(name) + ": ";
    text += readable_text(part);
  }
  return text.empty() ? "-" : text;
}

void add_contexts(Report& report, const Study& study) {
  ReportSection section{"machine", "The machine, and how to run it again", {}, {}};
  const auto add = [&](const std::string& name, const Json& context) {
    ReportFigure figure;
    figure.title = name;
    figure.says = "Where and with what it was measured: without that, a figure says nothing.";
    figure.table.head = {"what", "is"};
    for (const char* what : {"cores", "cpu", "kernel", "compiler", "boost", "version", "commit",
                             "seed", "command_line", "options"}) {
      if (!context.contains(what)) continue;
      figure.table.rows.push_back({{readable(what)}, {readable_text(context[what])}});
    }
    section.figures.push_back(std::move(figure));
  };
  for (const StudyComparison& comparison : study.comparisons) {
    add(comparison.name, comparison.context);
  }
  for (const StudyFaults& faults : study.faults) add(faults.name, faults.context);
  report.sections.push_back(std::move(section));
}

}  // namespace

Report report_on(const Study& study) {
  Report report;
  warn(report, study);
  if (!study.comparisons.empty() && !study.comparisons[0].points.empty()) {
    report.answers = answers_from(study, study.comparisons[0]);
  }
  add_maps(report, study);
  add_section<StudyFaults>(
      report, study.faults, "faults", "Who survives what",
      {"Each was done for real: half way through an order of one writer, while all others had "
       "orders left."},
      add_faults);
  add_section<StudyComparison>(
      report, study.comparisons, "cups", "What came out",
      {"Four writers spell an order each into one buffer, letter by letter, interleaved as the "
       "seed says. A race leaves nobody's order."},
      add_cups);
  add_section<StudyComparison>(
      report, study.comparisons, "rates", "Throughput against writers",
      {"The same orders, the same work on each, in every mode; the modes took turns, so that a "
       "slow minute of the machine harms each alike. A * in a table: more runners than "
       "processors. A fast wrong mode is not fast: what a race lost stands beside its rate."},
      add_rates);
  add_section<StudyComparison>(report, study.comparisons, "latency", "Latency", {}, add_latencies);
  add_section<StudyComparison>(report, study.comparisons, "costs",
                               "What it costs: processor time, switches, fairness, waits", {},
                               add_costs);
  ReportSection terms{"words", "What the words mean", {}, {}};
  add_terms(terms, study);
  report.sections.push_back(std::move(terms));
  add_contexts(report, study);
  return report;
}

}  // namespace cortado::lab
