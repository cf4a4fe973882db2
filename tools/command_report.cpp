// cortado report: what was measured earlier, as a page to read.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "command.hpp"
#include "lab/report/check.hpp"
#include "lab/report/study.hpp"
#include "report_output.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado report";
constexpr std::size_t kShown = 20;  // differences of one file

struct ReportOptions {
  std::vector<std::string> files;
  std::string output = "report.html";
  bool check = false;
};

std::vector<lab::Figures> read_all(const ReportOptions& options) {
  std::vector<lab::Figures> all;
  for (const std::string& path : options.files) {
    auto figures = lab::read_figures(path);
    if (!figures) throw Refused{exit_code_for(figures.error().code), figures.error().text};
    all.push_back(std::move(*figures));
  }
  return all;
}

void check_them(const std::vector<lab::Figures>& all) {
  std::string failed;
  for (const lab::Figures& figures : all) {
    const auto checked = lab::check_figures(figures);
    if (!checked) throw Refused{exit_code_for(checked.error().code), checked.error().text};
    std::string text =
        fmt::format("{}: {} figures computed again from its runs, {} differ\n",
                    printable(figures.name), checked->figures, checked->differences.size());
    for (const std::string& line : checked->differences) {
      if (&line - checked->differences.data() >= static_cast<std::ptrdiff_t>(kShown)) break;
      text += "  " + printable(line) + "\n";
    }
    print(text);
    if (!checked->differences.empty()) failed += (failed.empty() ? "" : ", ") + figures.name;
  }
  if (failed.empty()) return;
  throw Refused{kFailed, "figures do not follow from their runs: " + failed +
                             "; somebody changed the file, or another version wrote it: measure "
                             "again"};
}

void report(const ReportOptions& options) {
  const auto all = read_all(options);
  if (options.check) return check_them(all);
  ReportOutput output(options.output);
  const std::size_t bytes = output.write(all);
  if (output.takes_standard_output()) return;
  print(fmt::format("{}: {} kB, for any browser, offline\n", printable(options.output),
                    (bytes + 999) / 1000));
}

int run_report(const ReportOptions& options) {
  try {
    report(options);
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

}  // namespace

void add_report(CLI::App& program, int& status) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* report =
      program.add_subcommand("report", "A page to read, of figures that were measured earlier");
  report->add_option("FILE", options->files, "What compare --json or faults --json wrote")
      ->required()
      ->type_name("...");
  report->add_option("--output,-o", options->output, "The page; - is standard output")
      ->type_name("FILE");
  report->add_flag("--check", options->check,
                   "No page: compute all figures again from the runs that stand in the files");
  report->footer(
      "The page says which mode to choose for what, with the figures that say so, and has each "
      "chart's table below it. It is one file that needs nothing else and asks the network for "
      "nothing. The same page is what --report of compare and faults makes, of that one run; with "
      "several files, figures of different machines are shown beside each other and said not to "
      "be comparable.\n"
      "Ctrl-C ends it; a page that is not finished is no page.\n"
      "Exit status: 0 made, or all figures agree, 1 some do not, 64 usage, 65 a file is not what "
      "compare or faults writes, 69 this cortado was built without the library for charts, 73 "
      "cannot create, 77 permission.\n\n"
      "Examples:\n"
      "  cortado compare --hold 0ns,1us --json compare.json && cortado faults --json faults.json\n"
      "  cortado report compare.json faults.json -o page.html\n"
      "  cortado report --check compare.json");
  report->callback([options, &status] { status = run_report(*options); });
}

}  // namespace cortado::tools
