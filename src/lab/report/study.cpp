#include "lab/report/study.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

Error unusable(const std::string& name, const std::string& why) {
  return {Errc::malformed, "cannot report on " + name + ": " + why +
                               "; give what `cortado compare --json` or `cortado faults --json` "
                               "wrote"};
}

template <class T>
void add_once(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

Summary summary_from(const Json& json) {
  Summary summary{json.at("median").get<double>(), json.at("lowest").get<double>(),
                  json.at("highest").get<double>()};
  if (json.contains("interval") && json["interval"].is_array()) {
    summary.lowest = json["interval"].at(0).get<double>();
    summary.highest = json["interval"].at(1).get<double>();
  }
  return summary;
}

double median(std::vector<double> values) {
  return summarize(std::move(values)).median;
}

template <class Get>
std::vector<double> values_of(const Json& runs, const Get& get) {
  std::vector<double> values;
  for (const Json& run : runs) {
    if (run.at("outcome") == "finished") values.push_back(get(run));
  }
  return values;
}

/// Of all runs that have it.
template <class Get>
double median_over(const Json& runs, const Get& get) {
  return median(values_of(runs, get));
}

/// From lowest to highest: the interval of the median, if there are runs enough for one.
template <class Get>
Summary interval_over(const Json& runs, const Get& get) {
  Summary summary = summarize(values_of(runs, get));
  if (summary.interval) {
    summary.lowest = summary.interval->lower;
    summary.highest = summary.interval->upper;
  }
  return summary;
}

StudyLatency latency_from(const Json& runs) {
  const auto at = [&](const char* name) {
    return median_over(
        runs, [&](const Json& run) { return run.at("latency_ns").at(name).get<double>(); });
  };
  return {at("p50"), at("p99"), at("p99_9"), at("max")};
}

double per_order(const Json& run, double sum) {
  return sum / std::max(1.0, run.at("ledger").at("applied").get<double>());
}

/// Of a figure that earlier versions did not write, and that not every mode has.
std::optional<double> median_if_there(const Json& runs, const char* figure) {
  std::vector<double> values;
  for (const Json& run : runs) {
    const Json value = run.value(figure, Json());
    if (run.at("outcome") == "finished" && !value.is_null()) values.push_back(value.get<double>());
  }
  if (values.empty()) return std::nullopt;
  return median(std::move(values));
}

void put_costs(StudyPoint& point, const Json& runs) {
  point.blocked_ns_per_order = median_if_there(runs, "blocked_ns_per_order");
  point.queue_depth = median_if_there(runs, "queue_depth_mean");
  point.cpu_ns_per_order = median_over(runs, [](const Json& run) {
    const Json& cpu = run.at("cpu_ns");
    return per_order(run, cpu.at("user").get<double>() + cpu.at("system").get<double>());
  });
  point.switches_per_order = median_over(runs, [](const Json& run) {
    const Json& switches = run.at("context_switches");
    return per_order(
        run, switches.at("voluntary").get<double>() + switches.at("involuntary").get<double>());
  });
  point.fairness =
      median_over(runs, [](const Json& run) { return run.at("fairness_jain").get<double>(); });
}

StudyPoint point_from(const Json& json) {
  StudyPoint point;
  point.mode = json.at("mode").get<std::string>();
  point.writers = json.at("writers").get<std::uint32_t>();
  point.hold_ns = json.at("hold_ns").get<std::uint64_t>();
  point.payload = json.at("payload").get<std::uint32_t>();
  point.is_oversubscribed = json.at("oversubscribed").get<bool>();
  point.is_clean = json.at("clean").get<bool>();
  point.unfinished = json.at("unfinished").get<std::size_t>();
  const Json& runs = json.at("runs");
  point.runs = runs.size();
  if (const Json& rate = json.at("throughput_per_s"); !rate.is_null()) {
    point.rate = summary_from(rate);
    point.latency = latency_from(runs);
    put_costs(point, runs);
  }
  for (const Json& run : runs) {
    const Json& ledger = run.at("ledger");
    const double sent = std::max(1.0, ledger.at("sent").get<double>());
    point.lost_part = std::max(point.lost_part, ledger.at("lost").get<double>() / sent);
    point.torn = std::max(point.torn, ledger.at("torn").get<double>());
  }
  return point;
}

/// A point under offered load is no rate to compare.
bool is_loaded(const Json& point) {
  return point.contains("load") && !point["load"].is_null();
}

StudyLoad load_from(const Json& json) {
  StudyLoad load;
  load.mode = json.at("mode").get<std::string>();
  load.writers = json.at("writers").get<std::uint32_t>();
  load.hold_ns = json.at("hold_ns").get<std::uint64_t>();
  load.part = json.at("load").at("part").get<double>();
  load.is_clean = json.at("clean").get<bool>();
  load.latency = latency_from(json.at("runs"));
  load.p99 = interval_over(json.at("runs"), [](const Json& run) {
    return run.at("latency_ns").at("p99").get<double>();
  });
  return load;
}

StudyCup cup_from(const Json& json) {
  return {json.at("mode").get<std::string>(), json.at("cup").get<std::string>(),
          json.at("by").get<std::string>(), json.at("is_whole").get<bool>()};
}

StudyComparison comparison_from(const Figures& figures) {
  StudyComparison comparison;
  comparison.name = figures.name;
  comparison.context = figures.json.at("context");
  static_cast<void>(comparison.cores());  // it must be there
  const Json& points = figures.json.at("points");
  for (const Json& json : points) {
    const bool is_like_the_first =
        json.value("payload", Json()) == points[0].value("payload", Json());
    if (is_loaded(json)) {
      if (is_like_the_first) comparison.loads.push_back(load_from(json));
    } else {
      auto& to = is_like_the_first ? comparison.points : comparison.other_lengths;
      to.push_back(point_from(json));
    }
  }
  if (comparison.points.empty()) throw std::runtime_error("it has no rates of a closed loop");
  if (figures.json.contains("cups")) {
    for (const Json& cup : figures.json["cups"]) comparison.cups.push_back(cup_from(cup));
  }
  comparison.advice = figures.json.at("advice").get<std::vector<std::string>>();
  return comparison;
}

std::string lost_text(const Json& ledger) {
  std::string text;
  for (const char* kind :
       {"torn", "lost", "duplicated", "reordered", "dropped", "abandoned", "unread", "forgotten"}) {
    const auto count = ledger.at(kind).get<std::uint64_t>();
    if (count == 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
  }
  return text;
}

template <class T>
std::optional<T> optional_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<T>();
}

StudyCell cell_from(const Json& json) {
  StudyCell cell;
  cell.mode = json.at("mode").get<std::string>();
  cell.fault = json.at("fault").get<std::string>();
  cell.theory = optional_from<std::string>(json.at("theory"));
  cell.outcome = optional_from<std::string>(json.at("outcome"));
  if (!cell.outcome) return cell;
  cell.went_on_ns = optional_from<double>(json.at("went_on_ns"));
  cell.is_refused = json.at("refused").get<bool>();
  cell.lost = lost_text(json.at("ledger"));
  return cell;
}

StudyFaults faults_from(const Figures& figures) {
  StudyFaults study;
  study.name = figures.name;
  study.context = figures.json.at("context");
  for (const Json& fault : figures.json.at("faults")) {
    study.faults.emplace_back(fault.at("name").get<std::string>(),
                              fault.at("says").get<std::string>());
  }
  study.writers = figures.json.at("writers").get<std::uint32_t>();
  for (const Json& cell : figures.json.at("cells")) {
    study.cells.push_back(cell_from(cell));
    add_once(study.modes, study.cells.back().mode);
  }
  return study;
}

bool begins_with(const std::string& text, const char* start) {
  return text.rfind(start, 0) == 0;
}

void add(Study& study, const Figures& figures) {
  const auto schema = figures.json.at("schema").get<std::string>();
  if (begins_with(schema, "cortado-compare-")) {
    study.comparisons.push_back(comparison_from(figures));
  } else if (begins_with(schema, "cortado-faults-")) {
    study.faults.push_back(faults_from(figures));
  } else {
    throw std::runtime_error("its schema is " + schema);
  }
}

}  // namespace

std::vector<std::string> StudyComparison::modes() const {
  std::vector<std::string> all;
  for (const StudyPoint& point : points) add_once(all, point.mode);
  return all;
}

std::vector<std::uint32_t> StudyComparison::writers() const {
  std::vector<std::uint32_t> all;
  for (const StudyPoint& point : points) add_once(all, point.writers);
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::uint64_t> StudyComparison::holds() const {
  std::vector<std::uint64_t> all;
  for (const StudyPoint& point : points) add_once(all, point.hold_ns);
  std::sort(all.begin(), all.end());
  return all;
}

const StudyPoint* StudyComparison::find(const std::string& mode, std::uint32_t writer_count,
                                        std::uint64_t hold_ns) const noexcept {
  const auto found = std::find_if(points.begin(), points.end(), [&](const StudyPoint& point) {
    return point.mode == mode && point.writers == writer_count && point.hold_ns == hold_ns;
  });
  return found == points.end() ? nullptr : &*found;
}

const StudyPoint* StudyComparison::ceiling(std::uint64_t hold_ns) const noexcept {
  for (const char* mode : {"thread-alone", "thread-race"}) {
    const StudyPoint* const point = find(mode, 1, hold_ns);
    if (point != nullptr && point->rate) return point;
  }
  return nullptr;
}

std::uint32_t StudyComparison::cores() const {
  return context.at("cores").get<std::uint32_t>();
}

std::string StudyComparison::orders_text(std::uint32_t payload) const {
  const bool are_lines = !context.value("/options/input"_json_pointer, Json()).is_null();
  return std::string("orders of ") + (are_lines ? "up to " : "") + counted(payload, "byte");
}

const StudyCell* StudyFaults::find(const std::string& mode,
                                   const std::string& fault) const noexcept {
  const auto found = std::find_if(cells.begin(), cells.end(), [&](const StudyCell& cell) {
    return cell.mode == mode && cell.fault == fault;
  });
  return found == cells.end() ? nullptr : &*found;
}

Result<Study> study_of(const std::vector<Figures>& files) {
  Study study;
  for (const Figures& figures : files) {
    try {
      add(study, figures);
    } catch (
        const std::exception& error) {  // of the JSON: something is missing, or of another type
      return unusable(figures.name, error.what());
    }
  }
  return study;
}

Result<Figures> read_figures(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty()) {
    const int why = errno;
    Error error = unusable(path, why != 0 ? std::strerror(why) : "it is empty, or no file");
    if (why == EACCES || why == EPERM) error.code = Errc::permission;
    return error;
  }
  Figures figures{path, Json::parse(text, nullptr, false)};
  if (figures.json.is_discarded()) return unusable(path, "it is no JSON, or cut off");
  return figures;
}

}  // namespace cortado::lab
