// The first thing that a reader wants: which mode to choose for what, with the figures that say so.
#include "lab/report/answers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "lab/report/choice.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

/// What people come with.
struct Case {
  const char* who;
  std::uint32_t writers;
  std::uint64_t hold_ns;
  Trust trust;
};
constexpr std::array kCases{
    Case{"Writers that may crash (plug-ins, parsers, somebody else's code)", 8, 1000, Trust::none},
    Case{"Threads of one program that never crash", 2, 50, Trust::threads},
    Case{"Speed above all, and nobody crashes", 4, 10, Trust::all},
};

/// Those measured on both sides of what was asked for; the same twice, if it was measured.
struct Around {
  std::uint64_t below = 0;
  std::uint64_t above = 0;
};
Around around(const std::vector<std::uint64_t>& holds, std::uint64_t hold_ns) {
  const auto above = std::lower_bound(holds.begin(), holds.end(), hold_ns);
  if (above == holds.end()) return {holds.back(), holds.back()};
  if (*above == hold_ns || above == holds.begin()) return {*above, *above};
  return {*std::prev(above), *above};
}

/// The number of writers at which something was measured that is nearest to what was asked for: a
/// factor in writers counts as much as its square in work. No work is like 5 ns.
std::uint32_t nearest(const StudyComparison& comparison, const Case& asked) {
  const auto apart = [](double a, double b) { return std::abs(std::log(a / b)); };
  const auto distance = [&](const StudyPoint& point) {
    return apart(point.writers, asked.writers) +
           apart(5 + static_cast<double>(point.hold_ns), 5 + static_cast<double>(asked.hold_ns)) /
               2;
  };
  std::uint32_t writers = 0;
  double least = 0;
  for (const StudyPoint& point : comparison.points) {
    if (!is_candidate(point) || (writers != 0 && distance(point) >= least)) continue;
    writers = point.writers;
    least = distance(point);
  }
  return writers;
}

/// What was measured with so many writers.
std::vector<std::uint64_t> holds_with(const StudyComparison& comparison, std::uint32_t writers) {
  std::vector<std::uint64_t> holds;
  for (const StudyPoint& point : comparison.points) {
    if (point.writers == writers && is_candidate(point)) holds.push_back(point.hold_ns);
  }
  std::sort(holds.begin(), holds.end());
  return holds;
}

std::string point_text(const StudyPoint& point) {
  return point.mode + " " + rate_text(point.rate->median) + " orders/s (" +
         rate_text(point.rate->lowest) + " to " + rate_text(point.rate->highest) + ")";
}

std::string times_text(const StudyPoint& of, const StudyPoint& to) {
  return rate_text(of.rate->median / to.rate->median);
}

std::string where_text(std::uint32_t writers, std::uint64_t hold_ns) {
  return "With " + counted(writers, "writer") + " and " + work_text(hold_ns) + " on each order: ";
}

/// What was measured there.
std::string evidence(const Choice& choice, std::uint32_t writers, std::uint64_t hold_ns) {
  std::string text = where_text(writers, hold_ns);
  for (const StudyPoint* point : choice.best) {
    text += (point == choice.best[0] ? "" : ", ") + point_text(*point);
  }
  if (choice.best.size() > 1) text += ", whose intervals overlap, so that none is the faster";
  text += ". ";
  if (choice.next != nullptr) {
    text += "The next, " + point_text(*choice.next) + ", is slower: the first has " +
            times_text(*choice.best[0], *choice.next) + " times its rate. ";
  }
  return text;
}

std::string price(const Choice& choice, Trust trust) {
  if (choice.not_trusted == nullptr) return {};
  return std::string("The fastest of those ") +
         (trust == Trust::none ? "that a writer's crash harms" : "whose writers are processes") +
         " is " + point_text(*choice.not_trusted) + "; the choice has " +
         times_text(*choice.best[0], *choice.not_trusted) + " times its rate. ";
}

std::string crowd(const Choice& choice, std::uint32_t cores) {
  const bool is_crowded =
      std::any_of(choice.best.begin(), choice.best.end(),
                  [](const StudyPoint* point) { return point->is_oversubscribed; });
  if (!is_crowded) return {};
  return "More runners than the " + counted(cores, "processor") +
         " of this machine: the scheduler is measured, too. ";
}

std::string survival_text(const Study& study, const Choice& choice) {
  std::string text;
  for (const StudyPoint* point : choice.best) {
    const Survival survival = survival_of(study, point->mode);
    text += "A writer of " + point->mode +
            " that throws, crashes, is killed, is stopped or writes wildly leaves all others and "
            "the buffer intact (" +
            (survival.was_seen ? "each was tried, see the faults"
                               : "theory, not tried here: run cortado faults") +
            "). ";
  }
  return text;
}

/// A rate says nothing of how long an order waits in line: what else was measured of the choice.
std::string latency_text(const StudyComparison& comparison, const std::string& mode,
                         std::uint32_t most_writers) {
  const StudyPoint* measured = nullptr;
  for (const StudyPoint& point : comparison.points) {
    const bool is_like_it = point.mode == mode && point.latency && point.writers <= most_writers;
    if (is_like_it && (measured == nullptr || point.writers > measured->writers)) {
      measured = &point;
    }
  }
  if (measured == nullptr) return {};
  const StudyPoint* const lock =
      comparison.find("thread-mutex", measured->writers, measured->hold_ns);
  if (mode == "thread-mutex" || lock == nullptr || !lock->latency) return {};
  return "A rate is not a latency: with " + counted(measured->writers, "writer") + " and " +
         work_text(measured->hold_ns) + ", each as fast as it may, half of the orders take " +
         time_text(measured->latency->p50) + " in " + mode + ", and " +
         time_text(lock->latency->p50) + " in thread-mutex. Under less load: see Latency.";
}

/// Why the others are not: of each, what becomes of it.
std::string ruled_out_text(const Study& study, const StudyComparison& comparison) {
  std::string text;
  for (const std::string& mode : comparison.modes()) {
    const Survival survival = survival_of(study, mode);
    const bool is_known = survival.worst.rfind("unknown", 0) != 0;
    if (survival.survives || !is_known || mode.find("race") != std::string::npos) continue;
    text += (text.empty() ? "Ruled out: " : "; ") + mode + ": " + survival.worst;
  }
  return text.empty() ? text : text + ".";
}

/// The modes that are best on both sides.
std::vector<std::string> common_names(const Choice& below, const Choice& above) {
  std::vector<std::string> names = names_of(below);
  const std::vector<std::string> others = names_of(above);
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& name) {
                               return std::find(others.begin(), others.end(), name) == others.end();
                             }),
              names.end());
  return names;
}

/// "process-ring", "thread-mutex, the simplest of 2 that show no certain difference"
std::string named(const std::vector<std::string>& names) {
  if (names.size() == 1) return names[0];
  return names[0] + ", the simplest of " + std::to_string(names.size()) +
         " that show no certain difference";
}

std::string answer_text(const Choice& below, const Choice& above, const Around& holds) {
  if (below.best.empty() || above.best.empty()) {
    return "Nothing that was measured here will do: no safe mode came out clean.";
  }
  const auto names = common_names(below, above);
  if (!names.empty()) return "Choose " + named(names) + ".";
  return "Choose " + named(names_of(below)) + " up to " + work_text(holds.below) + ", " +
         named(names_of(above)) + " from " + work_text(holds.above) +
         " on; in between, measure your own.";
}

ReportAnswer answer(const Study& study, const StudyComparison& comparison, const Case& asked) {
  const std::uint32_t writers = nearest(comparison, asked);
  const std::vector<std::uint64_t> measured = holds_with(comparison, writers);
  const Around holds = measured.empty() ? Around{} : around(measured, asked.hold_ns);
  const Choice below = choose(study, comparison, writers, holds.below, asked.trust);
  const Choice above = choose(study, comparison, writers, holds.above, asked.trust);
  ReportAnswer answer;
  answer.question = std::string(asked.who) + ": " + counted(asked.writers, "writer") + ", " +
                    work_text(asked.hold_ns) + " on each order";
  answer.answer = answer_text(below, above, holds);
  if (below.best.empty() || above.best.empty()) return answer;
  const auto tell = [&](const Choice& choice, std::uint64_t hold) {
    answer.because.push_back(evidence(choice, writers, hold) + price(choice, asked.trust) +
                             crowd(choice, comparison.cores()));
  };
  tell(below, holds.below);
  if (holds.above != holds.below) tell(above, holds.above);
  const std::string latency = latency_text(comparison, names_of(below)[0], writers);
  if (!latency.empty()) answer.because.push_back(latency);
  if (asked.trust == Trust::none) {
    answer.because.push_back(survival_text(study, below) + ruled_out_text(study, comparison));
  }
  if (writers != asked.writers || (holds.below == holds.above && holds.below != asked.hold_ns)) {
    answer.because.emplace_back("This is the nearest that was measured.");
  }
  return answer;
}

}  // namespace

std::vector<ReportAnswer> answers_from(const Study& study, const StudyComparison& comparison) {
  std::vector<ReportAnswer> answers;
  answers.reserve(kCases.size());
  for (const Case& asked : kCases) answers.push_back(answer(study, comparison, asked));
  return answers;
}

ReportTable map_of(const Study& study, const StudyComparison& comparison, Trust trust) {
  ReportTable map;
  map.head.emplace_back("work on each order");
  for (const std::uint32_t writers : comparison.writers()) {
    map.head.push_back(counted(writers, "writer"));
  }
  for (const std::uint64_t hold : comparison.holds()) {
    auto& row = map.rows.emplace_back();
    row.push_back({work_text(hold)});
    for (const std::uint32_t writers : comparison.writers()) {
      const Choice choice = choose(study, comparison, writers, hold, trust);
      if (choice.best.empty()) {
        row.push_back({"-", "none"});
        continue;
      }
      std::string text;
      for (const StudyPoint* point : choice.best) text += (text.empty() ? "" : ", ") + point->mode;
      if (choice.next != nullptr) {
        text += ", " + times_text(*choice.best[0], *choice.next) + " x " + choice.next->mode;
      }
      const bool all_rings = std::all_of(
          choice.best.begin(), choice.best.end(),
          [](const auto* point) { return point->mode.find("ring") != std::string::npos; });
      const bool some_ring = std::any_of(
          choice.best.begin(), choice.best.end(),
          [](const auto* point) { return point->mode.find("ring") != std::string::npos; });
      row.push_back({text, all_rings ? "message" : some_ring ? "tie" : "lock"});
    }
  }
  return map;
}

}  // namespace cortado::lab
