#include "report_output.hpp"

#include <utility>

#include "command.hpp"
#include "lab/report/report.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

Refused refused(const Error& error) {
  return {exit_code_for(error.code), error.text};
}

/// Before what takes long.
std::string path_if_drawable(std::string path) {
  if (path.empty()) return path;
  if (const auto empty = lab::html_of({}); !empty) throw refused(empty.error());
  return path;
}

}  // namespace

ReportOutput::ReportOutput(std::string path)
    : file_(path_if_drawable(std::move(path)), "the report") {}

std::size_t ReportOutput::write(const std::vector<lab::Figures>& figures) {
  if (!wanted()) return 0;
  const auto study = lab::study_of(figures);
  if (!study) throw refused(study.error());
  const auto html = lab::html_of(lab::report_on(*study));
  if (!html) throw refused(html.error());
  file_.write_text(*html);
  return html->size();
}

void check_outputs(const JsonOutput& json, const ReportOutput& report) {
  if (!json.takes_standard_output() || !report.takes_standard_output()) return;
  throw Refused{kUsage, "cannot write both --json and --report to standard output; name a file"};
}

}  // namespace cortado::tools
