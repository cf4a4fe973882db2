#include "bench/json.hpp"

namespace cortado::bench {
namespace {

using lab::Json;

Json run_json(const Point& point, const Figures& run) {
  Json json{{"bounce_ns", run.bounce_ns}};
  if (point.kind == Kind::idle) {
    json["cpu_ns_in_10_s"] = run.cpu_ns;
    return json;
  }
  json["sent"] = run.sent;
  json["validated"] = run.validated;
  json["wrong"] = run.wrong;
  json["ns_per_message"] = run.ns_per_message;
  if (point.kind == Kind::round_trip) {
    json["round_trip_ns"] = {{"p50", run.p50_ns}, {"p99", run.p99_ns}, {"p99_9", run.p99_9_ns}};
    return json;
  }
  json["per_second"] = run.per_second();
  json["mb_per_second"] = run.per_second() * static_cast<double>(point.bytes) / 1e6;
  json["cpu_ns_per_million"] = run.cpu_ns_per_message * 1e6;
  json["batch"] = run.batch;
  json["fairness_jain"] = run.fairness_jain;
  json["memory_bytes"] = run.memory_bytes;
  return json;
}

/// The three figures that a reader looks for first.
void put_summary(Json& to, const Entry& entry) {
  const auto add = [&](const char* name, double (*figure)(const Figures&)) {
    to[name] = lab::to_json(entry.summary(figure));
  };
  switch (entry.point.kind) {
    case Kind::idle:
      return add("cpu_ns_in_10_s", [](const Figures& run) { return run.cpu_ns; });
    case Kind::round_trip:
      add("p50_ns", [](const Figures& run) { return run.p50_ns; });
      add("p99_ns", [](const Figures& run) { return run.p99_ns; });
      return add("p99_9_ns", [](const Figures& run) { return run.p99_9_ns; });
    case Kind::throughput:
    case Kind::fan_in:
    case Kind::lock:
      add("ns_per_message", [](const Figures& run) { return run.ns_per_message; });
      add("per_second", [](const Figures& run) { return run.per_second(); });
      add("fairness_jain", [](const Figures& run) { return run.fairness_jain; });
      return add("cpu_ns_per_million",
                 [](const Figures& run) { return run.cpu_ns_per_message * 1e6; });
  }
}

Json entry_json(const Entry& entry) {
  const Point& point = entry.point;
  Json json{{"point", name_of(point.kind)},
            {"bytes", point.bytes},
            {"writers", point.writers},
            {"waiting", name_of(point.waiting)},
            {"contestant", entry.contestant->name},
            {"role", name_of(entry.contestant->role)},
            {"ring_bytes", ring_bytes_for(point.bytes)}};
  std::uint64_t validated = 0;
  Json runs = Json::array();
  for (const auto& run : entry.runs) {
    validated += run ? run->validated : 0;
    runs.push_back(run ? run_json(point, *run) : Json(nullptr));
  }
  json["validated"] = validated;
  json["wrong"] = entry.wrong();
  json["error"] = entry.error.empty() ? Json(nullptr) : Json(entry.error);
  json["summary"] = Json::object();
  if (entry.is_measured()) put_summary(json["summary"], entry);
  json["runs"] = std::move(runs);
  return json;
}

}  // namespace

Json to_json(const Plan& plan, const Outcome& outcome) {
  Json contestants = Json::array();
  for (const Contestant* each : plan.contestants) {
    contestants.push_back({{"name", each->name},
                           {"what", each->what},
                           {"role", name_of(each->role)},
                           {"skipped", each->absent.empty() ? Json(nullptr) : Json(each->absent)}});
  }
  Json entries = Json::array();
  for (const Entry& entry : outcome.entries) entries.push_back(entry_json(entry));
  return {{"contestants", std::move(contestants)}, {"entries", std::move(entries)}};
}

Json to_json(const std::vector<Goal>& goals) {
  Json all = Json::array();
  for (const Goal& goal : goals) {
    all.push_back({{"what", goal.what},
                   {"against", goal.against.empty() ? Json(nullptr) : Json(goal.against)},
                   {"goal", goal.is_least ? ">=" : "<="},
                   {"bound", goal.bound},
                   {"figure", goal.figure ? lab::to_json(*goal.figure) : Json(nullptr)},
                   {"left_out", goal.left_out},
                   {"unlike", goal.unlike},
                   {"reached", goal.figure ? Json(goal.is_reached()) : Json(nullptr)}});
  }
  return all;
}

}  // namespace cortado::bench
