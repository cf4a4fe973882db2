// Results as JSON, for whoever evaluates them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "lab/compare.hpp"
#include "lab/machine.hpp"
#include "lab/result.hpp"
#include "lab/summary.hpp"

namespace cortado::lab {

using Json = nlohmann::ordered_json;

/// What stands in a file is named by its schema; the number counts up when a reader of the one
/// before could no longer use it.
inline constexpr const char* kRunSchema = "cortado-run-2";
inline constexpr const char* kRunsSchema = "cortado-runs-2";
inline constexpr const char* kCompareSchema = "cortado-compare-2";
inline constexpr const char* kVerdictSchema = "cortado-verdict-2";
inline constexpr std::array kSchemas{kRunSchema, kRunsSchema, kCompareSchema, kVerdictSchema};

/// Where and with what it was measured; `options` are those of the command, as it took them.
Json context_json(const Machine& machine, std::uint64_t seed, Json options);

/// One run: mode, workload, outcome, ledger, buffer, and its figures.
Json to_json(const RunResult& result);
/// All points with all their runs, each with its figures, and the advice.
Json to_json(const Comparison& comparison);
Json to_json(const Summary& summary);
Json to_json(const Ledger& ledger);
/// Raw: for each bucket that is not empty the lowest value that it counts, and how many it has.
Json to_json(const Histogram& histogram);
Json to_json(const Latency& latency);

/// As it stands in a file.
std::string text_of(const Json& json);

}  // namespace cortado::lab
