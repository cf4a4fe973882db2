// cortado faults: who survives what.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "command.hpp"
#include "fault_table.hpp"
#include "figures.hpp"
#include "json_output.hpp"
#include "lab/faults.hpp"
#include "lab/faults_json.hpp"
#include "lab/machine.hpp"
#include "lab/wording.hpp"
#include "modes/disaster.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"
#include "report_output.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado faults";
constexpr std::int64_t kLeastWatchdogMs = 2 * modes::kSlow.count();

struct FaultsOptions {
  std::vector<std::string> modes{"all"};
  std::vector<std::string> faults{"all"};
  std::uint64_t seed = 1;
  std::int64_t watchdog_ms = 5000;
  std::string json;
  std::string report;
};

std::string fault_names() {
  std::string names;
  for (const lab::FaultName& fault : lab::all_faults()) {
    names += (names.empty() ? "" : ", ") + std::string(fault.name);
  }
  return names;
}

modes::Fault::Kind fault_named(const std::string& name) {
  for (const lab::FaultName& fault : lab::all_faults()) {
    if (fault.name == name) return fault.kind;
  }
  throw Refused{kUsage, "there is no fault " + name + "; name some of " + fault_names()};
}

bool has_all(const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), "all") != names.end();
}

/// One that has other writers.
std::uint32_t mode_to_try(const std::string& name) {
  const std::uint32_t mode = mode_named(name);
  std::string names;
  for (const std::uint32_t known : lab::fault_modes()) {
    if (known == mode) return mode;
    names += (names.empty() ? "" : ", ") + std::string(modes::known_modes()[known]->name);
  }
  throw Refused{kUsage, "cannot try faults in " + name + "; name some of " + names};
}

/// Each once, in their own order.
lab::FaultPlan plan_of(const FaultsOptions& options) {
  lab::FaultPlan plan;
  for (const std::string& name : options.modes) {
    if (name != "all") plan.modes.push_back(mode_to_try(name));
  }
  if (has_all(options.modes)) plan.modes = lab::fault_modes();
  std::sort(plan.modes.begin(), plan.modes.end());
  plan.modes.erase(std::unique(plan.modes.begin(), plan.modes.end()), plan.modes.end());

  std::vector<modes::Fault::Kind> wanted;
  for (const std::string& name : options.faults) {
    if (name != "all") wanted.push_back(fault_named(name));
  }
  for (const lab::FaultName& fault : lab::all_faults()) {
    const bool is_wanted = std::find(wanted.begin(), wanted.end(), fault.kind) != wanted.end();
    if (is_wanted || has_all(options.faults)) plan.faults.push_back(fault.kind);
  }
  plan.seed = options.seed;
  plan.watchdog = std::chrono::milliseconds(options.watchdog_ms);
  return plan;
}

std::string standing_text(const lab::Standing& standing) {
  std::string text = fmt::format("{} of {} tried", standing.done, standing.all);
  if (standing.left) {
    text += ", " + short_time(static_cast<double>(standing.left->count())) + " left";
  }
  return text;
}

std::vector<lab::FaultCell> run_plan(lab::FaultPlan& plan, Interrupt& interrupt) {
  Progress progress("faults", true);
  plan.go_on = [&](const lab::Standing& standing) {
    progress.show(standing_text(standing),
                  static_cast<double>(standing.done) / static_cast<double>(standing.all));
    return interrupt.number() == 0;
  };
  auto cells = lab::try_faults(plan);
  progress.clear();
  if (!cells) throw why_not_run(cells.error(), interrupt);
  return std::move(*cells);
}

lab::Json figures_of(const lab::FaultPlan& plan, const lab::Machine& machine,
                     const std::vector<lab::FaultCell>& cells) {
  lab::Json chosen{{"watchdog_ns", plan.watchdog.count()}};
  lab::Json& modes = chosen["modes"] = lab::Json::array();
  for (const std::uint32_t mode : plan.modes) modes.push_back(modes::known_modes()[mode]->name);
  lab::Json json{{"schema", "cortado-faults-1"},
                 {"context", lab::context_json(machine, plan.seed, std::move(chosen))}};
  json.update(lab::to_json(cells));
  return json;
}

/// "process-mutex when killed: intact, not hung"
std::string surprises_of(const std::vector<lab::FaultCell>& cells) {
  std::string text;
  for (const lab::FaultCell& cell : cells) {
    if (cell.is_as_theory()) continue;
    text +=
        fmt::format("{}{} with {}: {}, not {}", text.empty() ? "" : "; ", cell.mode->name,
                    lab::name_of(cell.fault).name, to_string(cell.fate), to_string(*cell.theory));
  }
  return text;
}

void try_them(const FaultsOptions& options) {
  lab::FaultPlan plan = plan_of(options);
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  JsonOutput json(options.json);
  ReportOutput report(options.report);
  check_outputs(json, report);
  raise_descriptor_limit();

  const auto cells = run_plan(plan, interrupt);
  finish(interrupt);
  const lab::Machine machine = lab::this_machine();
  const lab::Json figures = figures_of(plan, machine, cells);
  json.write(figures);
  report.write({{"faults", figures}});
  if (!json.takes_standard_output() && !report.takes_standard_output()) {
    print(fault_table(cells) + "On " + to_string(machine) + "\n");
  }
  if (const std::string surprises = surprises_of(cells); !surprises.empty()) {
    throw Refused{kFailed, "it came out otherwise than theory says: " + surprises +
                               "; run it again, and tell the maintainers if it stays so"};
  }
}

int run_faults(const FaultsOptions& options) {
  try {
    try_them(options);
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

void add_options(CLI::App& faults, FaultsOptions& options) {
  faults.add_option("--mode,--modes", options.modes, "all, or names of modes; see below")
      ->delimiter(',')
      ->type_name("MODE,...")
      ->default_str("all");
  faults.add_option("--fault,--faults", options.faults, "all, or names of faults; see below")
      ->delimiter(',')
      ->type_name("FAULT,...")
      ->default_str("all");
  faults.add_option("--seed", options.seed, "Of the made-up orders")->type_name("S");
  faults
      .add_option("--watchdog", options.watchdog_ms,
                  "A run in which nothing moves so long counts as hung")
      ->transform(duration(kLeastWatchdogMs))
      ->type_name("DURATION")
      ->default_str("5s");
  faults.add_option("--report", options.report, "For a page to read, as HTML; see cortado report")
      ->type_name("FILE");
  faults.add_option("--json", options.json, "For all outcomes, as JSON; - is standard output")
      ->type_name("FILE");
}

std::string faults_help() {
  std::string text = "A fault is what happens to the first of four writers, or to the owner:\n";
  for (const lab::FaultName& fault : lab::all_faults()) {
    text += fmt::format("  {:<13} {}\n", fault.name, fault.says);
  }
  return text;
}

}  // namespace

void add_faults(CLI::App& program, int& status) {
  auto options = std::make_shared<FaultsOptions>();
  CLI::App* faults =
      program.add_subcommand("faults", "Who survives what: each fault in each mode, for real");
  faults->footer(
      modes_help() + faults_help() +
      "Each is run for real, in processes of its own, under a watchdog. The fault comes when all "
      "other writers are half way through their orders and wait, and they go on when it has "
      "happened, so that nothing depends on luck: whether it happened is noted by whoever it "
      "happened to, and if it did not, that is an error and no outcome. Half way means: half of "
      "the order is in the buffer, with the lock in hand where there is one; with messages, half "
      "of it is in the ring, or on its way into the message_queue, whose own lock is in hand "
      "then. In a race, the writer waits half way until another has come by.\n"
      "A thread cannot be killed alone: the kernel ends its process. It cannot be stopped from "
      "outside alone either, so it waits for what nobody does. An exception that nobody catches "
      "is a crash; throws is one that the writer catches; none can come from under the lock of "
      "the message_queue, so there it comes before the send. Half an order in a pipe takes the "
      "next one for its other half. In process-ring, the owner that is "
      "killed has a successor, which takes over its lanes; its buffer is gone, and what was "
      "applied to it counts as forgotten (kept state or a journal would keep it).\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 all came out as theory says, 1 one did not, 64 usage, 69 a program is not "
      "there, or a fault did not happen, 73 cannot create, 77 permission, 128 and the signal's "
      "number if one ended it.\n\n"
      "Examples:\n"
      "  cortado faults\n"
      "  cortado faults --mode process-mutex,process-ring --fault killed,stopped\n"
      "  cortado faults --json faults.json");
  add_options(*faults, *options);
  faults->callback([options, &status] { status = run_faults(*options); });
}

}  // namespace cortado::tools
