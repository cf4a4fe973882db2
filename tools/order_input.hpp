// The orders that somebody brings along: the lines of a file.
#pragma once

#include <string>
#include <vector>

#include "interrupt.hpp"

namespace cortado::tools {

/// Each line without its newline; an empty line is an empty order. `-` is standard input. Throws
/// Refused: it cannot be read, a line has a zero byte or is longer than any order, there is none,
/// or a signal came.
std::vector<std::string> read_orders(const std::string& path, Interrupt& interrupt);

}  // namespace cortado::tools
