#include "cells.hpp"

#include <algorithm>
#include <cstdint>

#include "lab/escape.hpp"

namespace cortado::tools {
namespace {

bool is_plain(char byte) noexcept {
  return byte >= ' ' && byte <= '~';
}

/// The code of the one UTF-8 character that `text` is.
std::uint32_t code_of(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  std::uint32_t code = text.size() == 1 ? first : first & (0x7fU >> text.size());
  for (const char byte : text.substr(1))
    code = code << 6 | (static_cast<std::uint32_t>(byte) & 0x3fU);
  return code;
}

/// A terminal obeys it, or it is not seen.
bool steers(std::uint32_t code) noexcept {
  const auto within = [code](std::uint32_t from, std::uint32_t to) {
    return code >= from && code <= to;
  };
  return code < ' ' || within(0x7f, 0x9f) ||  // C0, DEL, C1
         within(0x200b, 0x200f) ||            // no width, direction of writing
         within(0x2028, 0x202e) || within(0x2060, 0x206f) || code == 0xfeff ||
         within(0xe0000, 0xe0fff);
}

/// Columns, as far as one can tell without knowing the terminal: a character has one.
std::size_t columns_of(std::string_view text) noexcept {
  std::size_t columns = 0;
  for (const char byte : text) {
    columns += (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U ? 1 : 0;
  }
  return columns;
}

}  // namespace

std::string cell_text(char byte) {
  if (byte == '\0') return " ";
  return is_plain(byte) ? std::string(1, byte) : lab::escaped(byte);
}

std::string order_text(std::string_view order) {
  if (order.empty()) return "nothing at all";
  std::string text;
  while (!order.empty()) {
    const std::size_t bytes = lab::character_at(order);
    const bool is_shown = bytes != 0 && !steers(code_of(order.substr(0, bytes)));
    text += is_shown ? std::string(order.substr(0, bytes)) : lab::escaped(order[0]);
    order.remove_prefix(is_shown ? bytes : 1);
  }
  return text;
}

std::string wrapped(std::string label, std::string_view text, std::size_t indent,
                    std::size_t columns) {
  label.resize(indent, ' ');
  std::string lines = label;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t width = columns_of(word);
    if (column > indent && column + 1 + width > columns) {
      lines.append("\n").append(indent, ' ');
      column = indent;
    } else if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += width;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + "\n";
}

}  // namespace cortado::tools
