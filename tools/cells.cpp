#include "cells.hpp"

#include <algorithm>
#include <cstdint>

namespace cortado::tools {
namespace {

bool is_plain(char byte) noexcept {
  return byte >= ' ' && byte <= '~';
}

std::string escaped(char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(byte);
  return {'\\', 'x', kDigits[value / 16], kDigits[value % 16]};
}

/// Bytes of the character of several bytes that `text` begins with; 0: it begins with none.
std::size_t bytes_of_character(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (bytes == 0 || first > 0xf4 || text.size() < bytes) return 0;
  std::uint32_t code = first & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80U) return 0;
    code = code << 6 | (byte & 0x3fU);
  }
  const bool is_too_long = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool is_none = (code >= 0xd800 && code < 0xe000) || code > 0x10ffff;
  const bool steers = code < 0xa0 ||                         // C1: some terminals obey these
                      (code >= 0x200b && code <= 0x200f) ||  // no width, direction of writing
                      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                      code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
  return is_too_long || is_none || steers ? 0 : bytes;
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
  return is_plain(byte) ? std::string(1, byte) : escaped(byte);
}

std::string order_text(std::string_view order) {
  if (order.empty()) return "nothing at all";
  std::string text;
  while (!order.empty()) {
    const std::size_t bytes = is_plain(order[0]) ? 1 : bytes_of_character(order);
    text += bytes == 0 ? escaped(order[0]) : std::string(order.substr(0, bytes));
    order.remove_prefix(bytes == 0 ? 1 : bytes);
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
