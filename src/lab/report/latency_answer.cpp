// Which mode has an order through soonest, when there is time to spare.
#include <algorithm>

#include "lab/report/answers.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

bool is_race(const std::string& mode) {
  return mode.find("race") != std::string::npos;
}

std::string p99_text(const StudyLoad& load) {
  return load.mode + " " + time_text(load.p99.median) + " (" + time_text(load.p99.lowest) + " to " +
         time_text(load.p99.highest) + ")";
}

/// With the least load that was offered, the soonest first.
std::vector<const StudyLoad*> at_ease(const StudyComparison& comparison) {
  std::vector<const StudyLoad*> all;
  for (const StudyLoad& load : comparison.loads) {
    if (!is_race(load.mode) && load.is_clean) all.push_back(&load);
  }
  std::sort(all.begin(), all.end(), [](const StudyLoad* a, const StudyLoad* b) {
    return std::pair(a->part, a->p99.median) < std::pair(b->part, b->p99.median);
  });
  const auto end = std::find_if(all.begin(), all.end(), [&](const StudyLoad* load) {
    return load->part != all[0]->part || load->writers != all[0]->writers ||
           load->hold_ns != all[0]->hold_ns;
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
  for (const StudyLoad* load : all) {
    if (load->p99.lowest <= first.p99.highest) {
      best.push_back(load->mode);
    }
    others += (others.empty() ? "" : "; ") + p99_text(*load);
  }
  ReportAnswer answer;
  answer.question = "An order must be through soon, there is time to spare, and nobody crashes: " +
                    counted(first.writers, "writer") + ", " + work_text(first.hold_ns) +
                    " on each order";
  answer.answer = "Choose " + simplest_first(best)[0] +
                  (best.size() == 1 ? "."
                                    : ", the simplest of " + std::to_string(best.size()) +
                                          " that show no certain difference.");
  answer.because.push_back("Offered " + percent(first.part) +
                           " of what each can do, 99 of 100 orders are through within: " + others +
                           ". From when each was due.");
  if (first.writers >= comparison.cores()) {
    answer.because.push_back(
        "An owner is one runner more, and here the " + counted(first.writers, "writer") +
        " have all " + counted(comparison.cores(), "processor") +
        ": in a ring mode an order waits until the scheduler lets the owner run, which takes "
        "milliseconds. With a processor for the owner most of that wait is gone: measure there.");
  }
  return answer;
}

}  // namespace cortado::lab
