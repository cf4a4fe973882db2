// cortado launch: an owner and its writers as a supervised group.
#include <cortado/group.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include "command.hpp"
#include "group_events.hpp"
#include "lines.hpp"
#include "signals.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado launch";
constexpr const char* kNever = "never";
constexpr const char* kOnFailure = "on-failure";

struct LaunchOptions {
  std::string name;
  std::string directory;
  std::string owner_command;
  std::vector<std::string> writer_commands;
  std::vector<std::string> inputs;
  std::uint32_t writers = 1;
  std::string output;
  std::string restart = kNever;
  std::uint32_t max_restarts = 3;
  std::int64_t within_ms = 60'000;
  std::int64_t grace_ms = 10'000;
  bool keep_owner = false;
  std::string events;
};

/// A mistake in the command line, found after parsing.
struct UsageError {
  std::string text;
};

std::string replace_all(std::string text, std::string_view what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string this_program() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

/// {n}, {name} and {self} are replaced after the words are split, so they never become two words.
std::vector<std::string> command_line(const std::string& command, const LaunchOptions& options,
                                      std::size_t number) {
  auto split = split_words(command);
  if (!split) {
    throw UsageError{"cannot split the command " + command +
                     " into words: a quote is not closed; close it, or put a backslash before it"};
  }
  if (split->empty()) throw UsageError{"cannot launch an empty command; name a program"};
  std::vector<std::string> words = std::move(*split);
  for (std::string& word : words) {
    word = replace_all(std::move(word), "{n}", std::to_string(number));
    word = replace_all(std::move(word), "{name}", options.name);
    word = replace_all(std::move(word), "{self}", this_program());
  }
  return words;
}

std::vector<std::string> built_in(const char* role, const LaunchOptions& options) {
  std::vector<std::string> words{this_program(), role, options.name};
  if (!options.directory.empty()) words.insert(words.end(), {"--directory", options.directory});
  return words;
}

/// The file's name, made unique, and short enough for a writer's name.
std::string label_for(const std::string& input, std::set<std::string>& taken) {
  std::string base =
      input == "-" ? "stdin"
                   : printable(std::filesystem::path(input).filename().string().substr(0, 50));
  std::string label = base;
  for (int next = 2; !taken.insert(label).second; ++next) {
    label = base + "-" + std::to_string(next);
  }
  return label;
}

std::vector<Program> make_writers(const LaunchOptions& options) {
  std::vector<Program> writers;
  std::set<std::string> labels{"owner"};
  for (const std::string& input : options.inputs) {
    if (input == "-" && (options.writers > 1 || ::isatty(STDIN_FILENO) == 1)) {
      throw UsageError{
          "cannot read standard input for a writer: --input - needs a pipe or a file, and one "
          "writer; redirect the input"};
    }
    for (std::uint32_t copy = 0; copy < options.writers; ++copy) {
      Program writer;
      writer.label = label_for(input, labels);
      writer.argv = built_in("write", options);
      writer.argv.insert(writer.argv.end(), {"--as", writer.label});
      if (input == "-") {
        writer.stdin_path = "-";
      } else {
        writer.argv.insert(writer.argv.end(), {"--input", input});
      }
      writers.push_back(std::move(writer));
    }
  }
  for (const std::string& command : options.writer_commands) {
    for (std::uint32_t copy = 0; copy < options.writers; ++copy) {
      Program writer;
      writer.label = label_for("writer-" + std::to_string(writers.size() + 1), labels);
      writer.argv = command_line(command, options, writers.size() + 1);
      writers.push_back(std::move(writer));
    }
  }
  if (writers.empty())
    throw UsageError{"cannot launch '" + options.name +
                     "': no writer is named; give --input or --writer"};
  return writers;
}

GroupOptions make_group(const LaunchOptions& options) {
  GroupOptions group;
  group.name = options.name;
  group.directory = options.directory;
  group.owner.argv = options.owner_command.empty()
                         ? built_in("owner", options)
                         : command_line(options.owner_command, options, 0);
  group.owner.stdout_path = options.output;
  group.writers = make_writers(options);
  group.restart_owner.policy =
      options.restart == kOnFailure ? Restart::Policy::on_failure : Restart::Policy::never;
  group.restart_owner.max_restarts = options.max_restarts;
  group.restart_owner.within = std::chrono::milliseconds(options.within_ms);
  group.restart_writers = group.restart_owner;
  group.keep_owner = options.keep_owner;
  group.writers_grace = group.owner_grace = std::chrono::milliseconds(options.grace_ms);
  return group;
}

int supervise(Group& group, StopSignals& signals, EventLog& log, const LaunchOptions& options) {
  Failures failures;
  const auto report = [&] {
    while (auto event = group.next_event()) {
      failures.add(*event);
      log_event(*event, options.restart != kNever);
      log.write(*event);
    }
  };
  report();
  for (bool running = true; running;) {
    std::array<pollfd, 2> ready{{{signals.fd(), POLLIN, 0}, {group.fd(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), -1);
    const int asked = signals.count();
    if (asked == 1) group.stop();
    if (asked > 1) group.kill();
    running = group.poll();
    report();
  }
  if (group.exit_status() == 0) return kOk;
  const bool killed = signals.count() > 1;
  return complain(
      kCommand, kFailed,
      (killed ? "cannot stop '" + options.name + "' in order: killed by a second signal: "
              : "cannot bring '" + options.name + "' to its end: ") +
          failures.text() + "; its own lines above say why");
}

int cannot_write(const std::string& what, const std::string& path, int why) {
  return complain(kCommand, exit_code_for_open(why),
                  "cannot write " + what + " to " + path + ": " + std::strerror(why) +
                      "; check the path and who may write there");
}

int run_launch(const LaunchOptions& options) {
  GroupOptions group_options;
  try {
    group_options = make_group(options);
  } catch (const UsageError& error) {
    return complain(kCommand, kUsage, error.text);
  }
  if (options.events == "-" && options.output.empty()) {
    return complain(kCommand, kUsage,
                    "--events - needs --output FILE: both would go to standard output");
  }
  for (const std::string& input : options.inputs) {
    const int why = input == "-" ? 0 : why_unreadable(input);
    if (why == 0) continue;
    return complain(kCommand, kBadInput,
                    "cannot read " + input + ": " + std::strerror(why) + "; name a readable file");
  }
  if (!options.output.empty() && options.output != "-") {
    if (const int why = why_unwritable(options.output); why != 0) {
      return cannot_write("messages", options.output, why);
    }
  }
  EventLog log;
  if (!log.open(options.events)) return cannot_write("events", options.events, errno);
  raise_descriptor_limit();
  StopSignals signals;
  if (!signals) {
    return complain(
        kCommand, kCannotCreate,
        std::string("cannot watch for signals: ") + std::strerror(errno) + "; raise `ulimit -n`");
  }
  auto group = Group::start(std::move(group_options));
  if (!group) return complain(kCommand, exit_code_for(group.error().code), group.error().text);
  return supervise(*group, signals, log, options);
}

}  // namespace

void add_launch(CLI::App& program, int& status) {
  auto options = std::make_shared<LaunchOptions>();
  CLI::App* launch = program.add_subcommand(
      "launch", "Launch an owner and its writers as a group, and look after it");
  launch->footer(
      "A COMMAND is split into words like a shell's, without expansion; {name} is NAME, {n} the "
      "writer's number, {self} this program.\n"
      "Ctrl-C stops in order (writers drain, then the owner; exit status 0), a second one kills.\n"
      "Exit status: 0 all ended as expected, 1 a program failed, 64 usage, 65 unreadable input, "
      "69 a program is not there, 73 the name is taken or nothing can be created, 77 "
      "permission.\n\n"
      "Examples:\n"
      "  cortado launch orders --input a.txt --input b.txt --output all.txt\n"
      "  cortado launch orders --owner './till {name}' --writer './barista {name} {n}' "
      "--writers 4 --restart on-failure");
  launch->add_option("NAME,--name", options->name, "Name of the owner")->type_name("")->required();
  launch
      ->add_option("--directory", options->directory,
                   "Where they meet [$XDG_RUNTIME_DIR/cortado, else /tmp/cortado-UID]")
      ->type_name("DIR");
  launch->add_option("--owner", options->owner_command, "Owner to run [{self} owner {name}]")
      ->type_name("COMMAND");
  launch->add_option("--writer", options->writer_commands, "Writer to run; may be repeated")
      ->type_name("COMMAND")
      ->expected(1)
      ->allow_extra_args(false)
      ->default_str("")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  launch
      ->add_option("--input", options->inputs,
                   "Lines for a built-in writer, - is standard input; may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->allow_extra_args(false)
      ->default_str("")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  launch->add_option("--writers", options->writers, "How many of each writer")
      ->check(CLI::Range(1, 65536))
      ->type_name("N");
  launch
      ->add_option("--output", options->output,
                   "For the owner's standard output; emptied first [standard output]")
      ->type_name("FILE");
  launch->add_option("--restart", options->restart, "What to do about a program that failed")
      ->type_name("WHEN")
      ->check(CLI::IsMember({kNever, kOnFailure}));
  launch->add_option("--max-restarts", options->max_restarts, "Restarts of one program ...")
      ->type_name("N");
  launch->add_option("--within", options->within_ms, "... in this time")
      ->transform(duration(1))
      ->type_name("DURATION")
      ->default_str("60s");
  launch->add_option("--grace", options->grace_ms, "From SIGTERM to SIGKILL")
      ->transform(duration(0))
      ->type_name("DURATION")
      ->default_str("10s");
  launch->add_flag("--keep-owner", options->keep_owner,
                   "Let the owner run on when all writers have ended");
  launch
      ->add_option("--events", options->events,
                   "For JSON events, a line each; emptied first; - is stdout")
      ->type_name("FILE");
  launch->callback([options, &status] { status = run_launch(*options); });
}

}  // namespace cortado::tools
