// A comparison as a table for people.
#pragma once

#include <string>

#include "lab/compare.hpp"
#include "lab/machine.hpp"

namespace cortado::tools {

/// For each amount of work: a row for each mode, a column for each number of writers. Below it,
/// what the marks mean, the machine, and the advice.
std::string table_of(const lab::Comparison& comparison, const lab::Machine& machine);

}  // namespace cortado::tools
