// Which mode to choose: the rule.
//
// Of the modes that are trusted with what may happen, the one with the highest median rate; and
// with it each whose interval overlaps its own, because the figures do not tell these apart.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lab/report/study.hpp"

namespace cortado::lab {

/// What may happen to a writer.
enum class Trust : std::uint8_t {
  none,     ///< it may crash, be killed, stand still, or write wildly
  all,      ///< nothing
  threads,  ///< nothing, and all writers are threads of one process
};

/// Whether whatever happens to a writer of that mode leaves the others and the buffer intact; by
/// what was seen, else by what theory says.
struct Survival {
  bool survives = false;
  bool was_seen = false;
  std::string worst;  ///< "hung when killed"; empty: nothing
};
Survival survival_of(const Study& study, const std::string& mode);

/// No race, and not one thread alone, which is there to hold the others against.
bool is_to_choose(const std::string& mode);
/// Else orders go to an owner.
bool is_lock(const std::string& mode);
/// A mode to choose, whose orders came out whole in every run.
bool is_candidate(const StudyPoint& point);

struct Choice {
  std::vector<const StudyPoint*> best;      ///< the fastest first; empty: there is no candidate
  const StudyPoint* next = nullptr;         ///< the best of those that are slower for certain
  const StudyPoint* not_trusted = nullptr;  ///< the fastest candidate that the trust rules out
};

/// Of what was measured at one place.
Choice choose(const Study& study, const std::vector<const StudyPoint*>& points, Trust trust);
Choice choose(const Study& study, const StudyComparison& comparison, std::uint32_t writers,
              std::uint64_t hold_ns, Trust trust);

/// Their intervals do not overlap.
bool is_slower_for_certain(const StudyPoint& point, const StudyPoint& than);

/// Of modes that the figures do not tell apart, somebody who must choose takes the simplest.
std::vector<std::string> simplest_first(std::vector<std::string> names);
/// Simplest first: "process-ring", "thread-mutex, the simplest of 2 that show no certain
/// difference".
std::string named(const std::vector<std::string>& names);
/// The best, simplest first.
std::vector<std::string> names_of(const Choice& choice);

}  // namespace cortado::lab
