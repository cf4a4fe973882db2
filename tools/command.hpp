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

/// For an option in milliseconds: "500ms", "1.5s", "2m", "1h". At most ten years, so that a point
/// in time made from it does not overflow.
inline CLI::Validator duration(std::int64_t least_ms) {
  constexpr double kMostMs = 10.0 * 365 * 24 * 3'600'000;
  const auto to_ms = [least_ms](std::string& text) -> std::string {
    static const std::map<std::string, double> kUnits{
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    const auto unit = kUnits.find(std::string(rest, end));
    if (error == std::errc::invalid_argument || unit == kUnits.end()) {
      return "'" + text + "' is no duration; give a number with ms, s, m or h, such as 10s";
    }
    const double ms = value * unit->second;
    // Out of its range, or not a number, is not between either.
    if (error != std::errc{} || !(ms >= static_cast<double>(least_ms) && ms <= kMostMs)) {
      return text + " is no possible duration; give " + std::to_string(least_ms) + "ms to 87600h";
    }
    text = std::to_string(static_cast<std::int64_t>(ms));
    return {};
  };
  return {to_ms, ""};
}

/// Each adds its subcommand; when it is chosen, it runs and leaves its exit status in `status`.
void add_launch(CLI::App& program, int& status);
void add_owner(CLI::App& program, int& status);
void add_write(CLI::App& program, int& status);

}  // namespace cortado::tools
