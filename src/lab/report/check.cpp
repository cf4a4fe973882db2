#include "lab/report/check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "lab/collect.hpp"
#include "lab/results.hpp"
#include "lab/summary.hpp"

namespace cortado::lab {
namespace {

constexpr std::array kKinds{"sent",      "applied", "rejected",    "dropped",
                            "abandoned", "unread",  "lost",        "duplicated",
                            "reordered", "torn",    "redelivered", "forgotten"};

/// In which a point and the one of thread-mutex that it is compared with agree.
constexpr std::array kAlike{"writers", "hold_ns", "payload", "load"};

class Checker {
 public:
  void expect(const std::string& where, const Json& is, const Json& should) {
    ++checked_.figures;
    if (agree(is, should)) return;
    checked_.differences.push_back(where + ": " + is.dump() + " stands there, " + should.dump() +
                                   " follows from the runs");
  }
  Checked take() { return std::move(checked_); }

 private:
  /// Numbers are written with all their digits; another order of additions costs the last ones.
  static bool agree(const Json& a, const Json& b) {
    if (!a.is_number() || !b.is_number()) return a == b;
    const auto x = a.get<double>();
    const auto y = b.get<double>();
    return std::abs(x - y) <= 1e-9 * std::max(std::abs(x), std::abs(y));
  }

  Checked checked_;
};

bool balances(const Json& ledger) {
  const auto of = [&](const char* kind) { return ledger.at(kind).get<std::uint64_t>(); };
  return of("sent") ==
         of("applied") + of("rejected") + of("dropped") + of("abandoned") + of("unread");
}

bool is_finished(const Json& run) {
  return run.at("outcome") == "finished";
}

/// Of what later versions write, too: only if it is there.
void check_derived(Checker& checker, const std::string& where, const Json& run) {
  const auto applied = run.at("ledger").at("applied").get<double>();
  const auto per_order = [&](const char* figure, const Json& parts) {
    if (!run.contains(figure) || applied == 0) return;
    double sum = 0;
    for (const Json& part : parts) sum += part.get<double>();
    checker.expect(where + " " + figure, run[figure], sum / applied);
  };
  per_order("cpu_ns_per_order", run.at("cpu_ns"));
  per_order("switches_per_order", run.at("context_switches"));
  per_order("blocked_ns_per_order", run.value("blocked_ns", Json()));
  if (run.contains("per_writer_per_s")) {
    checker.expect(where + " fairness_jain", run.at("fairness_jain"),
                   fairness_jain(run["per_writer_per_s"].get<std::vector<double>>()));
  }
}

/// The raw counts are what a Histogram writes: else no percentile follows from them.
Histogram checked_histogram(Checker& checker, const std::string& where, const Json& is) {
  Histogram histogram = histogram_from(is);
  checker.expect(where, is, to_json(histogram));
  if (histogram.samples() == 0) return histogram;
  const std::size_t last = modes::LatencyBuckets::bucket_of(histogram.longest());
  checker.expect(where + ".longest is in the last bucket", last + 1, histogram.counts().size());
  return histogram;
}

void check_latency(Checker& checker, const std::string& where, const Json& is,
                   const Histogram& histogram) {
  const Json should = to_json(latency_of(histogram));
  for (const auto& [figure, value] : should.items()) {
    checker.expect(where + "." + figure, is.at(figure), value);
  }
}

/// A run, or what a closed loop would tell of one.
Histogram check_latencies(Checker& checker, const std::string& where, const Json& run) {
  Histogram histogram = checked_histogram(checker, where + " histogram_ns", run.at("histogram_ns"));
  check_latency(checker, where + " latency_ns", run.at("latency_ns"), histogram);
  return histogram;
}

/// Of each run that finished, and of all of them together.
void check_latencies_of_point(Checker& checker, const std::string& where, const Json& point) {
  const Json load = point.value("load", Json());
  Histogram all;
  Histogram from_send;
  for (const Json& run : point.at("runs")) {
    if (!is_finished(run)) continue;
    all.add(check_latencies(checker, where, run));
    if (load.is_null()) continue;
    from_send.add(check_latencies(checker, where + " as_closed_loop", run.at("as_closed_loop")));
  }
  check_latency(checker, where + " latency_ns", point.at("latency_ns"), all);
  if (load.is_null()) return;
  check_latency(checker, where + " load.as_closed_loop_ns", load.at("as_closed_loop_ns"),
                from_send);
}

void check_run(Checker& checker, const std::string& where, const Json& run) {
  const Json& ledger = run.at("ledger");
  checker.expect(where + " ledger.balances", ledger.at("balances"), balances(ledger));
  check_derived(checker, where, run);
  if (!is_finished(run) || run.at("wall_ns") == 0) return;
  checker.expect(where + " throughput_per_s", run.at("throughput_per_s"),
                 ledger.at("applied").get<double>() * 1e9 / run.at("wall_ns").get<double>());
}

void check_summary(Checker& checker, const std::string& where, const Json& is,
                   const std::vector<double>& values) {
  if (values.empty()) return checker.expect(where, is, nullptr);
  const Summary should = summarize(values);
  checker.expect(where + ".median", is.at("median"), should.median);
  checker.expect(where + ".lowest", is.at("lowest"), should.lowest);
  checker.expect(where + ".highest", is.at("highest"), should.highest);
  if (!is.contains("interval")) return;
  const Json interval = to_json(should).value("interval", Json());
  checker.expect(where + ".interval", is["interval"], interval);
}

void check_ledgers(Checker& checker, const std::string& where, const Json& point) {
  for (const char* kind : kKinds) {
    std::uint64_t sum = 0;
    std::uint64_t worst = 0;
    for (const Json& run : point.at("runs")) {
      const auto count = run.at("ledger").at(kind).get<std::uint64_t>();
      sum += count;
      worst = std::max(worst, count);
    }
    checker.expect(where + " sum." + kind, point.at("sum").at(kind), sum);
    checker.expect(where + " worst." + kind, point.at("worst").at(kind), worst);
  }
}

/// Of each repetition that finished in both.
std::vector<double> ratios(const Json& point, const Json& base) {
  std::vector<double> all;
  const Json& of = point.at("runs");
  const Json& to = base.at("runs");
  for (std::size_t i = 0; i < std::min(of.size(), to.size()); ++i) {
    if (!is_finished(of[i]) || !is_finished(to[i])) continue;
    const auto rate = to[i].at("throughput_per_s").get<double>();
    if (rate > 0) all.push_back(of[i].at("throughput_per_s").get<double>() / rate);
  }
  return all;
}

/// Null: there is none, or it is loaded, and its rate is what was offered.
const Json* base_of(const Json& points, const Json& point) {
  if (!point.value("load", Json()).is_null()) return nullptr;
  const auto base = std::find_if(points.begin(), points.end(), [&](const Json& other) {
    const bool is_alike = std::all_of(kAlike.begin(), kAlike.end(), [&](const char* key) {
      return other.value(key, Json()) == point.value(key, Json());
    });
    return other.at("mode") == "thread-mutex" && is_alike;
  });
  return base == points.end() ? nullptr : &*base;
}

/// Every figure of a point that sums up one of the same name in its runs.
void check_summaries(Checker& checker, const std::string& where, const Json& point) {
  for (const auto& [figure, is] : point.items()) {
    if (!is.is_object() || !is.contains("median") || figure == "ratio_to_thread_mutex") continue;
    std::vector<double> values;
    for (const Json& run : point.at("runs")) {
      if (is_finished(run)) values.push_back(run.at(figure).get<double>());
    }
    check_summary(checker, where + " " + figure, is, values);
  }
}

void check_point(Checker& checker, const Json& points, const Json& point) {
  const std::string where = point.at("mode").get<std::string>() + ", " +
                            point.at("writers").dump() + " writers, " + point.at("hold_ns").dump() +
                            " ns:";
  std::uint64_t unfinished = 0;
  for (const Json& run : point.at("runs")) {
    check_run(checker, where, run);
    unfinished += is_finished(run) ? 0 : 1;
  }
  checker.expect(where + " unfinished", point.at("unfinished"), unfinished);
  checker.expect(where + " has a rate", !point.at("throughput_per_s").is_null(),
                 unfinished < point.at("runs").size());
  check_summaries(checker, where, point);
  check_latencies_of_point(checker, where, point);
  check_ledgers(checker, where, point);
  if (const Json* const base = base_of(points, point); base != nullptr) {
    check_summary(checker, where + " ratio_to_thread_mutex", point.at("ratio_to_thread_mutex"),
                  ratios(point, *base));
  }
}

void check_cell(Checker& checker, const Json& cell) {
  if (cell.at("outcome").is_null()) return;
  const std::string where =
      cell.at("mode").get<std::string>() + " with " + cell.at("fault").get<std::string>() + ":";
  checker.expect(where + " ledger.balances", cell.at("ledger").at("balances"),
                 balances(cell.at("ledger")));
  const bool is_as_theory = cell.at("theory").is_null() || cell.at("theory") == cell.at("outcome");
  checker.expect(where + " as_theory", cell.at("as_theory"), is_as_theory);
}

}  // namespace

Result<Checked> check_figures(const Figures& figures) {
  // What a report can be made of has all that is looked at here, but for what only a check reads.
  if (auto study = study_of({figures}); !study) return study.error();
  Checker checker;
  try {
    if (figures.json.contains("points")) {
      const Json& points = figures.json["points"];
      for (const Json& point : points) check_point(checker, points, point);
    }
    if (figures.json.contains("cells")) {
      for (const Json& cell : figures.json["cells"]) check_cell(checker, cell);
    }
  } catch (const Json::exception& error) {
    return Error{Errc::malformed, "cannot check " + figures.name + ": " + error.what() +
                                      "; give what `cortado compare --json` or `cortado faults "
                                      "--json` wrote"};
  }
  return checker.take();
}

}  // namespace cortado::lab
