// Results as JSON, for whoever evaluates them.
#pragma once

#include <nlohmann/json.hpp>

#include "lab/compare.hpp"
#include "lab/machine.hpp"
#include "lab/result.hpp"
#include "lab/summary.hpp"

namespace cortado::lab {

using Json = nlohmann::ordered_json;

/// Where and with what it was measured; `options` are those of the command, as it took them.
Json context_json(const Machine& machine, std::uint64_t seed, Json options);

/// One run: mode, workload, outcome, ledger, buffer, and its figures.
Json to_json(const RunResult& result);
/// All points with all their runs, each with its figures, and the advice.
Json to_json(const Comparison& comparison);
Json to_json(const Summary& summary);
Json to_json(const Ledger& ledger);

}  // namespace cortado::lab
