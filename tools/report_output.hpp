// Where a command leaves its report.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "json_output.hpp"
#include "lab/report/study.hpp"

namespace cortado::tools {

class ReportOutput {
 public:
  /// As JsonOutput; also throws Refused if this build cannot draw.
  explicit ReportOutput(std::string path);

  bool wanted() const noexcept { return file_.wanted(); }
  bool takes_standard_output() const noexcept { return file_.takes_standard_output(); }
  /// Makes a report of these figures, if one is wanted. Throws Refused. Returns its bytes.
  std::size_t write(const std::vector<lab::Figures>& figures);

 private:
  JsonOutput file_;
};

/// Throws Refused if both go to standard output.
void check_outputs(const JsonOutput& json, const ReportOutput& report);

}  // namespace cortado::tools
