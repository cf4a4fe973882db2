// Latency under load, as a table.
#pragma once

#include <string>
#include <vector>

#include "lab/compare.hpp"

namespace cortado::tools {

/// Of the points with a load; empty, if there are none.
std::string table_of_loads(const std::vector<lab::Point>& points);

}  // namespace cortado::tools
