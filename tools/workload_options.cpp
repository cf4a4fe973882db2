#include "workload_options.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "command.hpp"
#include "lab/escape.hpp"
#include "lab/wording.hpp"
#include "modes/mode.hpp"
#include "order_input.hpp"

namespace cortado::tools {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kDefaultTimeMs = 1000;
constexpr std::uint64_t kMostOrders = 1'000'000'000'000;

Refused too_few_orders(std::uint64_t writers, std::uint64_t orders) {
  return {kUsage, "cannot run " + lab::counted(writers, "writer") + " with " +
                      lab::counted(orders, "order") +
                      ": each needs one at least; give fewer --writers, or more orders"};
}

std::uint32_t longest(const std::vector<std::string>& orders) {
  std::size_t most = 0;
  for (const std::string& order : orders) most = std::max(most, order.size());
  return static_cast<std::uint32_t>(most);
}

}  // namespace

void add_workload_options(CLI::App& command, WorkloadOptions& options) {
  command.add_option("--orders", options.orders, "Orders, of all writers together")
      ->check(CLI::Range(std::uint64_t{1}, kMostOrders))
      ->default_str("")
      ->type_name("K");
  command
      .add_option("--input", options.input,
                  "The lines of this file are the orders; - is standard input")
      ->type_name("FILE");
  command.add_option("--time", options.time_ms, "As many orders as go into this time")
      ->transform(duration(1))
      ->type_name("DURATION")
      ->default_str("");
  command.add_option("--payload", options.payload, "Bytes of each order that is made up")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{modes::Workload::kMostPayload}))
      ->type_name("BYTES");
  command
      .add_option("--letter-delay", options.letter_delay_ns,
                  "Write letter by letter, with this time after each")
      ->transform(duration_ns(0))
      ->type_name("DURATION")
      ->default_str("0ms");
  command.add_option("--seed", options.seed, "Of made-up orders and drawn turns")->type_name("S");
  command
      .add_option("--watchdog", options.watchdog_ms, "Ends a run in which nothing moves so long")
      ->transform(duration(100))
      ->type_name("DURATION")
      ->default_str("20s");
  command.add_option("--json", options.json, "For all figures, as JSON; - is standard output")
      ->type_name("FILE");
}

void check_workload(const WorkloadOptions& options, std::uint64_t writers) {
  if (options.orders != 0 && options.time_ms != 0) {
    throw Refused{kUsage, "cannot run for --time and for --orders; give one of them"};
  }
  if (options.orders != 0 && options.orders < writers) {
    throw too_few_orders(writers, options.orders);
  }
}

void check_watchdog(const WorkloadOptions& options, std::int64_t most_hold_ns) {
  if (std::max(most_hold_ns, options.letter_delay_ns) < options.watchdog_ms * 1'000'000) return;
  throw Refused{kUsage,
                "--hold and --letter-delay must be shorter than --watchdog, or every run seems to "
                "hang; give a longer --watchdog"};
}

lab::RunSpec spec_from(const WorkloadOptions& options, ListedOrders listed, std::uint64_t writers,
                       Interrupt& interrupt) {
  lab::RunSpec spec;
  spec.watchdog = milliseconds(options.watchdog_ms);
  spec.workload.seed = options.seed;
  spec.workload.payload = static_cast<std::uint32_t>(options.payload);
  spec.workload.capacity = spec.workload.payload;
  spec.workload.orders = options.orders;
  spec.workload.letter_delay_ns = static_cast<std::uint64_t>(options.letter_delay_ns);
  if (!options.input.empty()) {
    spec.listed = read_orders(options.input, interrupt);
    spec.workload.capacity = longest(spec.listed);
    const bool once = listed == ListedOrders::once && options.time_ms == 0;
    if (options.orders == 0 && once) spec.workload.orders = spec.listed.size();
  }
  if (spec.workload.orders == 0) {
    spec.duration = milliseconds(options.time_ms == 0 ? kDefaultTimeMs : options.time_ms);
  } else if (spec.workload.orders < writers) {
    throw too_few_orders(writers, spec.workload.orders);
  }
  return spec;
}

nlohmann::ordered_json options_json(const WorkloadOptions& options, const lab::RunSpec& spec) {
  nlohmann::ordered_json json{{"orders", spec.workload.orders},
                              {"time_ns", spec.duration.count()},
                              {"payload", options.payload},
                              {"buffer", spec.workload.capacity},
                              {"letter_delay_ns", options.letter_delay_ns},
                              {"watchdog_ns", spec.watchdog.count()},
                              {"repeat", options.repeat}};
  json["input"] = options.input.empty() ? nlohmann::ordered_json(nullptr)
                                        : nlohmann::ordered_json(lab::escaped(options.input));
  return json;
}

std::uint32_t mode_named(const std::string& name) {
  const auto modes = modes::known_modes();
  for (std::uint32_t i = 0; i < modes.size(); ++i) {
    if (modes[i]->name == name) return i;
  }
  throw Refused{kUsage, (name.empty() ? "cannot run without a mode" : "there is no mode " + name) +
                            "; name one of " + mode_names()};
}

std::string mode_names() {
  std::string names;
  for (const modes::Mode* mode : modes::known_modes()) {
    if (!names.empty()) names += ", ";
    names += mode->name;
  }
  return names;
}

std::string modes_help() {
  return "A mode is where the writers are, and how they share the buffer that all orders change:\n"
         "  thread-race, process-race    all write into it at any time: orders get torn and lost\n"
         "  thread-mutex, process-mutex  whoever writes holds a lock\n"
         "  thread-ring, process-ring    one owner writes, the others send it messages\n"
         "To hold them against:\n"
         "  thread-alone                 one thread writes all orders: the most one can do\n"
         "  process-robust-mutex         a POSIX mutex that outlives who dies with it\n"
         "  process-message-queue        Boost's message_queue to an owner: one for all\n"
         "  process-pipe                 a pipe from each writer to an owner\n"
         "In a thread mode the writers are threads of one process; in a process mode each is a "
         "process of its own. All modes do the same work on the same orders; all but the races are "
         "safe.\n";
}

void require(const StopSignals& signals) {
  if (signals) return;
  throw Refused{kCannotCreate, std::string("cannot watch for signals: ") + std::strerror(errno) +
                                   "; raise `ulimit -n`"};
}

Refused stopped_by(int signal) {
  constexpr int kSignalled = 128;  // what a shell reports, too
  return {kSignalled + signal, std::string("stopped by a signal (") + ::strsignal(signal) +
                                   "); there is no result, run it again"};
}

Refused why_not_run(const Error& error, Interrupt& interrupt) {
  if (const int signal = interrupt.number(); signal != 0) return stopped_by(signal);
  return {exit_code_for(error.code), error.text};
}

void finish(Interrupt& interrupt) {
  if (const int signal = interrupt.number(); signal != 0) throw stopped_by(signal);
  Interrupt::let_through();
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw Refused{kFailed, std::string("cannot write to standard output: ") + std::strerror(errno) +
                             "; the figures are lost, run it again"};
}

}  // namespace cortado::tools
