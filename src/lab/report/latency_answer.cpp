// Which mode has an order through soonest, when there is time to spare.
#include <algorithm>
#include <tuple>
#include <utility>

#include "lab/report/answers.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

std::string p99_text(const StudyLoad& load) {
  return load.mode + " " + time_text(load.p99.median) + " (" + time_text(load.p99.lowest) + " to " +
         time_text(load.p99.highest) + ")";
}

auto place_of(const StudyLoad& load) {
  return std::tuple(load.part, load.writers, load.hold_ns);
}

/// With the least load that was offered, the fewest writers and the least work: the soonest first.
/// Beyond the capacity nothing is soon.
std::vector<const StudyLoad*> at_ease(const StudyComparison& comparison) {
  std::vector<const StudyLoad*> all;
  for (const StudyLoad& load : comparison.loads) {
    const bool is_told = load.is_clean && load.p99.median > 0;
    if (is_to_choose(load.mode) && is_told && load.part < 1) all.push_back(&load);
  }
  std::sort(all.begin(), all.end(), [](const StudyLoad* a, const StudyLoad* b) {
    return std::pair(place_of(*a), a->p99.median) < std::pair(place_of(*b), b->p99.median);
  });
  const auto end = std::find_if(all.begin(), all.end(), [&](const StudyLoad* load) {
    return place_of(*load) != place_of(*all[0]);
  });
  all.erase(end, all.end());
  return all;
}

}  // namespace

std::optional<ReportAnswer> answer_of_latency(const StudyComparison& comparison) {
  const std::vector<const StudyLoad*> all = at_ease(comparison);
  if (all.size() < 2) return std::nullopt;
  const StudyLoad& first = *all[0];
  std::vector<std::string> best;
  std::string others;
  bool is_owner_late = false;
  for (const StudyLoad* load : all) {
    const bool is_later = load->p99.lowest > first.p99.highest;
    if (!is_later) best.push_back(load->mode);
    is_owner_late = is_owner_late || (is_later && !is_lock(load->mode));
    others += (others.empty() ? "" : "; ") + p99_text(*load);
  }
  ReportAnswer answer;
  answer.question = "An order must be through soon, there is time to spare, and nobody crashes: " +
                    counted(first.writers, "writer") + ", " + work_text(first.hold_ns) +
                    " on each order";
  answer.answer = "Choose " + named(simplest_first(best)) + ".";
  answer.because.push_back("Offered " + percent(first.part) +
                           " of what each can do, 99 of 100 orders are through within: " + others +
                           ". From when each was due.");
  if (is_owner_late && first.writers >= comparison.cores()) {
    answer.because.push_back(
        "An owner is one runner more, and here " + counted(first.writers, "writer") + " had " +
        counted(comparison.cores(), "processor") +
        ": orders may wait until the scheduler lets the owner run. With a processor of its own for "
        "the owner, measure again.");
  }
  return answer;
}

}  // namespace cortado::lab
