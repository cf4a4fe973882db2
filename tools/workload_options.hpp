// The options of the commands that run a workload, and the run that they ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "interrupt.hpp"
#include "lab/json.hpp"
#include "lab/run.hpp"

namespace cortado::tools {

/// Why a command does not go on, in one line that says what to do; see complain.
struct Refused {
  int status;
  std::string text;
};

struct WorkloadOptions {
  std::uint64_t orders = 0;  ///< 0: not given
  std::string input;         ///< empty: made-up orders
  std::int64_t time_ms = 0;  ///< 0: not given
  std::uint64_t payload = 16;
  std::int64_t letter_delay_ns = 0;
  std::uint64_t seed = 1;
  std::int64_t watchdog_ms = 20'000;
  std::uint32_t repeat = 1;
  std::string json;
};

/// Adds them, but for --repeat and --writers, which each command explains its own way.
void add_workload_options(CLI::App& command, WorkloadOptions& options);

/// What the options say together, before anything is read: throws Refused for what cannot be.
/// writers: the most that any run has.
void check_workload(const WorkloadOptions& options, std::uint64_t writers);

/// Throws Refused if a single order with that much work seems to hang.
void check_watchdog(const WorkloadOptions& options, std::int64_t most_hold_ns);

/// When neither a number of orders nor a time is given.
enum class ListedOrders : std::uint8_t { once, repeated };

/// Everything but mode, writers, hold, sampling and what only one command has. Reads --input, which
/// may block until a signal comes. Throws Refused.
lab::RunSpec spec_from(const WorkloadOptions& options, ListedOrders listed, std::uint64_t writers,
                       Interrupt& interrupt);

/// As they were taken, for the figures.
nlohmann::ordered_json options_json(const WorkloadOptions& options, const lab::RunSpec& spec);

/// As Workload::mode; throws Refused, which names those there are.
std::uint32_t mode_named(const std::string& name);
/// "thread-race, thread-mutex, ..."
std::string mode_names();

/// For the footer of a command's help: what each mode is.
std::string modes_help();

/// Watches for signals, or throws Refused.
void require(const StopSignals& signals);
/// What to throw when a run was stopped by that signal.
Refused stopped_by(int signal);
/// What to throw when a run could not be made: by a signal, or as the error tells.
Refused why_not_run(const Error& error, Interrupt& interrupt);

/// Once the figures are there: a signal that came meanwhile counts, a later one ends the program.
void finish(Interrupt& interrupt);

/// For standard output, all at once; throws Refused when it is full or closed.
void print(const std::string& text);

}  // namespace cortado::tools
