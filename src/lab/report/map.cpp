// Over everything that was measured: who is ahead where, and where a lock is.
#include <algorithm>

#include "lab/report/answers.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

bool is_lock(const std::string& mode) {
  return mode.find("mutex") != std::string::npos;
}

/// A lock has the highest rate, or none is higher for certain and it is the simplest.
bool has_lock_in_front(const Choice& choice) {
  return !choice.best.empty() && is_lock(names_of(choice)[0]);
}

struct Place {
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  std::uint32_t payload = 0;

  bool operator==(const Place&) const = default;
};

std::string text_of(const Place& place) {
  return counted(place.writers, "writer") + " and " + work_text(place.hold_ns) +
         (place.payload == 0 ? "" : ", orders of " + counted(place.payload, "byte"));
}

struct Measured {
  Place place;
  std::vector<const StudyPoint*> points;
};

std::vector<Measured> places_of(const StudyComparison& comparison) {
  std::vector<Measured> all;
  for (const auto* points : {&comparison.points, &comparison.longer}) {
    for (const StudyPoint& point : *points) {
      if (!is_candidate(point)) continue;
      const Place place{point.writers, point.hold_ns, point.payload};
      auto found = std::find_if(all.begin(), all.end(),
                                [&](const Measured& one) { return one.place == place; });
      if (found == all.end()) found = all.insert(all.end(), {place, {}});
      found->points.push_back(&point);
    }
  }
  return all;
}

}  // namespace

ReportAnswer answer_of_locks(const Study& study, const StudyComparison& comparison) {
  ReportAnswer answer;
  answer.question = "When is a lock enough?";
  std::size_t measured = 0;
  for (const Measured& there : places_of(comparison)) {
    if (there.points.size() < 2) continue;
    ++measured;
    const Choice choice = choose(study, there.points, Trust::all);
    if (!has_lock_in_front(choice)) continue;
    const std::string mode = names_of(choice)[0];
    answer.because.push_back("With " + text_of(there.place) + ": " + mode +
                             (choice.best.size() == 1 ? " is the fastest."
                                                      : ", as none is faster for "
                                                        "certain."));
  }
  const std::size_t locks = answer.because.size();
  answer.answer = locks == 0 ? "At none of " + counted(measured, "place") +
                                   " that were measured: "
                                   "there, messages have the higher rate."
                             : "At " + std::to_string(locks) + " of " + counted(measured, "place") +
                                   " that were measured no rate is higher than a lock's.";
  answer.because.emplace_back(
      "A lock that nobody else wants just then costs a writer no wait at all: with work between "
      "two orders, or few writers, it is enough more often than here, where every writer wants it "
      "all the time. It takes no processor for an owner. But whoever ends or stands still with it "
      "in hand holds up everybody (with a robust one: who stands still).");
  return answer;
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
        text += ", " + rate_text(choice.best[0]->rate->median / choice.next->rate->median) + " x " +
                choice.next->mode;
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
