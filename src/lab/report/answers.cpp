// The first thing that a reader wants: which mode to choose for what, with the figures that say so.
#include "lab/report/answers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>
#include <utility>

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

/// Where something was measured.
struct Spot {
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;

  bool operator==(const Spot&) const = default;
};

/// With so many writers: on both sides of the work that was asked for; one, if it was measured, or
/// lies beyond all that was.
std::vector<Spot> around(std::uint32_t writers, const std::vector<std::uint64_t>& holds,
                         std::uint64_t hold_ns) {
  if (holds.empty()) return {};
  const auto above = std::lower_bound(holds.begin(), holds.end(), hold_ns);
  if (above == holds.end()) return {{writers, holds.back()}};
  if (*above == hold_ns || above == holds.begin()) return {{writers, *above}};
  return {{writers, *std::prev(above)}, {writers, *above}};
}

/// Whether what was asked for lies between them, or is one of them.
bool has_between(const std::vector<Spot>& spots, std::uint64_t hold_ns) {
  return !spots.empty() && spots.front().hold_ns <= hold_ns && spots.back().hold_ns >= hold_ns;
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

std::string where_text(const Spot& spot) {
  return "with " + counted(spot.writers, "writer") + " and " + work_text(spot.hold_ns) +
         " on each order";
}

std::string at_begin(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

/// What was measured there.
std::string evidence(const Choice& choice, const Spot& spot) {
  std::string text = at_begin(where_text(spot)) + ": ";
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

/// The same, of a neighbour: "process-ring, thread-ring; 3.2 times the rate of thread-mutex. "
std::string brief_evidence(const Choice& choice, const Spot& spot) {
  std::string text = at_begin(where_text(spot)) + ": ";
  for (const StudyPoint* point : choice.best) {
    text += (point == choice.best[0] ? "" : ", ") + point->mode;
  }
  if (choice.next != nullptr) {
    text += "; " + times_text(*choice.best[0], *choice.next) + " times the rate of " +
            choice.next->mode;
  }
  return text + ". ";
}

/// What the trust costs.
std::string price(const Choice& choice, Trust trust) {
  if (choice.not_trusted == nullptr) return {};
  const StudyPoint& chosen = *choice.best[0];
  const StudyPoint& other = *choice.not_trusted;
  const bool is_told = is_slower_for_certain(chosen, other) || is_slower_for_certain(other, chosen);
  return std::string("The fastest of those ") +
         (trust == Trust::none ? "that a writer's crash harms" : "whose writers are processes") +
         " is " + point_text(other) + ": " +
         (is_told ? "the choice has " + times_text(chosen, other) + " times its rate. "
                  : "no certain difference. ");
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

/// A rate says nothing of how long an order waits in line.
std::string latency_text(const StudyComparison& comparison, const std::string& mode,
                         const Spot& spot) {
  const StudyPoint* const chosen = comparison.find(mode, spot.writers, spot.hold_ns);
  const StudyPoint* const lock = comparison.find("thread-mutex", spot.writers, spot.hold_ns);
  const bool is_told = chosen != nullptr && chosen->latency && lock != nullptr && lock->latency;
  if (mode == "thread-mutex" || !is_told) return {};
  return "A rate is not a latency: " + where_text(spot) +
         ", each as fast as it may, half of the orders take " + time_text(chosen->latency->p50) +
         " in " + mode + (is_lock(mode) ? "" : ", where they wait in line,") + " and " +
         time_text(lock->latency->p50) + " in thread-mutex.";
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

/// What was chosen where.
struct Found {
  Spot spot;
  Choice choice;
};

/// Where to look: with as many writers as asked for, if the work lies between two amounts that were
/// measured there. Else with the nearest number of writers, and with the next fewer and the next
/// more of which that is so.
std::vector<Spot> spots_for(const StudyComparison& comparison, const Case& asked) {
  const auto with = [&](std::uint32_t writers) {
    return around(writers, holds_with(comparison, writers), asked.hold_ns);
  };
  std::vector<Spot> spots = with(asked.writers);
  if (has_between(spots, asked.hold_ns)) return spots;
  std::vector<Spot> fewer, more;
  for (const std::uint32_t other : comparison.writers()) {
    const auto there = with(other);
    if (!has_between(there, asked.hold_ns)) continue;
    if (other < asked.writers) fewer = there;
    if (other > asked.writers && more.empty()) more = there;
  }
  spots = with(nearest(comparison, asked));
  for (const auto* neighbours : {&fewer, &more}) {
    for (const Spot& spot : *neighbours) {
      if (std::find(spots.begin(), spots.end(), spot) == spots.end()) spots.push_back(spot);
    }
  }
  return spots;
}

/// The modes that are best everywhere.
std::vector<std::string> common_names(const std::vector<Found>& all) {
  std::vector<std::string> names = names_of(all.front().choice);
  for (const Found& found : all) {
    const std::vector<std::string> others = names_of(found.choice);
    names.erase(std::remove_if(names.begin(), names.end(),
                               [&](const std::string& name) {
                                 return std::find(others.begin(), others.end(), name) ==
                                        others.end();
                               }),
                names.end());
  }
  return names;
}

std::string answer_text(const std::vector<Found>& all) {
  const auto names = common_names(all);
  if (!names.empty()) return "Choose " + named(names) + ".";
  if (all.size() == 2 && all[0].spot.writers == all[1].spot.writers) {
    return "Choose " + named(names_of(all[0].choice)) + " up to " + work_text(all[0].spot.hold_ns) +
           ", " + named(names_of(all[1].choice)) + " from " + work_text(all[1].spot.hold_ns) +
           " on; in between, measure your own.";
  }
  std::string text = "It depends, so measure your own. ";
  for (const Found& found : all) {
    text += at_begin(where_text(found.spot)) + ": " + named(names_of(found.choice)) + ". ";
  }
  text.pop_back();
  return text;
}

/// The most that one thread can do there, beside the choice.
std::string ceiling_text(const StudyComparison& comparison, const Found& found) {
  const StudyPoint* const alone = comparison.ceiling(found.spot.hold_ns);
  if (alone == nullptr) return {};
  return "One thread alone, which shares with nobody, does " + rate_text(alone->rate->median) +
         " orders/s there. ";
}

/// What holds of all these figures.
std::string conditions(const StudyComparison& comparison, const std::vector<Found>& all) {
  const bool is_crowded = std::any_of(all.begin(), all.end(), [](const Found& found) {
    return std::any_of(found.choice.best.begin(), found.choice.best.end(),
                       [](const StudyPoint* point) { return point->is_oversubscribed; });
  });
  std::string text = "Measured with " +
                     comparison.orders_text(all.front().choice.best[0]->payload) +
                     ", and writers that do nothing between two orders, so that the lock or the "
                     "queue is always wanted";
  if (is_crowded) {
    text += "; there were more runners than the " + counted(comparison.cores(), "processor") +
            " of this machine, so that the scheduler is measured, too";
  }
  return text + ".";
}

ReportAnswer answer(const Study& study, const StudyComparison& comparison, const Case& asked) {
  std::vector<Found> all;
  for (const Spot& spot : spots_for(comparison, asked)) {
    Choice choice = choose(study, comparison, spot.writers, spot.hold_ns, asked.trust);
    if (!choice.best.empty()) all.push_back({spot, std::move(choice)});
  }
  ReportAnswer answer;
  answer.question = std::string(asked.who) + ": " + counted(asked.writers, "writer") + ", " +
                    work_text(asked.hold_ns) + " on each order";
  if (all.empty()) {
    answer.answer =
        "Nothing that was measured here will do: no mode that may be chosen came out clean.";
    return answer;
  }
  answer.answer = answer_text(all);
  const Found& first = all.front();
  for (const Found& found : all) {
    const bool is_near = found.spot.writers == first.spot.writers;
    std::string text =
        is_near ? evidence(found.choice, found.spot) : brief_evidence(found.choice, found.spot);
    if (&found == &first)
      text += price(found.choice, asked.trust) + ceiling_text(comparison, found);
    answer.because.push_back(std::move(text));
  }
  const auto everywhere = common_names(all);
  const std::string chosen = everywhere.empty() ? names_of(first.choice)[0] : everywhere[0];
  const std::string latency = latency_text(comparison, chosen, first.spot);
  if (!latency.empty()) answer.because.push_back(latency);
  if (asked.trust == Trust::none) {
    answer.because.push_back(survival_text(study, first.choice) +
                             ruled_out_text(study, comparison));
  }
  answer.because.push_back(conditions(comparison, all));
  const bool is_exact = first.spot == Spot{asked.writers, asked.hold_ns};
  const bool is_between = all.size() == 2 && first.spot.writers == asked.writers &&
                          all[1].spot.writers == asked.writers;
  if (!is_exact) {
    answer.because.push_back(
        "Not measured itself: " +
        std::string(is_between ? "it lies between these two." : "these are the nearest."));
  }
  return answer;
}

}  // namespace

std::vector<ReportAnswer> answers_from(const Study& study, const StudyComparison& comparison) {
  std::vector<ReportAnswer> answers;
  answers.reserve(kCases.size() + 2);
  for (const Case& asked : kCases) answers.push_back(answer(study, comparison, asked));
  if (auto soon = answer_of_latency(comparison)) answers.push_back(std::move(*soon));
  if (auto locks = answer_of_locks(study, comparison)) answers.push_back(std::move(*locks));
  return answers;
}

}  // namespace cortado::lab
