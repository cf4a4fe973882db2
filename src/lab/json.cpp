#include "lab/json.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "lab/escape.hpp"
#include "lab/winner.hpp"

namespace cortado::lab {
namespace {

std::string hex(std::uint64_t number, int digits) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%0*llx", digits,
                static_cast<unsigned long long>(number));
  return text.data();
}

std::string address(std::uint64_t where) {
  return "0x" + hex(where, 1);
}

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::finished:
      return "finished";
    case Outcome::hung:
      return "hung";
    case Outcome::host_died:
      return "host_died";
  }
  return "unknown";
}

const char* name_of(modes::Failure failure) {
  switch (failure) {
    case modes::Failure::none:
      return "none";
    case modes::Failure::lock_broken:
      return "lock_broken";
    case modes::Failure::queue_broken:
      return "queue_broken";
  }
  return "unknown";
}

Json workload_json(const modes::Workload& workload) {
  return {{"writers", workload.writers},
          {"orders", workload.orders},
          {"payload", workload.payload},
          {"capacity", workload.capacity},
          {"listed", workload.listed},
          {"listed_bytes", workload.listed_bytes},
          {"hold_ns", workload.hold_ns},
          {"work_rounds", workload.work_rounds},
          {"letter_delay_ns", workload.letter_delay_ns},
          {"seed", workload.seed},
          {"takes_turns", workload.takes_turns != 0},
          {"sample_shift", workload.sample_shift},
          {"load_per_s", workload.load_per_s > 0 ? Json(workload.load_per_s) : Json(nullptr)}};
}

/// Without the zeros behind the last letter, unless they are letters of a whole order.
Json buffer_json(const RunResult& result) {
  if (!result.has_buffer) return nullptr;
  const std::size_t last = result.cup.find_last_not_of('\0');
  const std::size_t used = last == std::string::npos ? 0 : last + 1;
  const std::size_t shown = result.is_whole ? result.buffer.length : used;
  return {{"length", result.buffer.length},
          {"bytes", escaped(std::string_view(result.cup).substr(0, shown))},
          {"is_whole", result.is_whole},
          {"count", result.buffer.count},
          {"digest", hex(result.buffer.digest, 16)},
          {"address", address(result.buffer_address)},
          {"pid", result.host_pid}};
}

Json writers_json(const std::vector<WriterResult>& writers) {
  Json all = Json::array();
  for (const WriterResult& writer : writers) {
    all.push_back({{"sent", writer.sent},
                   {"applied", writer.applied},
                   {"throughput_per_s", writer.throughput_per_s},
                   {"pid", writer.pid},
                   {"buffer_address", address(writer.buffer_address)},
                   {"failure", name_of(writer.failure)},
                   {"signal", writer.signal},
                   {"longest_stall_ns", writer.longest_stall_ns},
                   {"blocked_ns", writer.blocked_ns},
                   {"peak_memory_bytes", writer.peak_memory}});
  }
  return all;
}

/// Of an open loop: what would be told, if each order counted from its send.
Json closed_loop_json(const RunResult& result, bool is_over) {
  if (!is_over) return nullptr;
  return {{"latency_ns", to_json(latency_of(result.latency_from_send))},
          {"histogram_ns", to_json(result.latency_from_send)}};
}

/// What both a run and a run of a comparison have.
void put_figures(Json& to, const RunResult& result) {
  to["outcome"] = name_of(result.outcome);
  to["ledger"] = to_json(result.ledger);
  // Of a run that broke off they would tell of the watchdog.
  const bool is_over = result.outcome == Outcome::finished;
  to["wall_ns"] = is_over ? Json(result.wall_ns) : Json(nullptr);
  to["throughput_per_s"] = is_over ? Json(result.throughput_per_s) : Json(nullptr);
  to["latency_ns"] = is_over ? to_json(latency_of(result.latency)) : Json(nullptr);
  to["histogram_ns"] = is_over ? to_json(result.latency) : Json(nullptr);
  if (result.workload.load_per_s > 0) to["as_closed_loop"] = closed_loop_json(result, is_over);
  to["cpu_ns"] = {{"user", result.usage.user_ns}, {"system", result.usage.system_ns}};
  to["context_switches"] = {{"voluntary", result.usage.voluntary},
                            {"involuntary", result.usage.involuntary}};
  to["cpu_ns_per_order"] = result.cpu_ns_per_order();
  to["switches_per_order"] = result.switches_per_order();
  to["fairness_jain"] = result.fairness_jain;
  to["longest_stall_ns"] = result.longest_stall_ns;
  to["blocked_ns"] = result.blocked_ns;
  to["blocked_ns_per_order"] = result.blocked_ns_per_order();
  const auto& depth = result.queue_depth;
  to["queue_depth_mean"] = depth ? Json(depth->mean) : Json(nullptr);
  to["queue_depth_max"] = depth ? Json(depth->max) : Json(nullptr);
  to["queue_depth_samples"] = depth ? Json(depth->samples) : Json(nullptr);
  to["peak_memory_bytes"] = result.peak_memory;
}

/// A run of a comparison, by its place among the repetitions, from 1.
Json repetition_json(std::size_t repetition, const RunResult& result) {
  Json json{{"repetition", repetition}};
  put_figures(json, result);
  Json& rates = json["per_writer_per_s"] = Json::array();
  for (const WriterResult& writer : result.writers) rates.push_back(writer.throughput_per_s);
  return json;
}

Json load_json(const Point& point) {
  if (point.load == 0) return nullptr;
  return {{"part", point.load},
          {"per_s", point.load_per_s},
          {"as_closed_loop_ns", to_json(latency_of(point.latency_from_send))}};
}

Json winners_json(const std::vector<Winner>& winners) {
  Json all = Json::array();
  for (const Winner& winner : winners) {
    all.push_back({{"writers", winner.writers},
                   {"hold_ns", winner.hold.count()},
                   {"payload", winner.payload},
                   {"mode", winner.mode != nullptr ? Json(winner.mode->name) : Json(nullptr)}});
  }
  return all;
}

Json point_json(const Point& point) {
  Json json{{"mode", point.mode->name},
            {"writers", point.writers},
            {"hold_ns", point.hold.count()},
            {"payload", point.payload},
            {"load", load_json(point)},
            {"oversubscribed", point.is_oversubscribed},
            {"clean", point.is_clean()},
            {"unfinished", point.unfinished},
            {"throughput_per_s",
             point.unfinished < point.runs.size() ? to_json(point.per_second) : Json(nullptr)},
            {"ratio_to_thread_mutex",
             point.to_thread_mutex ? to_json(*point.to_thread_mutex) : Json(nullptr)},
            {"latency_ns", to_json(latency_of(point.latency))},
            {"cpu_ns_per_order", to_json(point.cpu_ns_per_order)},
            {"switches_per_order", to_json(point.switches_per_order)},
            {"fairness_jain", to_json(point.fairness_jain)},
            {"longest_stall_ns", to_json(point.longest_stall_ns)},
            {"blocked_ns_per_order", to_json(point.blocked_ns_per_order)},
            {"queue_depth_mean",
             point.queue_depth_mean ? to_json(*point.queue_depth_mean) : Json(nullptr)},
            {"peak_memory_bytes", to_json(point.peak_memory)},
            {"worst", to_json(point.worst)},
            {"sum", to_json(point.sum)}};
  json["worst"].erase("balances");
  Json& runs = json["runs"] = Json::array();
  for (const RunResult& run : point.runs) runs.push_back(repetition_json(runs.size() + 1, run));
  return json;
}

}  // namespace

Json context_json(const Machine& machine, std::uint64_t seed, Json options) {
  return {{"cores", machine.processors},
          {"cpu", machine.cpu},
          {"kernel", machine.kernel},
          {"compiler", machine.compiler},
          {"boost", {{"version", machine.boost}, {"robust_mutex", machine.has_robust_mutex}}},
          {"version", machine.version},
          {"commit", machine.commit},
          {"command_line", escaped(command_line())},
          {"seed", seed},
          {"options", std::move(options)}};
}

Json to_json(const Summary& summary) {
  Json json{{"median", summary.median}, {"lowest", summary.lowest}, {"highest", summary.highest}};
  if (summary.interval) json["interval"] = {summary.interval->lower, summary.interval->upper};
  return json;
}

Json to_json(const Histogram& histogram) {
  Json from = Json::array();
  Json count = Json::array();
  for (std::size_t bucket = 0; bucket < histogram.counts().size(); ++bucket) {
    if (histogram.counts()[bucket] == 0) continue;
    from.push_back(modes::LatencyBuckets::lowest_of(bucket));
    count.push_back(histogram.counts()[bucket]);
  }
  return {{"from", std::move(from)}, {"count", std::move(count)}, {"longest", histogram.longest()}};
}

Json to_json(const Latency& latency) {
  return {{"samples", latency.samples},
          {"p50", latency.p50},
          {"p99", latency.p99},
          {"p99_9", latency.p99_9},
          {"max", latency.max}};
}

Json to_json(const Ledger& ledger) {
  return {{"sent", ledger.sent},
          {"applied", ledger.applied},
          {"rejected", ledger.rejected},
          {"dropped", ledger.dropped},
          {"abandoned", ledger.abandoned},
          {"unread", ledger.unread},
          {"redelivered", ledger.redelivered},
          {"forgotten", ledger.forgotten},
          {"lost", ledger.lost},
          {"duplicated", ledger.duplicated},
          {"reordered", ledger.reordered},
          {"torn", ledger.torn},
          {"balances", ledger.balances()}};
}

Json to_json(const RunResult& result) {
  Json json{{"mode", result.mode->name},
            {"writers", result.workload.writers},
            {"workload", workload_json(result.workload)}};
  put_figures(json, result);
  json["buffer"] = buffer_json(result);
  json["host"] = {{"pid", result.host_pid}, {"signal", result.host_signal}};
  json["per_writer"] = writers_json(result.writers);
  return json;
}

Json to_json(const Comparison& comparison) {
  Json points = Json::array();
  for (const Point& point : comparison.points) points.push_back(point_json(point));
  return {{"points", std::move(points)},
          {"winners", winners_json(winners_of(comparison.points))},
          {"advice", comparison.advice}};
}

}  // namespace cortado::lab
