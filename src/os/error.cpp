#include "os/error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace cortado {

const char* to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::no_owner:
      return "no_owner";
    case Errc::name_taken:
      return "name_taken";
    case Errc::name_in_use:
      return "name_in_use";
    case Errc::too_many_writers:
      return "too_many_writers";
    case Errc::quota:
      return "quota";
    case Errc::version_mismatch:
      return "version_mismatch";
    case Errc::schema_mismatch:
      return "schema_mismatch";
    case Errc::permission:
      return "permission";
    case Errc::descriptors:
      return "descriptors";
    case Errc::no_space:
      return "no_space";
    case Errc::no_memory:
      return "no_memory";
    case Errc::try_again:
      return "try_again";
    case Errc::timed_out:
      return "timed_out";
    case Errc::unknown:
      return "unknown";
    case Errc::unanswered:
      return "unanswered";
    case Errc::too_large:
      return "too_large";
    case Errc::closing:
      return "closing";
    case Errc::quarantined:
      return "quarantined";
    case Errc::forked:
      return "forked";
    case Errc::malformed:
      return "malformed";
    case Errc::unsupported:
      return "unsupported";
    case Errc::system:
      return "system";
  }
  return "invalid code";
}

}  // namespace cortado

namespace cortado::os {
namespace {

struct Cause {
  Errc code;
  const char* remedy;
};

Cause cause_of(int errno_value) noexcept {
  switch (errno_value) {
    case EMFILE:
      return {Errc::descriptors, "raise `ulimit -n`"};
    case ENFILE:
      return {Errc::descriptors, "raise the sysctl fs.file-max"};
    case ENOMEM:
    case ENOSPC:
    case EFBIG:
      return {Errc::no_memory, "use less memory, or give this process more"};
    case EACCES:
    case EPERM:
      return {Errc::permission, "check who owns it and its mode"};
    case ENOSYS:
      return {Errc::unsupported, "use a newer kernel, or let the sandbox permit it"};
    default:
      return {Errc::system, nullptr};
  }
}

}  // namespace

Error system_error(int errno_value, std::string_view attempted, std::string_view on_what,
                   std::string_view what_to_do) {
  const Cause cause = cause_of(errno_value);
  if (what_to_do.empty() && cause.remedy != nullptr) what_to_do = cause.remedy;
  const char* description = ::strerrordesc_np(errno_value);
  const char* name = ::strerrorname_np(errno_value);
  std::string text = "cannot ";
  text.append(attempted).append(" ").append(on_what).append(": ");
  text.append(description != nullptr ? description : "unknown error").append(" (");
  text.append(name != nullptr ? std::string(name) : "errno " + std::to_string(errno_value));
  text.append(")");
  if (!what_to_do.empty()) text.append("; ").append(what_to_do);
  return {cause.code, std::move(text)};
}

std::string described(const std::string& path, const struct stat& status) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(status.st_mode & 07777));
  return path + " (owner " + std::to_string(status.st_uid) + ", mode " + mode + ")";
}

}  // namespace cortado::os
