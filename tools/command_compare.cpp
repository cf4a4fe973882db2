// cortado compare: all modes side by side, interleaved.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "command.hpp"
#include "figures.hpp"
#include "json_output.hpp"
#include "lab/compare.hpp"
#include "lab/json.hpp"
#include "lab/machine.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"
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
};

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

/// What is to be run, but for the orders, which may have to be read.
lab::Plan plan_of(const CompareOptions& options, const lab::Machine& machine) {
  lab::Plan plan;
  plan.modes = modes_of(options.modes);
  for (const std::uint32_t writers : options.writers) add_once(plan.writers, writers);
  for (const std::int64_t ns : options.hold_ns) {
    check_watchdog(options.workload, ns);
    add_once(plan.hold, std::chrono::nanoseconds(ns));
  }
  plan.repetitions = options.workload.repeat;
  plan.processors = machine.processors;
  return plan;
}

std::string standing_text(const lab::Standing& standing) {
  std::string text = fmt::format("{} of {} runs", standing.done, standing.all);
  if (standing.left) {
    text += ", " + short_time(static_cast<double>(standing.left->count())) + " left";
  }
  return text;
}

lab::Comparison run_plan(lab::Plan& plan, Interrupt& interrupt) {
  Progress progress("runs", true);
  plan.go_on = [&](const lab::Standing& standing) {
    progress.show(standing_text(standing),
                  static_cast<double>(standing.done) / static_cast<double>(standing.all));
    return interrupt.number() == 0;
  };
  auto comparison = lab::compare(plan);
  progress.clear();
  if (!comparison) throw why_not_run(comparison.error(), interrupt);
  return std::move(*comparison);
}

lab::Json figures_of(const CompareOptions& options, const lab::Plan& plan,
                     const lab::Machine& machine, const lab::Comparison& comparison) {
  lab::Json chosen = options_json(options.workload, plan.base);
  lab::Json& names = chosen["modes"] = lab::Json::array();
  for (const std::uint32_t mode : plan.modes) names.push_back(modes::all_modes()[mode]->name);
  chosen["writers"] = plan.writers;
  chosen["hold_ns"] = options.hold_ns;
  lab::Json json{{"schema", lab::kCompareSchema},
                 {"context", lab::context_json(machine, options.workload.seed, std::move(chosen))}};
  json.update(lab::to_json(comparison));
  return json;
}

/// Safe modes that were not clean, hung, or lost a writer.
std::string failures_of(const lab::Comparison& comparison) {
  std::string names;
  for (const lab::Point& point : comparison.points) {
    if (!modes::is_safe(*point.mode) || point.is_clean()) continue;
    names += (names.empty() ? "" : ", ") + name_of(point);
  }
  return names;
}

void compare_them(const CompareOptions& options) {
  const lab::Machine machine = lab::this_machine();
  lab::Plan plan = plan_of(options, machine);
  const std::uint32_t most = *std::max_element(plan.writers.begin(), plan.writers.end());
  check_workload(options.workload, most);
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  plan.base = spec_from(options.workload, ListedOrders::repeated, most, interrupt);
  JsonOutput json(options.workload.json);
  raise_descriptor_limit();

  const lab::Comparison comparison = run_plan(plan, interrupt);
  finish(interrupt);
  if (json.wanted()) json.write(figures_of(options, plan, machine, comparison));
  if (!json.takes_standard_output()) print(table_of(comparison, machine));
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

void add_own_options(CLI::App& compare, CompareOptions& options) {
  compare
      .add_option("--modes", options.modes,
                  "all, safe (all but the races), or names of modes; see below")
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
  add_workload_options(compare, options.workload);
  compare.get_option("--time")->default_str("1s");
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
      "All points are run once, then all once more in the opposite order, --repeat times, and the "
      "modes next to each other, so that a slow minute of the machine harms each alike. The table "
      "has for each the median of the orders per second, the "
      "lowest and the highest, and the ratio to thread-mutex with as many writers and as much "
      "work, taken in each repetition. A ratio with a ~ was below 1 in one repetition and above 1 "
      "in another, and so does not tell which is faster; its range is in --json.\n"
      "Beside a rate stands how many orders were lost, and how often the buffer was seen torn: a "
      "fast wrong mode is not fast. A rate with a * had more runners than processors.\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 all safe modes were clean, 1 one was not, hung, or lost a writer, 64 usage, "
      "65 unreadable "
      "input or no lines of text, 69 a program is not there, 73 cannot create, 77 permission, 128 "
      "and the signal's number if one ended it.\n\n"
      "Examples:\n"
      "  cortado compare\n"
      "  cortado compare --modes safe --writers 1,4,16 --hold 0ns,200ns,1us --json all.json\n"
      "  cortado compare --modes thread-mutex,process-ring --input orders.txt --repeat 9");
  add_own_options(*compare, *options);
  compare->callback([options, &status] { status = run_compare(*options); });
}

}  // namespace cortado::tools
