// cortado compare: all modes side by side, interleaved.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "comparison_run.hpp"
#include "json_output.hpp"
#include "lab/compare.hpp"
#include "lab/cups.hpp"
#include "lab/design.hpp"
#include "lab/json.hpp"
#include "lab/machine.hpp"
#include "modes/mode.hpp"
#include "report_output.hpp"
#include "table.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado compare";

struct CompareOptions {
  WorkloadOptions workload;
  std::vector<std::string> modes{"all"};
  std::vector<std::uint32_t> writers{1, 2, 4, 8};
  std::vector<std::int64_t> hold_ns{0};
  std::vector<std::uint64_t> payload{16};
  std::vector<double> load;  ///< percent
  bool is_quick = false;
  bool has_grid = false;  ///< one of those above was given
  std::string report;
};

constexpr std::chrono::seconds kBudget{165};
constexpr std::chrono::seconds kQuickBudget{16};

/// Each once, in the order in which they were named first.
template <class T>
void add_once(std::vector<T>& to, T value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

std::vector<std::uint32_t> modes_of(const std::vector<std::string>& names) {
  std::vector<std::uint32_t> chosen;
  for (const std::string& name : names) {
    if (name != "all" && name != "safe") {
      add_once(chosen, mode_named(name));
      continue;
    }
    const auto all = modes::all_modes();
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      if (name == "all" || modes::is_safe(*all[i])) add_once(chosen, i);
    }
  }
  return chosen;
}

/// Nothing in particular was asked for.
bool is_tour(const CompareOptions& options) {
  return !options.has_grid && options.workload.input.empty() && options.workload.orders == 0 &&
         options.workload.letter_delay_ns == 0;
}

std::vector<lab::Cell> cells_of(const CompareOptions& options, const lab::Machine& machine) {
  if (options.is_quick) return lab::quick_tour(machine.processors);
  if (is_tour(options)) return lab::tour(machine.processors);
  lab::Grid grid;
  grid.modes = modes_of(options.modes);
  for (const std::uint32_t writers : options.writers) add_once(grid.writers, writers);
  for (const std::int64_t ns : options.hold_ns) {
    add_once(grid.hold, std::chrono::nanoseconds(ns));
  }
  for (const std::uint64_t bytes : options.payload) {
    add_once(grid.payload, static_cast<std::uint32_t>(bytes));
  }
  for (const double percent : options.load) add_once(grid.loads, percent / 100);
  return lab::cells_of(grid);
}

/// What is to be run, but for the orders, which may have to be read.
lab::Plan plan_of(const CompareOptions& options, const lab::Machine& machine) {
  lab::Plan plan;
  plan.cells = cells_of(options, machine);
  for (const lab::Cell& cell : plan.cells) check_watchdog(options.workload, cell.hold.count());
  plan.repetitions = options.workload.repeat;
  plan.processors = machine.processors;
  return plan;
}

std::uint32_t most_writers(const lab::Plan& plan) {
  std::uint32_t most = 0;
  for (const lab::Cell& cell : plan.cells) most = std::max(most, cell.writers);
  return most;
}

/// As long as lets a tour end in its time.
void set_time(const CompareOptions& options, lab::Plan& plan) {
  if (options.workload.time_ms != 0 || !(options.is_quick || is_tour(options))) return;
  plan.base.duration = lab::time_for(plan.cells.size() * plan.repetitions,
                                     options.is_quick ? kQuickBudget : kBudget);
}

lab::Json figures_of(const CompareOptions& options, const lab::Plan& plan,
                     const lab::Machine& machine, const lab::Comparison& comparison) {
  lab::Json chosen = options_json(options.workload, plan.base);
  chosen["design"] = options.is_quick ? "quick" : is_tour(options) ? "tour" : "grid";
  chosen.erase("payload");  // each point has its own
  lab::Json json{{"schema", lab::kCompareSchema},
                 {"context", lab::context_json(machine, options.workload.seed, std::move(chosen))}};
  json.update(lab::to_json(comparison));
  return json;
}

/// Of the six.
std::vector<std::uint32_t> modes_of(const lab::Plan& plan) {
  std::vector<std::uint32_t> chosen;
  for (const lab::Cell& cell : plan.cells) {
    if (cell.mode < modes::all_modes().size()) add_once(chosen, cell.mode);
  }
  return chosen;
}

/// What a report shows beside the rates.
void add_cups(lab::Json& figures, const lab::Plan& plan, std::uint64_t seed, Interrupt& interrupt) {
  auto cups = lab::fill_cups(modes_of(plan), seed, [&] { return interrupt.number() == 0; });
  if (!cups) throw why_not_run(cups.error(), interrupt);
  figures["cups"] = std::move(*cups);
}

void compare_them(const CompareOptions& options) {
  const lab::Machine machine = lab::this_machine();
  lab::Plan plan = plan_of(options, machine);
  const std::uint32_t most = most_writers(plan);
  check_workload(options.workload, most);
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  plan.base = spec_from(options.workload, ListedOrders::repeated, most, interrupt);
  set_time(options, plan);
  JsonOutput json(options.workload.json);
  ReportOutput report(options.report);
  check_outputs(json, report);
  raise_descriptor_limit();

  const lab::Comparison comparison = run_plan(plan, interrupt);
  lab::Json figures = figures_of(options, plan, machine, comparison);
  if (json.wanted() || report.wanted()) {
    add_cups(figures, plan, options.workload.seed, interrupt);
  }
  finish(interrupt);
  json.write(figures);
  report.write({{"compare", std::move(figures)}});
  if (!json.takes_standard_output() && !report.takes_standard_output()) {
    print(table_of(comparison, machine));
  }
  if (const std::string failures = failures_of(comparison); !failures.empty()) {
    throw Refused{kFailed, "orders or writers of a safe mode were lost, torn or stuck: " +
                               failures + "; look at one by `cortado run`"};
  }
}

int run_compare(const CompareOptions& options) {
  try {
    compare_them(options);
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

/// What makes a grid of its own, in place of a tour.
void add_grid_options(CLI::App& compare, CompareOptions& options) {
  compare
      .add_option("--modes", options.modes,
                  "all (six), safe (all of these but the races), or names of modes; see below")
      ->delimiter(',')
      ->type_name("MODE,...")
      ->default_str("all");
  compare.add_option("--writers", options.writers, "Numbers of writers, a column each")
      ->delimiter(',')
      ->check(CLI::Range(1U, modes::Stamp::kMostWriters))
      ->type_name("N,...")
      ->default_str("1,2,4,8");
  compare
      .add_option("--hold", options.hold_ns,
                  "Work on each order, with the buffer in hand, a table each")
      ->delimiter(',')
      ->transform(duration_ns(0))
      ->type_name("DURATION,...")
      ->default_str("0ns");
  compare.add_option("--payload", options.payload, "Bytes of each order that is made up")
      ->delimiter(',')
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{modes::Workload::kMostPayload}))
      ->type_name("BYTES,...")
      ->default_str("16");
  compare
      .add_option("--load", options.load,
                  "Also with orders due at so many percent of what each can do: open-loop latency")
      ->delimiter(',')
      ->check(CLI::Range(1.0, 1000.0))
      ->type_name("PERCENT,...")
      ->default_str("");
}

void add_own_options(CLI::App& compare, CompareOptions& options) {
  add_workload_options(compare, options.workload);
  compare.remove_option(compare.get_option("--payload"));  // here it is a list
  add_grid_options(compare, options);
  for (const char* name : {"--modes", "--writers", "--hold", "--payload", "--load"}) {
    compare.get_option(name)->each([&options](const std::string&) { options.has_grid = true; });
  }
  CLI::Option* const quick =
      compare.add_flag("--quick", options.is_quick, "A few points, in a third of a minute");
  for (const char* name :
       {"--modes", "--writers", "--hold", "--payload", "--load", "--input", "--orders"}) {
    quick->excludes(compare.get_option(name));
  }
  compare.get_option("--time")->default_str("");
  compare.add_option("--report", options.report, "For a page to read, as HTML; see cortado report")
      ->type_name("FILE");
  options.workload.repeat = 5;
  compare.add_option("--repeat", options.workload.repeat, "How often all of it is run")
      ->check(CLI::Range(1, 10'000))
      ->type_name("R");
}

}  // namespace

void add_compare(CLI::App& program, int& status) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* compare =
      program.add_subcommand("compare", "Compare modes: the same workload in each, side by side");
  compare->footer(
      modes_help() +
      "Without --modes, --writers, --hold, --payload, --load and orders of your own it makes a "
      "tour, "
      "which takes less than three minutes on two processors: numbers of writers, then amounts of "
      "work, lengths of orders and loads, one at a time, beside a reference. With one of them it "
      "runs "
      "everything with everything, 1s each. The most that one thread can do, thread-alone, is "
      "always "
      "there.\n"
      "All points are run once, then all once more in the opposite order, --repeat times, and the "
      "modes next to each other, so that a slow minute of the machine harms each alike. The table "
      "has for each the median of the orders per second, the "
      "lowest and the highest, and the ratio to thread-mutex with as many writers and as much "
      "work, taken in each repetition. A ratio with a ~ was below 1 in one repetition and above 1 "
      "in another, and so does not tell which is faster; its range is in --json. The fastest is "
      "named only where its 95 % interval overlaps with no other's.\n"
      "Beside a rate stands how many orders were lost, and how often the buffer was seen torn: a "
      "fast wrong mode is not fast. A rate with a * had more runners than processors.\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 all safe modes were clean, 1 one was not, hung, or lost a writer, 64 usage, "
      "65 unreadable "
      "input or no lines of text, 69 a program is not there, 73 cannot create, 77 permission, 128 "
      "and the signal's number if one ended it.\n\n"
      "Examples:\n"
      "  cortado compare\n"
      "  cortado compare --quick\n"
      "  cortado compare --modes process-ring,process-pipe --writers 2 --hold 1us --load 50,95\n"
      "  cortado compare --modes safe --writers 1,4,16 --hold 0ns,200ns,1us --json all.json\n"
      "  cortado compare --modes thread-mutex,process-ring --input orders.txt --repeat 9");
  add_own_options(*compare, *options);
  compare->callback([options, &status] { status = run_compare(*options); });
}

}  // namespace cortado::tools
