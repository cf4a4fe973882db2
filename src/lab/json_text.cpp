// JSON for files that people look into, too: indented, but a list of numbers on one line.
#include <algorithm>

#include "lab/json.hpp"

namespace cortado::lab {
namespace {

bool is_flat(const Json& json) {
  return json.is_array() && std::none_of(json.begin(), json.end(),
                                         [](const Json& item) { return item.is_structured(); });
}

void append(std::string& text, const Json& json, std::size_t depth) {
  if (!json.is_structured() || json.empty() || is_flat(json)) {
    text += json.dump();
    return;
  }
  const auto new_line = [&text](std::size_t indent) { text.append("\n").append(2 * indent, ' '); };
  text += json.is_object() ? '{' : '[';
  bool is_first = true;
  for (const auto& [key, value] : json.items()) {
    if (!is_first) text += ',';
    is_first = false;
    new_line(depth + 1);
    if (json.is_object()) text += Json(key).dump() + ": ";
    append(text, value, depth + 1);
  }
  new_line(depth);
  text += json.is_object() ? '}' : ']';
}

}  // namespace

std::string text_of(const Json& json) {
  std::string text;
  append(text, json, 0);
  return text + "\n";
}

}  // namespace cortado::lab
