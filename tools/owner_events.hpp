// What `cortado owner` tells of its writers' coming and going.
#pragma once

#include <cortado/event.hpp>

#include <nlohmann/json.hpp>

namespace cortado::tools {

nlohmann::ordered_json to_json(const Event& event);
void log_event(const Event& event);

}  // namespace cortado::tools
