// Figures that were measured earlier, read back from the JSON that they were left in; see
// src/README.md for what stands in it.
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/histogram.hpp"
#include "lab/json.hpp"

namespace cortado::lab {

/// A file of ours, of a kind and version that this program reads.
struct Results {
  std::string name;    ///< of the file, for what is said of it
  std::string schema;  ///< "cortado-compare-2"; see kSchemas
  Json json;
};

/// Blocks while it reads. Errc::malformed: it cannot be read, is no JSON (or was cut off), is none
/// of ours, or has the schema of another version; the text is one line that names the file and what
/// to do. Errc::permission.
Result<Results> read_results(const std::string& path);
/// The same, of its text.
Result<Results> results_of(std::string_view text, const std::string& name);

/// What was measured at one point in one repetition.
struct StoredRun {
  bool is_finished = false;  ///< else there is no rate
  bool is_clean = false;     ///< its ledger balances, and no order came to harm
  double throughput_per_s = 0;
  Histogram latency;
};

struct StoredPoint {
  std::string mode;
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  std::uint32_t payload = 0;
  std::optional<double> load;  ///< offered, as a part of the capacity; none: closed loop
  std::vector<StoredRun> runs;
};

/// Its points: of a comparison or a verdict all, of a run or several runs one.
/// Errc::malformed: something is missing or of the wrong type; the text says what.
Result<std::vector<StoredPoint>> points_in(const Results& results);

/// The other way round than to_json. Throws Json::exception.
Histogram histogram_from(const Json& json);

}  // namespace cortado::lab
