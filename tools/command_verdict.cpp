// cortado verdict: is the claim supported, refuted, or inconclusive here?
#include <algorithm>
#include <chrono>
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
#include "lab/design.hpp"
#include "lab/json.hpp"
#include "lab/machine.hpp"
#include "lab/results.hpp"
#include "lab/verdict.hpp"
#include "verdict_text.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

using namespace std::chrono_literals;

constexpr const char* kCommand = "cortado verdict";
constexpr const char* kClaim = "mutex-high-load";
constexpr auto kBudget = 100s;
constexpr auto kQuickBudget = 12s;
constexpr int kInconclusive = 2;

struct VerdictOptions {
  std::string claim;
  std::string from;
  WorkloadOptions workload;
  bool is_quick = false;
};

/// What both sides are compared at; see lab/verdict.hpp for what of it counts.
std::vector<lab::Cell> cells_for(std::uint32_t processors, bool is_quick) {
  lab::Grid grid;
  grid.modes = {mode_named("thread-mutex"), mode_named("process-ring")};
  grid.payload = {16};
  if (is_quick) {
    grid.writers = {processors, 4 * processors};
    grid.hold = {0ns, 100ns};
    return lab::cells_of(grid);
  }
  for (const std::uint32_t writers : {1U, processors, 2 * processors, 4 * processors}) {
    if (grid.writers.empty() || writers > grid.writers.back()) grid.writers.push_back(writers);
  }
  grid.hold = {0ns, 30ns, 100ns, 1us, 10us};
  return lab::cells_of(grid);
}

lab::Json measure(const VerdictOptions& options) {
  const lab::Machine machine = lab::this_machine();
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  lab::Plan plan;
  plan.cells = cells_for(machine.processors, options.is_quick);
  plan.repetitions = options.workload.repeat;
  plan.processors = machine.processors;
  plan.base = spec_from(options.workload, ListedOrders::repeated,
                        std::uint64_t{4} * machine.processors, interrupt);
  if (options.workload.time_ms == 0) {
    plan.base.duration = lab::time_for(plan.cells.size() * plan.repetitions,
                                       options.is_quick ? kQuickBudget : kBudget);
  }
  raise_descriptor_limit();
  const lab::Comparison comparison = run_plan(plan, interrupt);
  finish(interrupt);
  lab::Json chosen = options_json(options.workload, plan.base);
  chosen["claim"] = options.claim;
  chosen["quick"] = options.is_quick;
  lab::Json json{{"schema", lab::kVerdictSchema},
                 {"context", lab::context_json(machine, options.workload.seed, std::move(chosen))}};
  json.update(lab::to_json(comparison));
  return json;
}

lab::Results results_from(const VerdictOptions& options) {
  if (options.from.empty()) {
    return {"what was measured", lab::kVerdictSchema, measure(options)};
  }
  auto results = lab::read_results(options.from);
  if (!results) throw Refused{exit_code_for(results.error().code), results.error().text};
  return std::move(*results);
}

std::uint32_t cores_in(const lab::Results& results) {
  try {
    return results.json.at("context").at("cores").get<std::uint32_t>();
  } catch (const lab::Json::exception&) {
    throw Refused{kBadInput, "cannot use the figures in " + results.name +
                                 ": they do not say on how many cores; measure again"};
  }
}

int status_of(lab::Finding finding) {
  switch (finding) {
    case lab::Finding::supported:
      return kOk;
    case lab::Finding::refuted:
      return kFailed;
    case lab::Finding::inconclusive:
      return kInconclusive;
  }
  return kInconclusive;
}

int decide(const VerdictOptions& options) {
  JsonOutput output(options.workload.json);
  // Always from the JSON, so that a file gives the same as the measurement that left it.
  lab::Results results = results_from(options);
  const auto points = lab::points_in(results);
  if (!points) throw Refused{exit_code_for(points.error().code), points.error().text};
  const lab::Verdict verdict = lab::verdict_on(*points, cores_in(results));
  results.json["verdict"] = lab::to_json(verdict);
  if (output.wanted()) output.write(results.json);
  if (!output.takes_standard_output()) print(text_of(verdict, results.json));
  return status_of(verdict.finding);
}

int run_verdict(const VerdictOptions& options) {
  try {
    return decide(options);
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

void add_options(CLI::App& verdict, VerdictOptions& options) {
  verdict
      .add_option("CLAIM", options.claim,
                  "mutex-high-load: \"no mutexes: they have poor performance at high load\"")
      ->required()
      ->check(CLI::IsMember({kClaim}))
      ->type_name("");
  verdict
      .add_option("--from", options.from,
                  "Figures of an earlier verdict or comparison, in place of a measurement")
      ->type_name("FILE");
  CLI::Option* const quick =
      verdict.add_flag("--quick", options.is_quick, "Fewer points, in a quarter of a minute");
  options.workload.repeat = 9;
  verdict.add_option("--repeat", options.workload.repeat, "Repetitions, interleaved")
      ->check(CLI::Range(1, 10'000))
      ->type_name("R");
  verdict
      .add_option("--time", options.workload.time_ms,
                  "Of each run [so that all take less than two minutes]")
      ->transform(duration(1))
      ->type_name("DURATION")
      ->default_str("");
  verdict.add_option("--seed", options.workload.seed, "Of the orders")->type_name("S");
  verdict
      .add_option("--json", options.workload.json, "For all figures, as JSON; - is standard output")
      ->type_name("FILE");
  for (const char* name : {"--repeat", "--time", "--seed"}) {
    verdict.get_option("--from")->excludes(verdict.get_option(name));
  }
  quick->excludes(verdict.get_option("--from"));
}

}  // namespace

void add_verdict(CLI::App& program, int& status) {
  auto options = std::make_shared<VerdictOptions>();
  CLI::App* verdict = program.add_subcommand(
      "verdict", "Decide whether a claim about locks holds here, with the numbers");
  verdict->footer(
      "Compared are process-ring, messages to one owner process, and thread-mutex, threads with a "
      "std::mutex: the ratio of their rates in the same repetition. High load is as many writers "
      "as cores or more, with 1 us of work on each order or less; of these points the geometric "
      "mean of each repetition, and of the repetitions the median with its 95 % interval.\n"
      "Supported: messages do more than 1.05 times the orders, with all of the interval, and "
      "nowhere the mutex. Refuted: they do not, with all of the interval, and nowhere do. "
      "Inconclusive: everything else, also a machine that is too noisy to tell.\n"
      "The verdict is computed from the JSON that --json leaves, so --from gives the same.\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 supported, 1 refuted, 2 inconclusive, 64 usage, 65 figures that cannot be "
      "used, 69 a program is not there, 73 cannot create, 77 permission, 128 and the signal's "
      "number if one ended it.\n\n"
      "Examples:\n"
      "  cortado verdict mutex-high-load --json verdict.json\n"
      "  cortado verdict mutex-high-load --from verdict.json\n"
      "  cortado verdict mutex-high-load --quick");
  add_options(*verdict, *options);
  verdict->callback([options, &status] { status = run_verdict(*options); });
}

}  // namespace cortado::tools
