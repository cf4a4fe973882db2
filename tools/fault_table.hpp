// What became of each fault in each mode, as a table for people.
#pragma once

#include <string>
#include <vector>

#include "lab/faults.hpp"

namespace cortado::tools {

/// A row for each fault, a column for each mode. Below it, what the words mean.
std::string fault_table(const std::vector<lab::FaultCell>& cells);

}  // namespace cortado::tools
