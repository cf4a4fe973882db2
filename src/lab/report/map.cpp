// Over everything that was measured: who is ahead where, and where a lock is.
#include <algorithm>
#include <cstddef>
#include <functional>

#include "lab/report/answers.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

struct Place {
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  std::uint32_t payload = 0;

  bool operator==(const Place&) const = default;
};

struct Measured {
  Place place;
  std::vector<const StudyPoint*> points;
};

std::vector<Measured> places_of(const StudyComparison& comparison) {
  std::vector<Measured> all;
  for (const auto* points : {&comparison.points, &comparison.other_lengths}) {
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

std::optional<ReportAnswer> answer_of_locks(const Study& study, const StudyComparison& comparison) {
  ReportAnswer answer;
  answer.question = "When is a lock enough?";
  std::size_t compared = 0;
  for (const Measured& there : places_of(comparison)) {
    const auto lock = [](const StudyPoint* point) { return is_lock(point->mode); };
    const bool has_both = std::any_of(there.points.begin(), there.points.end(), lock) &&
                          !std::all_of(there.points.begin(), there.points.end(), lock);
    if (!has_both) continue;
    ++compared;
    const Choice choice = choose(study, there.points, Trust::all);
    std::vector<std::string> locks = names_of(choice);
    locks.erase(std::remove_if(locks.begin(), locks.end(), std::not_fn(is_lock)), locks.end());
    if (locks.empty()) continue;
    answer.because.push_back(
        "With " + counted(there.place.writers, "writer") + " and " +
        work_text(there.place.hold_ns) + ", " + comparison.orders_text(there.place.payload) + ": " +
        locks[0] +
        (choice.best.size() == 1 ? " is the fastest." : ", as none is faster for certain."));
  }
  if (compared == 0) return std::nullopt;
  const std::string places = counted(compared, "place") + " that were measured ";
  answer.answer =
      answer.because.empty()
          ? "At none of " + places + "by its rate: messages have a higher one, for certain."
          : "At " + std::to_string(answer.because.size()) + " of " + places +
                "no rate is higher than a lock's, for certain.";
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
      const auto locks = std::count_if(choice.best.begin(), choice.best.end(),
                                       [](const auto* point) { return is_lock(point->mode); });
      const bool has_only_locks = locks == static_cast<std::ptrdiff_t>(choice.best.size());
      row.push_back({text, locks == 0 ? "message" : has_only_locks ? "lock" : "tie"});
    }
  }
  return map;
}

}  // namespace cortado::lab
