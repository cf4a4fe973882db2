#include "owner_events.hpp"

#include <string>

#include <spdlog/spdlog.h>

#include "lines.hpp"

namespace cortado::tools {

nlohmann::ordered_json to_json(const Event& event) {
  switch (event.kind) {
    case Event::Kind::joined:
    case Event::Kind::adopted:
      return {{"event", event.kind == Event::Kind::joined ? "joined" : "adopted"},
              {"writer", event.writer},
              {"pid", event.pid},
              {"uid", event.uid}};
    case Event::Kind::left: {
      nlohmann::ordered_json json{{"event", "left"},
                                  {"writer", event.writer},
                                  {"pid", event.pid},
                                  {"how", to_string(event.how)},
                                  {"messages", event.delivered}};
      if (!event.reason.empty()) json["reason"] = event.reason;
      return json;
    }
    case Event::Kind::keeper_lost:
      break;
  }
  return {{"event", "keeper_lost"}};
}

void log_event(const Event& event) {
  const std::string writer = printable(event.writer);
  switch (event.kind) {
    case Event::Kind::joined:
      return spdlog::info("writer '{}' (pid {}) joined", writer, event.pid);
    case Event::Kind::adopted:
      return spdlog::info("writer '{}' (pid {}) taken over", writer, event.pid);
    case Event::Kind::left:
      return spdlog::log(event.how == Left::closed ? spdlog::level::info : spdlog::level::warn,
                         "writer '{}' (pid {}) left: {} after {} messages{}{}", writer, event.pid,
                         to_string(event.how), event.delivered, event.reason.empty() ? "" : ": ",
                         printable(event.reason));
    case Event::Kind::keeper_lost:
      return spdlog::warn("the launcher is gone: should this owner die, no next one takes over");
  }
}

}  // namespace cortado::tools
