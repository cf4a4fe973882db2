// A report as sections with figures and words: what it says, not how it looks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/json.hpp"
#include "lab/report/study.hpp"

namespace cortado::lab {

struct ReportTable {
  struct Cell {
    std::string text;
    std::string look = {};  ///< a class of page.css; empty: none
  };
  std::vector<std::string> head;
  std::vector<std::vector<Cell>> rows;  ///< the first cell of each names it
};

/// A picture and the table that says the same.
struct ReportFigure {
  std::string title;
  std::string says;           ///< what it shows and how to read it, in a sentence or two
  std::optional<Json> chart;  ///< for page.js; none: the table is the picture
  ReportTable table;
};

struct ReportSection {
  std::string id;
  std::string title;
  std::vector<std::string> words;  ///< a paragraph each
  std::vector<ReportFigure> figures;
};

/// An answer to "which mode for what".
struct ReportAnswer {
  std::string question;
  std::string answer;  ///< names the mode, or those that cannot be told apart
  std::vector<std::string> because;
};

struct Report {
  std::vector<std::string> warnings;  ///< what a reader must know before he believes it
  std::vector<ReportAnswer> answers;
  std::vector<ReportSection> sections;
};

Report report_on(const Study& study);

/// One file that needs nothing else. Errc::unsupported: this build has no library for charts; the
/// text names the package.
Result<std::string> html_of(const Report& report);

// The sections, for report_on.
void add_rates(ReportSection& section, const StudyComparison& comparison);
void add_latencies(ReportSection& section, const StudyComparison& comparison);
void add_costs(ReportSection& section, const StudyComparison& comparison);
void add_cups(ReportSection& section, const StudyComparison& comparison);
void add_faults(ReportSection& section, const StudyFaults& faults);
/// Of the modes, those that are in the study.
void add_terms(ReportSection& section, const Study& study);

/// "1.2 M", "850"
std::string rate_text(double per_second);
/// "850 ns", "1.2 us"
std::string time_text(double ns);
/// "no work", "1 us of work"
std::string work_text(std::uint64_t hold_ns);

}  // namespace cortado::lab
