#include "group_events.hpp"

#include <cerrno>
#include <cstring>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "lines.hpp"

namespace cortado::tools {
namespace {

using Kind = GroupEvent::Kind;
using Role = GroupEvent::Role;

nlohmann::ordered_json to_json(const GroupEvent& event) {
  nlohmann::ordered_json json{{"event", to_string(event.kind)},
                              {"at_ns", event.at.count()},
                              {"role", to_string(event.role)},
                              {"generation", event.generation}};
  if (!event.label.empty()) json["label"] = event.label;
  if (event.pid != 0) json["pid"] = event.pid;
  if (event.kind == Kind::ended && event.signal != 0) json["signal"] = event.signal;
  if (event.kind == Kind::ended && event.signal == 0) json["exit_status"] = event.exit_status;
  json["expected"] = event.expected;
  if (!event.text.empty()) json["text"] = event.text;
  return json;
}

/// As in "ended with exit status 1".
std::string what_happened(const GroupEvent& event) {
  switch (event.kind) {
    case Kind::ended:
      return event.signal != 0 ? std::string("was ended by SIG") + ::sigabbrev_np(event.signal)
                               : "ended with exit status " + std::to_string(event.exit_status);
    case Kind::restarted:
      return event.role == Role::owner
                 ? "runs again, as generation " + std::to_string(event.generation)
                 : "runs again";
    case Kind::gave_up:
      return "is given up";
    default:
      return to_string(event.kind);
  }
}

std::string who(const GroupEvent& event) {
  return std::string(to_string(event.role)) + " '" + event.label + "'";
}

}  // namespace

void log_event(const GroupEvent& event, bool restarts) {
  std::string line = event.label.empty() ? "group" : who(event);
  if (event.pid != 0) line += " (pid " + std::to_string(event.pid) + ")";
  line.append(" ").append(what_happened(event));
  if (!event.text.empty()) line += ": " + event.text;
  // What was not to be restarted is given up, and the last line of this program tells the rest.
  const bool told = event.kind == Kind::stopped || (event.kind == Kind::gave_up && !restarts);
  const bool warns = !event.expected && !told;
  spdlog::log(warns ? spdlog::level::warn : spdlog::level::info, "{}", printable(line));
}

bool EventLog::open(const std::string& path) {
  if (path.empty()) return true;
  if (path == "-") {
    file_ = stdout;
    return true;
  }
  file_ = std::fopen(path.c_str(), "we");
  owned_.reset(file_);
  return file_ != nullptr;
}

void EventLog::write(const GroupEvent& event) {
  if (file_ == nullptr) return;
  // Text from the system need not be UTF-8.
  const std::string line =
      to_json(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (std::fputs(line.c_str(), file_) < 0 || std::fflush(file_) != 0) {
    spdlog::warn("cannot write events: {}; none will follow", std::strerror(errno));
    file_ = nullptr;
  }
}

void Failures::add(const GroupEvent& event) {
  const auto same = [&](const auto& each) { return each.first == event.label; };
  if (event.kind == Kind::restarted) std::erase_if(failed_, same);
  if (event.kind == Kind::ended && !event.expected) {
    failed_.emplace_back(event.label, who(event) + " " + what_happened(event));
  }
}

std::string Failures::text() const {
  if (failed_.empty()) return "a program failed";
  if (failed_.size() == 1) return failed_[0].second;
  return failed_[0].second + ", and " + std::to_string(failed_.size() - 1) + " more failed";
}

}  // namespace cortado::tools
