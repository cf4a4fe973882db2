// A benchmark as tables for people.
#pragma once

#include <string>
#include <vector>

#include "bench/bench.hpp"
#include "bench/standing.hpp"
#include "lab/machine.hpp"

namespace cortado::tools {

/// A table for each point, who was skipped and why, and how to read it.
std::string bench_tables(const bench::Plan& plan, const bench::Outcome& outcome,
                         const lab::Machine& machine);

/// "How cortado stands": each goal, the figure, and whether it is reached.
std::string standing_text(const std::vector<bench::Goal>& goals);

/// Every contestant, with what it is or why it is not there.
std::string contestants_text();

}  // namespace cortado::tools
