// cortado bench: the ring beside its peers and the machine's limits, in one run.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/fmt/fmt.h>

#include "bench/bench.hpp"
#include "bench/crew.hpp"
#include "bench/json.hpp"
#include "bench/message.hpp"
#include "bench/standing.hpp"
#include "bench_table.hpp"
#include "command.hpp"
#include "figures.hpp"
#include "json_output.hpp"
#include "lab/machine.hpp"
#include "progress.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado bench";
constexpr std::uint32_t kMostWriters = 10'000;

struct BenchOptions {
  std::vector<std::string> points{"all"};
  std::vector<std::uint64_t> sizes{16, 64, 1024, 65536, 1048576};
  std::vector<std::uint32_t> writers{1, 2, 4, 8, 64, 1000};
  std::vector<std::string> peers{"all"};
  std::uint32_t repetitions = 5;
  std::int64_t duration_ns = 100'000'000;
  std::string json;
  bool lists = false;
};

template <class T>
void add_once(std::vector<T>& to, T value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

std::vector<bench::Kind> kinds_of(const std::vector<std::string>& names) {
  using bench::Kind;
  constexpr Kind kAll[] = {Kind::throughput, Kind::round_trip, Kind::fan_in, Kind::idle,
                           Kind::lock};
  std::vector<Kind> chosen;
  for (const std::string& name : names) {
    bool is_known = false;
    for (const Kind kind : kAll) {
      if (name != "all" && name != name_of(kind)) continue;
      add_once(chosen, kind);
      is_known = true;
    }
    if (is_known) continue;
    throw Refused{kUsage, "there is no point '" + name +
                              "'; there are throughput, round-trip, fan-in, idle, lock, and all"};
  }
  return chosen;
}

std::string peer_names() {
  std::string names;
  for (const bench::Contestant& each : bench::all_contestants()) {
    if (each.role == bench::Role::peer) names += std::string(each.name) + ", ";
  }
  return names + "all and none";
}

/// cortado and the limits always, and the peers of these names.
std::vector<const bench::Contestant*> contestants_of(const std::vector<std::string>& peers) {
  const auto is_chosen = [&](const bench::Contestant& each) {
    return each.role != bench::Role::peer ||
           std::any_of(peers.begin(), peers.end(),
                       [&](const std::string& name) { return name == "all" || name == each.name; });
  };
  const auto all = bench::all_contestants();
  for (const std::string& name : peers) {
    const bool is_known = name == "all" || name == "none" ||
                          std::any_of(all.begin(), all.end(), [&](const auto& each) {
                            return each.role == bench::Role::peer && each.name == name;
                          });
    if (!is_known) {
      throw Refused{kUsage, "there is no peer '" + name + "'; there are " + peer_names()};
    }
  }
  std::vector<const bench::Contestant*> chosen;
  for (const bench::Contestant& each : all) {
    if (is_chosen(each)) chosen.push_back(&each);
  }
  return chosen;
}

bench::Plan plan_of(const BenchOptions& options) {
  bench::Plan plan;
  std::vector<std::size_t> sizes;
  for (const std::uint64_t bytes : options.sizes) {
    if (bytes % bench::kWord != 0) {
      throw Refused{kUsage, "--size must be a multiple of 8 bytes, and " + std::to_string(bytes) +
                                " is none; give 16, 64, 1K, ..."};
    }
    add_once(sizes, static_cast<std::size_t>(bytes));
  }
  std::vector<std::uint32_t> writers;
  for (const std::uint32_t each : options.writers) add_once(writers, each);
  plan.points = bench::points_of(kinds_of(options.points), sizes, writers);
  if (plan.points.empty()) {
    throw Refused{kUsage,
                  "nothing is left to be measured; round-trip needs a --size of 64 at "
                  "most, lock --writers 4 or 8"};
  }
  plan.contestants = contestants_of(options.peers);
  plan.repetitions = options.repetitions;
  plan.duration = std::chrono::nanoseconds(options.duration_ns);
  plan.processors = bench::usable_processors();
  return plan;
}

bench::Outcome run_plan(bench::Plan& plan, Interrupt& interrupt) {
  Progress progress("runs", true);
  plan.go_on = [&](std::uint64_t done, std::uint64_t all) {
    progress.show(fmt::format("{} of {} runs", done, all),
                  static_cast<double>(done) / static_cast<double>(std::max<std::uint64_t>(all, 1)));
    return interrupt.number() == 0;
  };
  auto outcome = bench::run(plan);
  progress.clear();
  if (!outcome) throw why_not_run(outcome.error(), interrupt);
  return std::move(*outcome);
}

lab::Json figures_of(const BenchOptions& options, const bench::Plan& plan,
                     const lab::Machine& machine, const bench::Outcome& outcome,
                     const std::vector<bench::Goal>& goals) {
  constexpr std::uint64_t kNoSeed = 0;  // nothing is drawn
  lab::Json chosen{{"points", options.points},        {"size", options.sizes},
                   {"writers", options.writers},      {"peers", options.peers},
                   {"repetitions", plan.repetitions}, {"duration_ns", plan.duration.count()},
                   {"processors", plan.processors}};
  lab::Json json{{"schema", "cortado-bench-1"},
                 {"context", lab::context_json(machine, kNoSeed, std::move(chosen))}};
  json.update(bench::to_json(plan, outcome));
  json["goals"] = bench::to_json(goals);
  return json;
}

/// Of cortado itself: what failed, or did not come out as it went in.
std::string failures_of(const bench::Outcome& outcome) {
  std::string text;
  for (const bench::Entry& entry : outcome.entries) {
    if (entry.contestant->role != bench::Role::cortado) continue;
    if (entry.error.empty() && entry.wrong() == 0) continue;
    text += fmt::format(
        "{}{} at {}, {}: {}", text.empty() ? "" : "; ", entry.contestant->name,
        name_of(entry.point.kind), to_string(entry.point),
        entry.error.empty() ? fmt::format("{} messages wrong", entry.wrong()) : entry.error);
  }
  return text;
}

void bench_them(const BenchOptions& options) {
  if (options.lists) return print(contestants_text());
  bench::Plan plan = plan_of(options);
  StopSignals signals;
  require(signals);
  Interrupt interrupt(signals);
  JsonOutput json(options.json);
  raise_descriptor_limit();
  const lab::Machine machine = lab::this_machine();
  const bench::Outcome outcome = run_plan(plan, interrupt);
  finish(interrupt);
  const std::vector<bench::Goal> goals = bench::standing_of(outcome);
  if (json.wanted()) json.write(figures_of(options, plan, machine, outcome, goals));
  if (!json.takes_standard_output()) {
    print(bench_tables(plan, outcome, machine) + standing_text(goals));
  }
  if (const std::string failures = failures_of(outcome); !failures.empty()) {
    throw Refused{kFailed, "cannot measure all of it: " + failures};
  }
}

int run_bench(const BenchOptions& options) {
  try {
    bench_them(options);
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

void add_options(CLI::App& command, BenchOptions& options) {
  command
      .add_option("--points", options.points,
                  "What is measured: throughput, round-trip, fan-in, idle, lock, or all")
      ->delimiter(',')
      ->type_name("POINT,...")
      ->default_str("all");
  command.add_option("--size", options.sizes, "Bytes of a message, in throughput and round-trip")
      ->delimiter(',')
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{bench::kLeastBytes}, std::uint64_t{1} << 20))
      ->type_name("BYTES,...")
      ->default_str("16,64,1K,64K,1M");
  command.add_option("--writers", options.writers, "Numbers of writers, in fan-in and lock")
      ->delimiter(',')
      ->check(CLI::Range(1U, kMostWriters))
      ->type_name("N,...")
      ->default_str("1,2,4,8,64,1000");
  command.add_option("--peers", options.peers, "Beside whom: all, none, or names (see --list)")
      ->delimiter(',')
      ->type_name("PEER,...")
      ->default_str("all");
  command.add_option("--repetitions", options.repetitions, "How often all of it is run")
      ->check(CLI::Range(1, 10'000))
      ->type_name("R");
  command.add_option("--duration", options.duration_ns, "Of each run of throughput")
      ->transform(duration_ns(1'000'000))
      ->type_name("DURATION")
      ->default_str("100ms");
  command.add_option("--json", options.json, "For all figures, as JSON; - is standard output")
      ->type_name("FILE");
  command.add_flag("--list", options.lists, "Name all contestants, and measure nothing");
}

}  // namespace

void add_bench(CLI::App& program, int& status) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = program.add_subcommand(
      "bench", "Measure the ring itself beside its peers and the machine's limits");
  command->footer(
      "Points: throughput (one writer process, one owner), round-trip (there and back: polling, "
      "spinning then sleeping, sleeping), fan-in (many writers of 64 bytes each, one owner; 3 "
      "times the duration), idle (64 writers and an owner that sleep; 20 times), lock (the lab's "
      "orders, by messages and behind a mutex; 5 times).\n"
      "Every contestant is run once at every point, then all once more in the opposite order, "
      "--repetitions times, each in processes of its own, the owner on one processor and the "
      "writers on the others. Before each run one cache line is bounced between the two: on a "
      "virtual machine they drift apart. Ratios are of two runs of one repetition, before which it "
      "took about as long; if that leaves fewer than three, of all. Every message is checked. A "
      "peer that is not installed is named as skipped.\n"
      "Ctrl-C or SIGTERM ends it at once, with no result, and leaves nothing behind.\n"
      "Exit status: 0 all of cortado was measured, whether or not a goal was reached; 1 it failed "
      "somewhere, or a message was wrong; 64 usage, 73 cannot create, 77 permission, 128 and the "
      "signal's number if one ended it.\n\n"
      "Examples:\n"
      "  cortado bench\n"
      "  cortado bench --points throughput --size 16,64 --peers none\n"
      "  cortado bench --points fan-in --writers 4,8 --peers ring-per-writer,pipe --json -");
  add_options(*command, *options);
  command->callback([options, &status] { status = run_bench(*options); });
}

}  // namespace cortado::tools
