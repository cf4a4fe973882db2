#include "lab/results.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cortado::lab {
namespace {

constexpr const char* kWhatToDo =
    "; give the --json FILE of cortado run, compare or verdict, or measure again";

Error unusable(const std::string& name, const std::string& why) {
  return {Errc::malformed, "cannot use the figures in " + name + ": " + why + kWhatToDo};
}

StoredRun run_from(const Json& json) {
  StoredRun run;
  run.is_finished = json.at("outcome") == "finished";
  const Json& ledger = json.at("ledger");
  run.is_clean = ledger.at("balances").get<bool>();
  for (const char* harm : {"lost", "duplicated", "reordered", "torn", "unread", "forgotten"}) {
    run.is_clean = run.is_clean && ledger.at(harm).get<std::uint64_t>() == 0;
  }
  if (!run.is_finished) return run;
  run.throughput_per_s = json.at("throughput_per_s").get<double>();
  run.latency = histogram_from(json.at("histogram_ns"));
  return run;
}

StoredPoint point_from(const Json& json) {
  StoredPoint point;
  point.mode = json.at("mode").get<std::string>();
  point.writers = json.at("writers").get<std::uint32_t>();
  point.hold_ns = json.at("hold_ns").get<std::uint64_t>();
  point.payload = json.at("payload").get<std::uint32_t>();
  if (const Json& load = json.at("load"); !load.is_null()) {
    point.load = load.at("part").get<double>();
  }
  for (const Json& run : json.at("runs")) point.runs.push_back(run_from(run));
  return point;
}

/// A run by itself has its workload in place of a point's head.
StoredPoint point_of_runs(const Json& first, const std::vector<Json>& runs) {
  const Json& workload = first.at("workload");
  StoredPoint point;
  point.mode = first.at("mode").get<std::string>();
  point.writers = workload.at("writers").get<std::uint32_t>();
  point.hold_ns = workload.at("hold_ns").get<std::uint64_t>();
  point.payload = workload.at("payload").get<std::uint32_t>();
  point.runs.reserve(runs.size());
  for (const Json& run : runs) point.runs.push_back(run_from(run));
  return point;
}

std::vector<StoredPoint> all_points(const Results& results) {
  std::vector<StoredPoint> points;
  if (results.schema == kRunSchema) {
    points.push_back(point_of_runs(results.json, {results.json}));
  } else if (results.schema == kRunsSchema) {
    const auto runs = results.json.at("runs").get<std::vector<Json>>();
    if (!runs.empty()) points.push_back(point_of_runs(runs[0], runs));
  } else {
    for (const Json& point : results.json.at("points")) points.push_back(point_from(point));
  }
  return points;
}

/// "cortado-compare-" of "cortado-compare-2"
std::string_view kind_of(std::string_view schema) {
  return schema.substr(0, schema.find_last_of('-') + 1);
}

/// Why it is none that this program reads; empty: it is one.
std::string why_not_ours(const std::string& schema) {
  for (const char* known : kSchemas) {
    if (schema == known) return {};
    if (kind_of(schema) == kind_of(known)) {
      return "its schema is " + schema + ", this version of cortado reads " + known;
    }
  }
  return "its schema, " + schema.substr(0, 64) + ", is none of cortado's";
}

}  // namespace

Result<Results> results_of(std::string_view text, const std::string& name) {
  Results results{name, {}, Json::parse(text, nullptr, false)};
  if (results.json.is_discarded()) {
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    if (last == std::string_view::npos) return unusable(name, "it is empty");
    const bool begins_as_json = text[text.find_first_not_of(" \t\r\n")] == '{';
    return unusable(name, begins_as_json ? "it is cut off or damaged" : "it is no JSON");
  }
  if (!results.json.is_object() || !results.json.contains("schema") ||
      !results.json["schema"].is_string()) {
    return unusable(name, "it has no schema, so it is none of cortado's");
  }
  results.schema = results.json["schema"].get<std::string>();
  if (const std::string why = why_not_ours(results.schema); !why.empty()) {
    return unusable(name, why);
  }
  return results;
}

Result<Results> read_results(const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) return unusable(path, "it is a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) {
    const int why = errno;
    Error error = unusable(path, std::strerror(why));
    if (why == EACCES || why == EPERM) error.code = Errc::permission;
    return error;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return results_of(text, path);
}

Result<std::vector<StoredPoint>> points_in(const Results& results) {
  try {
    return all_points(results);
  } catch (const Json::exception& wrong) {
    return unusable(results.name,
                    std::string("a figure is missing or wrong (") + wrong.what() + ")");
  }
}

Histogram histogram_from(const Json& json) {
  Histogram histogram;
  const auto from = json.at("from").get<std::vector<std::uint64_t>>();
  const auto count = json.at("count").get<std::vector<std::uint64_t>>();
  for (std::size_t i = 0; i < std::min(from.size(), count.size()); ++i) {
    histogram.add(from[i], count[i]);
  }
  histogram.set_longest(json.at("longest").get<std::uint64_t>());
  return histogram;
}

}  // namespace cortado::lab
