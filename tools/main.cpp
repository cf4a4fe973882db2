// cortado COMMAND: one file per command, see command.hpp.
#include <algorithm>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "command.hpp"

#ifndef CORTADO_VERSION
#define CORTADO_VERSION "0.1.0"
#endif

namespace {

using namespace cortado::tools;

/// Those that are closed stay unusable, but nothing that is opened later takes their numbers: an
/// owner without a standard output would print into a socket.
void occupy_standard_files() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) < 0) {
      ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

/// What is wrong with the command line. CLI11 complains about what is missing first, but what is
/// there and unknown, often a slip of the pen, explains more.
std::string what_is_wrong(const CLI::App& program, bool has_command, const CLI::ParseError& error) {
  const bool is_missing = error.get_name() == "RequiredError";
  const std::vector<std::string> unknown = program.remaining(true);
  // Not by its name: that of an ExtrasError is the command's.
  const bool is_extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (!unknown.empty() && (is_missing || is_extra)) {
    const auto option = std::find_if(unknown.begin(), unknown.end(),
                                     [](const std::string& word) { return word[0] == '-'; });
    if (option != unknown.end()) return "unknown option " + *option;
    return has_command ? "one argument too many: " + unknown[0] : "unknown command " + unknown[0];
  }
  if (is_missing) return has_command ? "NAME is missing" : "no command is given";
  return error.what();
}

/// Help and version go to standard output, which may be full or closed.
int show(const CLI::App& program, const CLI::Success& asked) {
  program.exit(asked);
  std::cout.flush();
  if (std::cout.good()) return kOk;
  return complain("cortado", kFailed, "cannot write to standard output: it is full or closed");
}

int run(int argc, char** argv) {
  CLI::App program{"One owner holds the state, many writer processes send it messages."};
  program.name("cortado");
  program.require_subcommand(1);
  program.set_version_flag("--version", "cortado " CORTADO_VERSION);
  program.option_defaults()->always_capture_default();
  program.fallthrough();

  std::string level = "info";
  program.add_option("--log-level", level, "What is logged on standard error")
      ->type_name("LEVEL")
      ->envname("CORTADO_LOG")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  program.parse_complete_callback([&level] { spdlog::set_level(spdlog::level::from_str(level)); });

  int status = kOk;
  add_demo(program, status);
  add_owner(program, status);
  add_write(program, status);
  add_launch(program, status);
  add_run(program, status);
  add_compare(program, status);
  add_bench(program, status);
  add_verdict(program, status);
  add_faults(program, status);
  add_report(program, status);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return show(program, help_or_version);
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    const std::string command = chosen.empty() ? "cortado" : "cortado " + chosen[0]->get_name();
    return complain(
        command, kUsage,
        what_is_wrong(program, !chosen.empty(), error) + "; see " + command + " --help");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_files();
  spdlog::set_default_logger(spdlog::stderr_color_mt("cortado"));
  spdlog::set_pattern("%H:%M:%S.%e %^%l%$ %v");
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    return complain("cortado", kCannotCreate, "no memory is left; give this process more");
  } catch (const std::exception& error) {
    return complain("cortado", kFailed, error.what());
  }
}
