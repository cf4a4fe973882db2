// What the commands of the program share: exit statuses, and how each registers itself.
#pragma once

#include <cortado/result.hpp>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <system_error>

#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "lines.hpp"

namespace cortado::tools {

/// Exit statuses, as in <sysexits.h>, as far as there is one.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;        ///< it ran, and what was expected did not hold
inline constexpr int kUsage = 64;        ///< the command line
inline constexpr int kBadInput = 65;     ///< input cannot be read, or is not what it should be
inline constexpr int kUnavailable = 69;  ///< the owner, or a program, is not there
inline constexpr int kCannotCreate = 73;
inline constexpr int kTryAgain = 75;
inline constexpr int kPermission = 77;

constexpr int exit_code_for(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::too_large:
      return kUsage;
    case Errc::version_mismatch:
    case Errc::schema_mismatch:
    case Errc::malformed:
      return kBadInput;
    case Errc::no_owner:
    case Errc::unsupported:
    case Errc::system:
      return kUnavailable;
    case Errc::name_taken:
    case Errc::name_in_use:
    case Errc::descriptors:
    case Errc::no_memory:
    case Errc::no_space:
      return kCannotCreate;
    case Errc::too_many_writers:
    case Errc::quota:
    case Errc::try_again:
    case Errc::timed_out:
    case Errc::closing:
      return kTryAgain;
    case Errc::permission:
      return kPermission;
    case Errc::unknown:
    case Errc::unanswered:
    case Errc::quarantined:
    case Errc::forked:
      return kFailed;
  }
  return kFailed;
}

/// Exit status for a file that cannot be opened or made, with that errno.
constexpr int exit_code_for_open(int error) noexcept {
  return error == EACCES || error == EPERM ? kPermission : kCannotCreate;
}

/// One line on standard error, whatever is in `text`. Returns `status`.
inline int complain(const std::string& command, int status, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", command.c_str(), printable(text).c_str());
  return status;
}

/// To the hard limit: an owner has three descriptors a writer, a launcher four. Children inherit
/// it.
inline void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// For options that are a time: a number with one of these units, which count so many of the
/// option's own. At most ten years, so that a point in time made from it does not overflow.
struct DurationUnits {
  std::map<std::string, double> counts;
  std::string own;  ///< the one that counts 1
  const char* names;
  const char* example;
};

inline CLI::Validator duration_in(const DurationUnits& units, std::int64_t least) {
  const auto to_count = [units, least](std::string& text) -> std::string {
    const double most = 10.0 * 365 * 24 * units.counts.at("h");
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    const auto unit = units.counts.find(std::string(rest, end));
    if (error == std::errc::invalid_argument || unit == units.counts.end()) {
      return "'" + text + "' is no duration; give a number with " + units.names + ", such as " +
             units.example;
    }
    const double count = value * unit->second;
    // Out of its range, or not a number, is not between either.
    if (error != std::errc{} || !(count >= static_cast<double>(least) && count <= most)) {
      return text + " is no possible duration; give " + std::to_string(least) + units.own +
             " to 87600h";
    }
    text = std::to_string(static_cast<std::int64_t>(count));
    return {};
  };
  return {to_count, ""};
}

/// For an option in milliseconds: "500ms", "1.5s", "2m", "1h".
inline CLI::Validator duration(std::int64_t least_ms) {
  static const DurationUnits kUnits{
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}, "ms", "ms, s, m or h", "10s"};
  return duration_in(kUnits, least_ms);
}

/// For an option in nanoseconds: also "250ns", "1.5us".
inline CLI::Validator duration_ns(std::int64_t least_ns) {
  static const DurationUnits kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}},
      "ns",
      "ns, us, ms, s, m or h",
      "500ns"};
  return duration_in(kUnits, least_ns);
}

/// Each adds its subcommand; when it is chosen, it runs and leaves its exit status in `status`.
void add_bench(CLI::App& program, int& status);
void add_compare(CLI::App& program, int& status);
void add_demo(CLI::App& program, int& status);
void add_faults(CLI::App& program, int& status);
void add_launch(CLI::App& program, int& status);
void add_owner(CLI::App& program, int& status);
void add_report(CLI::App& program, int& status);
void add_run(CLI::App& program, int& status);
void add_verdict(CLI::App& program, int& status);
void add_write(CLI::App& program, int& status);

}  // namespace cortado::tools
