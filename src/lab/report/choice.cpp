#include "lab/report/choice.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lab/fate.hpp"
#include "lab/faults.hpp"

namespace cortado::lab {
namespace {

using Kind = modes::Fault::Kind;

/// What a writer that is not trusted may do; all but being slow, and the owner's death.
constexpr std::array kMishaps{Kind::thrown, Kind::crashed, Kind::killed, Kind::stopped,
                              Kind::scribbled};

/// What there is to get wrong: a lock in one process is known to everybody; then one owner that
/// needs no lock; then what has to be set up between processes.
constexpr std::array<std::string_view, 5> kSimplest{"thread-mutex", "thread-ring", "process-ring",
                                                    "process-mutex", "process-robust-mutex"};

std::string fate_in_theory(const std::string& mode, Kind fault) {
  for (const modes::Mode* known : modes::known_modes()) {
    if (known->name != mode) continue;
    const auto fate = theory_of(*known, fault);
    return fate ? to_string(*fate) : "unknown";
  }
  return "unknown";
}

const StudyCell* cell_of(const Study& study, const std::string& mode, Kind fault) {
  for (const StudyFaults& faults : study.faults) {
    const StudyCell* cell = faults.find(mode, std::string(name_of(fault).name));
    if (cell != nullptr && cell->outcome) return cell;
  }
  return nullptr;
}

bool is_thread(const std::string& mode) {
  return mode.rfind("thread-", 0) == 0;
}

}  // namespace

Survival survival_of(const Study& study, const std::string& mode) {
  Survival survival{true, true, {}};
  for (const Kind fault : kMishaps) {
    const StudyCell* const cell = cell_of(study, mode, fault);
    const std::string fate = cell != nullptr ? *cell->outcome : fate_in_theory(mode, fault);
    survival.was_seen = survival.was_seen && cell != nullptr;
    if (fate == to_string(Fate::intact)) continue;
    survival.survives = false;
    if (!survival.worst.empty()) survival.worst += ", ";
    survival.worst += fate + " (" + std::string(name_of(fault).name) + ")";
  }
  return survival;
}

bool is_to_choose(const std::string& mode) {
  return mode.find("race") == std::string::npos && mode != "thread-alone";
}

bool is_lock(const std::string& mode) {
  return mode.find("mutex") != std::string::npos;
}

bool is_candidate(const StudyPoint& point) {
  return is_to_choose(point.mode) && point.is_clean && point.rate.has_value();
}

bool is_slower_for_certain(const StudyPoint& point, const StudyPoint& than) {
  return point.rate->highest < than.rate->lowest;
}

Choice choose(const Study& study, const std::vector<const StudyPoint*>& points, Trust trust) {
  Choice choice;
  std::vector<const StudyPoint*> trusted;
  for (const StudyPoint* point : points) {
    if (!is_candidate(*point)) continue;
    const bool is_trusted = trust == Trust::none ? survival_of(study, point->mode).survives
                                                 : trust == Trust::all || is_thread(point->mode);
    if (is_trusted) {
      trusted.push_back(point);
    } else if (choice.not_trusted == nullptr ||
               point->rate->median > choice.not_trusted->rate->median) {
      choice.not_trusted = point;
    }
  }
  std::stable_sort(trusted.begin(), trusted.end(),
                   [](const auto* a, const auto* b) { return a->rate->median > b->rate->median; });
  for (const StudyPoint* point : trusted) {
    if (!is_slower_for_certain(*point, *trusted[0])) {
      choice.best.push_back(point);
    } else if (choice.next == nullptr) {
      choice.next = point;
    }
  }
  return choice;
}

Choice choose(const Study& study, const StudyComparison& comparison, std::uint32_t writers,
              std::uint64_t hold_ns, Trust trust) {
  std::vector<const StudyPoint*> points;
  for (const StudyPoint& point : comparison.points) {
    if (point.writers == writers && point.hold_ns == hold_ns) points.push_back(&point);
  }
  return choose(study, points, trust);
}

std::vector<std::string> simplest_first(std::vector<std::string> names) {
  std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return std::find(kSimplest.begin(), kSimplest.end(), a) <
           std::find(kSimplest.begin(), kSimplest.end(), b);
  });
  return names;
}

std::string named(const std::vector<std::string>& names) {
  if (names.size() == 1) return names[0];
  return names[0] + ", the simplest of " + std::to_string(names.size()) +
         " that show no certain difference";
}

std::vector<std::string> names_of(const Choice& choice) {
  std::vector<std::string> names;
  for (const StudyPoint* point : choice.best) names.push_back(point->mode);
  return simplest_first(std::move(names));
}

}  // namespace cortado::lab
