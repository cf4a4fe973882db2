// cortado demo: four writers spell their orders into one buffer, in every mode.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include "command.hpp"
#include "interrupt.hpp"
#include "json_output.hpp"
#include "lab/escape.hpp"
#include "lab/json.hpp"
#include "lab/machine.hpp"
#include "lab/run.hpp"
#include "progress.hpp"
#include "signals.hpp"
#include "story.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado demo";

/// Its garbled cup has letters of all four.
constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kMostCapacity = 256;
constexpr std::uint32_t kMostRuns = 100'000;

struct Options {
  std::vector<std::string> orders{"Choca", "Mocha with Milk", "Banana Shake", "Tea no sugar"};
  std::vector<std::string> modes;
  std::uint64_t seed = kSeed;
  std::int64_t letter_delay_ms = 10;
  std::uint32_t capacity = 16;
  std::uint32_t live = 0;  ///< runs of each mode; 0: the seed decides whose turn it is
  std::string json;
};

/// As the story goes: from what goes wrong to what cannot, threads before processes.
constexpr std::array<const char*, 6> kInOrder{"thread-race",   "process-race", "thread-mutex",
                                              "process-mutex", "thread-ring",  "process-ring"};

bool wants_colour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

/// The runs of one mode: the one to tell about, and how many came out how.
struct Told {
  lab::RunResult result;
  Tally tally;
  bool is_as_told = true;  ///< all of them
};

/// All of it: what is told as soon as it is known, and the figures in the end.
class Demo {
 public:
  Demo(const Options& options, const StopSignals& signals)
      : options_(options),
        interrupt_(signals),
        cast_{options.orders, options.capacity},
        story_(cast_, wants_colour()),
        drawn_(drawn_cup(cast_, options.seed)),
        json_(options.json),
        progress_("runs", true) {
    for (const std::string name : kInOrder) {
      const auto& wanted = options.modes;
      const bool is_wanted =
          wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
      if (is_wanted) modes_.push_back(mode_named(name));
    }
  }

  /// Throws Refused.
  void run() {
    const bool is_live = options_.live != 0;
    tell(story_.beginning(std::to_string(options_.letter_delay_ms) + " ms",
                          is_live ? std::nullopt : std::optional(options_.seed)));
    std::vector<lab::RunResult> results;
    std::string wrong;
    for (const std::uint32_t mode : modes_) {
      Told told = play(mode);
      tell(story_.of_run(told.result, is_live ? std::optional(told.tally) : std::nullopt));
      if (!told.is_as_told) {
        wrong += (wrong.empty() ? "" : ", ") + std::string(told.result.mode->name);
      }
      results.push_back(std::move(told.result));
    }
    if (results.size() > 1) tell(story_.cups(results));
    tell(story_.question());
    progress_.clear();
    if (json_.wanted()) json_.write(figures());
    if (wrong.empty()) return;
    throw Refused{kFailed, "not every mode left what it should: " + wrong +
                               "; its cup and its ledger tell what it left"};
  }

 private:
  /// All runs of a mode.
  Told play(std::uint32_t mode) {
    Told told;
    for (std::uint32_t i = 0; i < std::max(options_.live, 1U); ++i) {
      auto result = lab::run(spec_of(mode));
      if (!result) {
        progress_.clear();
        throw why_not_run(result.error(), interrupt_);
      }
      ++runs_done_;
      take(told, std::move(*result));
    }
    return told;
  }

  /// The first that went wrong, or else the first garbled one, or the first, is told about.
  void take(Told& told, lab::RunResult result) {
    const bool is_garbled = cup_of(result, cast_).kind == Cup::Kind::garbled;
    const bool as_told = is_as_told(result, cast_, options_.live == 0 ? &drawn_ : nullptr);
    if (json_.wanted()) runs_.push_back(run_json(result, as_told));
    const bool is_news = !as_told || (is_garbled && told.tally.garbled == 0);
    if (told.tally.runs == 0 || (told.is_as_told && is_news)) told.result = std::move(result);
    told.is_as_told = told.is_as_told && as_told;
    ++told.tally.runs;
    told.tally.garbled += is_garbled ? 1 : 0;
  }

  lab::RunSpec spec_of(std::uint32_t mode) {
    lab::RunSpec spec;
    const std::chrono::nanoseconds delay = std::chrono::milliseconds(options_.letter_delay_ms);
    spec.workload.mode = mode;
    spec.workload.writers = static_cast<std::uint32_t>(cast_.orders.size());
    spec.workload.orders = cast_.orders.size();
    spec.workload.capacity = cast_.capacity;
    spec.workload.letter_delay_ns = static_cast<std::uint64_t>(delay.count());
    spec.workload.seed = options_.seed;
    spec.workload.takes_turns = options_.live == 0 ? 1 : 0;
    spec.listed = cast_.orders;
    spec.with_intruder = mode == mode_named("process-ring");
    spec.go_on = [this] { return go_on(); };
    return spec;
  }

  bool go_on() {
    const std::size_t runs = std::max(options_.live, 1U);
    const std::size_t all = modes_.size() * runs;
    std::string standing(modes::all_modes()[modes_[runs_done_ / runs]]->name);
    if (runs > 1)
      standing += ", run " + std::to_string(runs_done_ % runs + 1) + " of " + std::to_string(runs);
    progress_.show(standing, static_cast<double>(runs_done_) / static_cast<double>(all));
    return interrupt_.number() == 0;
  }

  lab::Json run_json(const lab::RunResult& result, bool as_told) const {
    lab::Json json = lab::to_json(result);
    const Cup cup = cup_of(result, cast_);
    std::string by;
    std::string over;
    for (const Cell& cell : cells_of(result)) {
      by += cell.initial_by();
      over += cell.initial_over();
    }
    json["story"] = {{"as_told", as_told},
                     {"garbled", cup.kind == Cup::Kind::garbled},
                     {"whole", cup.kind == Cup::Kind::whole ? lab::Json(Cast::name(cup.writer))
                                                            : lab::Json(nullptr)},
                     {"cup", lab::escaped(result.cup)},
                     {"by", by},
                     {"over", over}};
    json["intruder"] = result.intruder_pid == 0 ? lab::Json(nullptr)
                                                : lab::Json{{"pid", result.intruder_pid},
                                                            {"found", result.intruder_found},
                                                            {"signal", result.intruder_signal}};
    return json;
  }

  lab::Json figures() const {
    lab::Json orders = lab::Json::array();
    for (const std::string& order : options_.orders) orders.push_back(lab::escaped(order));
    const lab::Json options{{"orders", orders},
                            {"buffer", options_.capacity},
                            {"letter_delay_ns", options_.letter_delay_ms * 1'000'000},
                            {"live", options_.live}};
    return {{"schema", "cortado-demo-1"},
            {"context", lab::context_json(lab::this_machine(), options_.seed, options)},
            {"runs", runs_}};
  }

  /// Writes it out at once. Throws Refused.
  void tell(std::string_view text) {
    if (json_.takes_standard_output()) return;
    progress_.clear();
    while (!text.empty()) {
      std::array<pollfd, 2> ready{{{STDOUT_FILENO, POLLOUT, 0}, {interrupt_.fd(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), -1);
      if (const int signal = interrupt_.number(); signal != 0) throw stopped_by(signal);
      if (ready[0].revents == 0) continue;
      // What is ready takes this much at once, so a signal never waits for it.
      const std::size_t piece = std::min<std::size_t>(text.size(), PIPE_BUF);
      const ssize_t written = ::write(STDOUT_FILENO, text.data(), piece);
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno != EINTR && errno != EAGAIN) {
        throw Refused{kFailed, std::string("cannot write to standard output: ") +
                                   std::strerror(errno) + "; it is full or closed"};
      }
    }
  }

  const Options& options_;
  Interrupt interrupt_;
  Cast cast_;
  Story story_;
  std::string drawn_;  ///< what a seeded race leaves
  JsonOutput json_;
  Progress progress_;
  std::vector<std::uint32_t> modes_;  ///< to tell about, in that order
  std::size_t runs_done_ = 0;         ///< of all modes
  lab::Json runs_ = lab::Json::array();
};

int run_demo(const Options& options) {
  if (options.orders.size() > Cast::kMost) {
    return complain(kCommand, kUsage,
                    std::to_string(options.orders.size()) + " orders are too many; give at most " +
                        std::to_string(Cast::kMost) + ", one for each initial");
  }
  try {
    for (const std::string& mode : options.modes) mode_named(mode);
    StopSignals signals;
    require(signals);
    raise_descriptor_limit();
    Demo(options, signals).run();
    return kOk;
  } catch (const Refused& refused) {
    return complain(kCommand, refused.status, refused.text);
  }
}

/// CLI11 would take -1 for a very large number.
std::string is_no_negative(const std::string& number) {
  return number.starts_with('-') ? number + " is below 0; give a whole number from 0" : "";
}

void add_options(CLI::App& demo, Options& options) {
  demo.add_option("--modes", options.modes, "Which modes, separated by commas [all six]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str("")
      ->type_name("MODE");
  // As they are given: nothing that is in an order has a meaning to the command line.
  const auto take_orders = [&options](const CLI::results_t& given) {
    options.orders = given;
    return true;
  };
  demo.add_option("--order", take_orders,
                  "Spelled by one writer; again for each further one [the four of the story]")
      ->type_size(1)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->type_name("TEXT");
  demo.add_option("--buffer", options.capacity, "Letters that the buffer has room for")
      ->check(CLI::Range(std::uint32_t{1}, kMostCapacity))
      ->type_name("BYTES");
  demo.add_option("--letter-delay", options.letter_delay_ms, "Between two letters of a writer")
      ->transform(duration(1))
      ->type_name("DURATION")
      ->default_str("10ms");
  CLI::Option* seed = demo.add_option("--seed", options.seed, "Of the interleaving in the races")
                          ->check(is_no_negative)
                          ->type_name("S");
  demo.add_option("--live", options.live,
                  "Leave the interleaving to the scheduler, in so many runs of each mode")
      ->check(CLI::Range(std::uint32_t{1}, kMostRuns))
      ->default_str("")
      ->type_name("N")
      ->excludes(seed);
  demo.add_option("--json", options.json,
                  "For all runs with their figures, as JSON; - is standard output, instead of the "
                  "story")
      ->type_name("FILE");
}

}  // namespace

void add_demo(CLI::App& program, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* demo =
      program.add_subcommand("demo", "Tell the story: four writers, one buffer, six modes");
  demo->footer(
      "Four writers spell a coffee order each into one buffer, letter by letter: as threads and as "
      "processes, each as they please, behind a lock, and by messages to an owner. For each of "
      "these it shows the cup that comes out, who wrote which letter over whom, where the buffer "
      "was, and how the orders are accounted for. The same seed garbles the races in the same way, "
      "every time.\n"
      "Modes: " +
      mode_names() +
      ".\n"
      "A letter is a byte. An order that is longer than the buffer is rejected before its first "
      "letter. A byte that is no printable letter is shown as \\xNN. An order that begins with - "
      "is given as --order=TEXT. Colours: on a terminal, unless NO_COLOR is set.\n"
      "Ctrl-C or SIGTERM: ends at once and leaves nothing behind, with 128 + the signal's number.\n"
      "Exit status: 0 as told: each seeded race left what its seed draws, each other mode one "
      "whole order and a ledger that balances; 1 it did not, or nobody takes the output; 64 usage; "
      "69 a program of cortado is not there or cannot start; 73 no descriptor or memory is left; "
      "75 try again; 77 permission.\n\n"
      "Examples:\n"
      "  cortado demo\n"
      "  cortado demo --modes thread-race,process-ring --seed 7\n"
      "  cortado demo --buffer 8\n"
      "  cortado demo --live 20 --letter-delay 1ms\n"
      "  cortado demo --order 'Flat White' --order Cortado");
  add_options(*demo, *options);
  demo->callback([options, &status] { status = run_demo(*options); });
}

}  // namespace cortado::tools
