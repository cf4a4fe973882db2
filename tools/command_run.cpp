// cortado run: one workload in one mode, its ledger and its figures.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "command.hpp"
#include "figures.hpp"
#include "json_output.hpp"
#include "lab/json.hpp"
#include "lab/machine.hpp"
#include "lab/pace.hpp"
#include "lab/run.hpp"
#include "lab/sampling.hpp"
#include "lab/summary.hpp"
#include "lab/wording.hpp"
#include "modes/mode.hpp"
#include "progress.hpp"
#include "run_text.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

using std::chrono::nanoseconds;

constexpr const char* kCommand = "cortado run";

struct RunOptions {
  WorkloadOptions workload;
  std::string mode;
  std::uint32_t writers = 4;
  std::int64_t hold_ns = 0;
  double load_per_s = 0;
  std::uint64_t buffer = 0;
  bool has_buffer = false;
  bool live = false;
  std::string fault;
  std::string trace;
};

template <class Number>
bool parse_whole(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

modes::Fault fault_from(const std::string& text) {
  modes::Fault fault;
  if (text.empty()) return fault;
  const std::string_view all = text;
  const std::size_t colon = all.find(':');
  const std::size_t at = all.find('@');
  const std::string_view kind = all.substr(0, colon);
  if (kind == "killed") fault.kind = modes::Fault::Kind::killed;
  if (kind == "crashed") fault.kind = modes::Fault::Kind::crashed;
  if (fault.kind == modes::Fault::Kind::none || colon == std::string_view::npos ||
      at == std::string_view::npos || at < colon ||
      !parse_whole(all.substr(colon + 1, at - colon - 1), fault.writer) ||
      !parse_whole(all.substr(at + 1), fault.sequence)) {
    throw Refused{kUsage, "--fault " + text +
                              " is none; give killed:W@N or crashed:W@N, with the writer W and its "
                              "order N, both from 0"};
  }
  return fault;
}

/// Only what needs no input.
void check(const RunOptions& options) {
  check_workload(options.workload, options.writers);
  check_watchdog(options.workload, options.hold_ns);
  if (options.trace.empty()) return;
  if (options.workload.repeat != 1) {
    throw Refused{kUsage, "cannot trace several runs into one file; give no --repeat"};
  }
  if (options.trace == "-" && options.workload.json == "-") {
    throw Refused{kUsage, "cannot print both the trace and the figures; give one of them a file"};
  }
}

/// Turns are drawn letter by letter, with all orders in memory at once.
void check_turns(const lab::RunSpec& spec) {
  constexpr std::uint64_t kMost = 1U << 20;
  constexpr std::uint64_t kMostBytes = 1U << 30;  // also of what is rejected, and has no letters
  const modes::Workload& workload = spec.workload;
  if (workload.takes_turns == 0) return;
  if (workload.fault.kind != modes::Fault::Kind::none) {
    throw Refused{kUsage,
                  "cannot draw turns with a --fault: a writer that dies never passes its turn on; "
                  "give --live"};
  }
  std::uint64_t bytes = 0;
  for (const std::string& order : spec.listed) bytes += order.size();
  const std::uint64_t rounds = (workload.orders + spec.listed.size() - 1) / spec.listed.size();
  const std::uint64_t letters = workload.orders * workload.capacity;
  if (workload.orders <= kMost && letters <= kMost && rounds * bytes <= kMostBytes) return;
  throw Refused{kUsage, "cannot draw turns for " + full_count(workload.orders) +
                            " orders with up to " + full_count(workload.capacity) +
                            " letters each; give fewer orders, or --live"};
}

lab::RunSpec complete(const RunOptions& options, lab::RunSpec spec) {
  modes::Workload& workload = spec.workload;
  workload.mode = mode_named(options.mode);
  workload.writers = options.writers;
  if (options.has_buffer) workload.capacity = static_cast<std::uint32_t>(options.buffer);
  const bool is_listed = !spec.listed.empty() && workload.orders != 0;
  workload.takes_turns = is_listed && workload.letter_delay_ns != 0 && !options.live ? 1 : 0;
  workload.fault = fault_from(options.fault);
  check_turns(spec);
  const auto& fault = workload.fault;
  if (fault.kind != modes::Fault::Kind::none &&
      (fault.writer >= workload.writers || fault.sequence >= workload.orders_of(fault.writer))) {
    throw Refused{kUsage, "--fault " + options.fault +
                              " would never happen: there is no such order; writers and their "
                              "orders count from 0"};
  }
  workload.load_per_s = options.load_per_s;
  workload.may_spin = workload.writers + 1 <= lab::this_machine().processors ? 1 : 0;
  lab::set_hold(workload, nanoseconds(options.hold_ns));
  workload.sample_shift = lab::sample_shift_of(workload, spec.duration);
  return spec;
}

/// The repetitions of a run, one after the other.
class Runs {
 public:
  Runs(const RunOptions& options, lab::RunSpec spec, Interrupt& interrupt)
      : spec_(std::move(spec)),
        interrupt_(interrupt),
        progress_("runs", true),
        pace_(options.workload.repeat, spec_.duration) {}

  std::vector<lab::RunResult> run() {
    std::vector<lab::RunResult> results;
    while (pace_.done() < pace_.all()) {
      lab::RunSpec spec = spec_;
      spec.go_on = [this] { return go_on(); };
      auto result = lab::run(std::move(spec));
      if (!result) throw why_not_run(result.error(), interrupt_);
      results.push_back(std::move(*result));
      pace_.one_is_done();
    }
    return results;
  }

 private:
  bool go_on() {
    const std::string which = fmt::format("run {} of {}", pace_.done() + 1, pace_.all());
    const auto passed = static_cast<double>(pace_.passed().count());
    if (const auto left = pace_.left()) {
      const auto rest = static_cast<double>(left->count());
      progress_.show(fmt::format("{}, {} left", which, short_time(rest)), passed / (passed + rest));
    } else {
      progress_.show(fmt::format("{}, for {}", which, short_time(passed)), -1);
    }
    return interrupt_.number() == 0;
  }

  lab::RunSpec spec_;
  Interrupt& interrupt_;
  Progress progress_;
  lab::Pace pace_;
};

/// Of those that finished; none, if none did.
std::optional<lab::Summary> rates_of(const std::vector<lab::RunResult>& results) {
  std::vector<double> rates;
  for (const lab::RunResult& result : results) {
    if (result.outcome == lab::Outcome::finished) rates.push_back(result.throughput_per_s);
  }
  if (rates.empty()) return std::nullopt;
  return lab::summarize(std::move(rates));
}

std::string text_of(const std::vector<lab::RunResult>& results) {
  if (results.size() == 1) return describe(results[0]);
  std::string text = fmt::format("{}, {}\n", results[0].mode->name,
                                 lab::counted(results[0].workload.writers, "writer"));
  for (std::size_t i = 0; i < results.size(); ++i) {
    text += fmt::format("  run {:<4} {}\n", i + 1, describe_briefly(results[i]));
  }
  const auto rates = rates_of(results);
  if (!rates) return text + "  median   none, as no run finished\n";
  return text + fmt::format("  median   {} orders/s, from {} to {}\n", short_count(rates->median),
                            short_count(rates->lowest), short_count(rates->highest));
}

lab::Json options_of(const RunOptions& options, const lab::RunSpec& spec) {
  lab::Json json = options_json(options.workload, spec);
  json["mode"] = options.mode;
  json["writers"] = options.writers;
  json["hold_ns"] = options.hold_ns;
  json["load_per_s"] = options.load_per_s > 0 ? lab::Json(options.load_per_s) : lab::Json(nullptr);
  json["live"] = options.live;
  json["fault"] = options.fault.empty() ? lab::Json(nullptr) : lab::Json(options.fault);
  return json;
}

lab::Json figures_of(const std::vector<lab::RunResult>& results, lab::Json context) {
  const bool is_one = results.size() == 1;
  lab::Json json{{"schema", is_one ? lab::kRunSchema : lab::kRunsSchema},
                 {"context", std::move(context)}};
  if (is_one) {
    json.update(lab::to_json(results[0]));
    return json;
  }
  lab::Json& runs = json["runs"] = lab::Json::array();
  for (const lab::RunResult& result : results) runs.push_back(lab::to_json(result));
  const auto rates = rates_of(results);
  const auto expected = std::count_if(results.begin(), results.end(), is_as_expected);
  json["summary"] = {{"runs", results.size()},
                     {"as_expected", expected},
                     {"throughput_per_s", rates ? lab::to_json(*rates) : lab::Json(nullptr)}};
  return json;
}

std::string told(const lab::TraceText& trace) {
  std::string text = fmt::format("  trace       {} orders", full_count(trace.applied));
  if (trace.unfinished != 0) {
    text += fmt::format(", {} more that were not applied", full_count(trace.unfinished));
  }
  if (trace.dropped != 0) text += fmt::format("; {} dropped, no room", full_count(trace.dropped));
  return text + "\n";
}

void run_it(const RunOptions& options) {
  check(options);
  mode_named(options.mode);
  fault_from(options.fault);
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  lab::RunSpec spec = complete(
      options, spec_from(options.workload, ListedOrders::once, options.writers, interrupt));
  JsonOutput json(options.workload.json);
  JsonOutput trace_output(options.trace, "the trace");
  lab::TraceText trace;
  raise_descriptor_limit();
  if (trace_output.wanted()) {
    spec.on_trace = [&trace](const lab::Trace& run) { trace = lab::text_of(run); };
  }

  const auto results = Runs(options, spec, interrupt).run();
  finish(interrupt);
  if (json.wanted()) {
    json.write(figures_of(results, lab::context_json(lab::this_machine(), options.workload.seed,
                                                     options_of(options, spec))));
  }
  trace_output.write_text(trace.json);
  if (!json.takes_standard_output() && !trace_output.takes_standard_output()) {
    print(text_of(results) + (trace_output.wanted() ? told(trace) : ""));
  }
  const auto failed = std::find_if_not(results.begin(), results.end(), is_as_expected);
  if (failed != results.end()) throw Refused{kFailed, what_failed(*failed)};
}

int run_run(const RunOptions& options) {
  try {
    run_it(options);
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

void add_own_options(CLI::App& run, RunOptions& options) {
  run.add_option("--mode", options.mode, "How the writers share the buffer, see below")
      ->type_name("MODE");
  run.add_option("--writers", options.writers, "How many write")
      ->check(CLI::Range(1U, modes::Stamp::kMostWriters))
      ->type_name("N");
  add_workload_options(run, options.workload);
  run.get_option("--time")->default_str("1s");
  run.add_option("--hold", options.hold_ns, "Work on each order, with the buffer in hand")
      ->transform(duration_ns(0))
      ->type_name("DURATION")
      ->default_str("0ns");
  run.add_option("--buffer", options.buffer,
                 "Bytes of the buffer; a longer order is rejected [the longest order]")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{modes::Workload::kMostPayload}))
      ->each([&options](const std::string&) { options.has_buffer = true; })
      ->type_name("BYTES")
      ->default_str("");
  run.add_option("--load", options.load_per_s,
                 "Orders per second that are due, of all writers together; 3M, 20k [as many as go]")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, double>{{"k", 1e3}, {"M", 1e6}},
                                        CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::Range(1e-3, 1e9))
      ->default_str("")
      ->type_name("ORDERS_PER_SECOND");
  run.add_flag("--live", options.live, "Let the scheduler interleave the letters, not the seed");
  run.add_option("--repeat", options.workload.repeat, "Runs, one after the other")
      ->check(CLI::Range(1, 10'000))
      ->type_name("R");
  run.add_option("--trace", options.trace,
                 "Write a timeline of the first orders there, for Perfetto or chrome://tracing")
      ->type_name("FILE");
  run.add_option("--fault", options.fault,
                 "killed:W@N or crashed:W@N: writer W dies half way through its order N; both "
                 "count from 0")
      ->type_name("FAULT");
}

}  // namespace

void add_run(CLI::App& program, int& status) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run =
      program.add_subcommand("run", "Run a workload in one mode: what comes out, what it costs");
  run->footer(
      modes_help() +
      "Without --orders, --input or --time it runs for 1s; with --input, each line is an order, "
      "once, or again and again until --time is over or --orders are sent. With --input and "
      "--letter-delay the writers take turns that the seed draws, so that a race garbles the same "
      "way every time.\n"
      "The ledger is computed from the buffer and the writers' own notes: each order sent was "
      "applied, rejected, dropped, abandoned or unread, else it does not balance.\n"
      "Latency is closed-loop: from the begin of a send until its order is applied, and each "
      "writer waits for its own send before the next. With --load it is open-loop: orders are due "
      "evenly, whether or not the ones before are through, and each counts from when it was due, "
      "so that a stall cannot hide.\n"
      "A trace has the first 32,768 orders of all writers together, and tells how many it dropped; "
      "those take up to some 100 ns longer each, the others nothing.\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 as expected (a safe mode: all orders whole, once, in order; a race: it "
      "finished; without --fault, no writer ended before its time), 1 not so, or it hung, or the "
      "process with the buffer died, 64 usage, 65 "
      "unreadable input or no lines of text, 69 a program is not there, 73 cannot create, 77 "
      "permission, 128 and the signal's number if one ended it.\n\n"
      "Examples:\n"
      "  cortado run --mode thread-race --input orders.txt --letter-delay 10ms\n"
      "  cortado run --mode process-ring --writers 8 --orders 1000000 --json figures.json\n"
      "  cortado run --mode process-ring --writers 2 --load 500k --time 5s\n"
      "  cortado run --mode process-mutex --orders 10000 --fault killed:0@100 --watchdog 2s");
  add_own_options(*run, *options);
  run->callback([options, &status] { status = run_run(*options); });
}

}  // namespace cortado::tools
