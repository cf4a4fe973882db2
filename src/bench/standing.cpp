#include "bench/standing.hpp"

#include <algorithm>
#include <string_view>

namespace cortado::bench {
namespace {

using Figure = double (*)(const Figures&);

double rate(const Figures& figures) {
  return figures.per_second();
}
double ns(const Figures& figures) {
  return figures.ns_per_message;
}
double p50(const Figures& figures) {
  return figures.p50_ns;
}
double p99(const Figures& figures) {
  return figures.p99_ns;
}
double fairness(const Figures& figures) {
  return figures.fairness_jain;
}

constexpr std::string_view kUs = "cortado";
/// A cache line takes about 90 ns to the other processor and back, or about 400.
constexpr double kAlike = 1.5;
constexpr std::size_t kFewest = 3;

/// Of two runs: the processors were about as far apart before both.
bool are_alike(const Figures& one, const Figures& other) {
  const auto [near, far] = std::minmax(one.bounce_ns, other.bounce_ns);
  return far <= kAlike * near || near == 0;
}

/// One figure beside another, in each repetition that has both.
struct Ratio {
  const Entry* of;
  Figure of_figure;
  const Entry* to;
  Figure to_figure;

  /// Of repetitions in which both runs were alike; of all that there are, if these are too few.
  void judge(Goal& goal) const {
    if (of == nullptr || to == nullptr) return;
    std::vector<double> ratios;
    std::vector<double> alike;
    for (std::size_t i = 0; i < std::min(of->runs.size(), to->runs.size()); ++i) {
      if (!of->runs[i] || !to->runs[i]) continue;
      const double divisor = to_figure(*to->runs[i]);
      if (divisor <= 0) continue;
      ratios.push_back(of_figure(*of->runs[i]) / divisor);
      if (are_alike(*of->runs[i], *to->runs[i])) alike.push_back(ratios.back());
    }
    if (ratios.empty()) return;
    const bool are_enough = alike.size() >= std::min(kFewest, ratios.size());
    (are_enough ? goal.left_out : goal.unlike) = ratios.size() - alike.size();
    goal.figure = lab::summarize(are_enough ? std::move(alike) : std::move(ratios));
  }
};

class Goals {
 public:
  explicit Goals(const Outcome& outcome) : outcome_(outcome) {}

  std::vector<Goal> all() {
    for (const Entry& entry : outcome_.entries) {
      if (entry.contestant->name == kUs) judge(entry);
    }
    return std::move(goals_);
  }

 private:
  void judge(const Entry& us) {
    switch (us.point.kind) {
      case Kind::throughput:
        return judge_throughput(us);
      case Kind::round_trip:
        return judge_round_trip(us);
      case Kind::fan_in:
        return judge_fan_in(us);
      case Kind::idle:
        return add_value(us, "CPU time of all in 10 s of idleness, s", false, 0.1,
                         [](const Figures& figures) { return figures.cpu_ns / 1e9; });
      case Kind::lock:
        constexpr double kTimes = 8;
        return add(us, "orders applied, to thread-mutex's", true, kTimes,
                   {&us, rate, find(us, "thread-mutex"), rate});
    }
  }

  void judge_throughput(const Entry& us) {
    const Entry* const peer = best_peer(us, rate, true);
    const std::size_t bytes = us.point.bytes;
    constexpr std::size_t kShort = 64;
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    if (bytes <= kShort) {
      add(us, "throughput, to the fastest peer's", true, 1.3, {&us, rate, peer, rate});
      add(us, "ns a message, to the raw stream's", false, 1.5,
          {&us, ns, find(us, "raw-stream"), ns});
    } else if (bytes < kMiB) {
      add(us, "throughput, to the fastest peer's", true, 1, {&us, rate, peer, rate});
      add(us, "claimed and read in place, to memcpy's", true, 0.8,
          {find(us, "cortado-trusted"), rate, find(us, "memcpy"), rate});
    }
    const Entry* const plain = find(us, "cortado-plain");
    if (plain == nullptr) return;
    add(us, "trivially copyable struct, to bytes", true, 0.95, {plain, rate, &us, rate});
    add(us, "struct by cereal, to bytes", true, 0.5, {find(us, "cortado-typed"), rate, &us, rate});
  }

  void judge_round_trip(const Entry& us) {
    switch (us.point.waiting) {
      case Waiting::polling: {
        const Entry* const line = find(us, "cache-line");
        add(us, "p50, to a cache line's", false, 1.1, {&us, p50, line, p50});
        add(us, "p50, to the fastest peer's", false, 1, {&us, p50, best_peer(us, p50, false), p50});
        return add(us, "p99, to a cache line's p50", false, 2, {&us, p99, line, p50});
      }
      case Waiting::spin_then_sleep: {
        Point polling = us.point;
        polling.waiting = Waiting::polling;
        return add(us, "p50, to its own polling", false, 1.2,
                   {&us, p50, outcome_.find(polling, kUs), p50});
      }
      case Waiting::sleeping:
        return add(us, "p50, to an eventfd's", false, 1.15, {&us, p50, find(us, "eventfd"), p50});
    }
  }

  void judge_fan_in(const Entry& us) {
    constexpr std::uint32_t kMany = 1000;
    if (us.point.writers == 4 || us.point.writers == 8) {
      add(us, "throughput, to the fastest peer's", true, 1.3,
          {&us, rate, best_peer(us, rate, true), rate});
      add_value(us, "fairness (Jain)", true, 0.95, fairness);
    }
    if (us.point.writers != kMany) return;
    Point eight = us.point;
    eight.writers = 8;
    add(us, "throughput, to that of 8", true, 0.5, {&us, rate, outcome_.find(eight, kUs), rate});
    // Rings, 2 MiB, and 16 KiB a lane.
    const auto memory = [](const Figures& figures) { return figures.memory_bytes / (1 << 20); };
    const double allowed =
        static_cast<double>(kMany) * (static_cast<double>(ring_bytes_for(us.point.bytes)) + 16384) +
        (2 << 20);
    add_value(us, "memory of the owner, MiB", false, allowed / (1 << 20), memory);
  }

  const Entry* find(const Entry& beside, std::string_view name) const {
    return outcome_.find(beside.point, name);
  }

  /// At the same point, by the median.
  const Entry* best_peer(const Entry& beside, Figure figure, bool most) const {
    const Entry* best = nullptr;
    for (const Entry& entry : outcome_.entries) {
      if (entry.contestant->role != Role::peer || !(entry.point == beside.point)) continue;
      if (!entry.is_measured()) continue;
      const double median = entry.summary(figure).median;
      if (best == nullptr ||
          (most ? median > best->summary(figure).median : median < best->summary(figure).median)) {
        best = &entry;
      }
    }
    return best;
  }

  static std::string title(const Entry& us, const std::string& what) {
    return std::string(name_of(us.point.kind)) + ", " + to_string(us.point) + ": " + what;
  }

  void add(const Entry& us, const std::string& what, bool is_least, double bound,
           const Ratio& ratio) {
    const std::string against = ratio.to == nullptr ? "" : std::string(ratio.to->contestant->name);
    Goal goal{title(us, what), against, is_least, bound, "x", std::nullopt, 0, 0};
    ratio.judge(goal);
    goals_.push_back(std::move(goal));
  }
  void add_value(const Entry& us, const std::string& what, bool is_least, double bound,
                 Figure figure) {
    std::optional<lab::Summary> value;
    if (us.is_measured()) value = us.summary(figure);
    goals_.push_back({title(us, what), "", is_least, bound, "", value, 0, 0});
  }

  const Outcome& outcome_;
  std::vector<Goal> goals_;
};

}  // namespace

std::vector<Goal> standing_of(const Outcome& outcome) {
  return Goals(outcome).all();
}

}  // namespace cortado::bench
