// A benchmark as JSON, for whoever evaluates it.
#pragma once

#include "bench/bench.hpp"
#include "bench/standing.hpp"
#include "lab/json.hpp"

namespace cortado::bench {

/// Contestants, with why some were skipped; entries, with all their runs.
lab::Json to_json(const Plan& plan, const Outcome& outcome);
lab::Json to_json(const std::vector<Goal>& goals);

}  // namespace cortado::bench
