// "No mutexes: they have poor performance at high load." Is it so, here?
//
// Compared are the two that the quarrel is about: process-ring, messages to one owner process, and
// thread-mutex, threads that take a std::mutex. The figure is the ratio of their rates
// (process-ring : thread-mutex) in the same repetition, with the same writers, work and payload:
// what slows the machine down slows both.
//
// High load is: at least as many writers as cores, and at most 1 us of work on each order. With
// fewer writers nobody has to wait; with more work all wait for the work, however they queue up.
// Every such pair of writers and work is a cell, and each cell counts the same: the figure of a
// repetition is the geometric mean over all of them. n is the number of repetitions in which all
// cells have a ratio, and the interval is that of the median of these n figures, by the bootstrap
// (lab/bootstrap.hpp), on logarithms, so that who is divided by whom makes no difference.
//
// What is within kMargin of the other is no poor performance.
//   supported:    the whole interval is above it, and in no cell the lock is ahead
//   refuted:      the whole interval is below it, and in no cell the messages are ahead
//   inconclusive: everything else, as: the interval is too wide, cells contradict each other, there
//                 are fewer than 5 repetitions, or a run was not clean (a fast wrong mode is not
//                 fast)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/bootstrap.hpp"
#include "lab/json.hpp"
#include "lab/results.hpp"

namespace cortado::lab {

enum class Finding : std::uint8_t { supported, refuted, inconclusive };
/// Who is ahead by more than the margin, with 95 % confidence.
enum class Ahead : std::uint8_t { neither, messages, lock };

struct VerdictCell {
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  std::size_t repetitions = 0;
  double ratio = 0;                ///< median; 0: there is none
  std::optional<Bounds> interval;  ///< none: too few repetitions
  Ahead ahead = Ahead::neither;
  bool counts = false;  ///< it is high load
};

struct Verdict {
  static constexpr double kMargin = 1.05;
  static constexpr std::uint64_t kMostHoldNs = 1000;

  Finding finding = Finding::inconclusive;
  std::string reason;  ///< why it is inconclusive; else empty
  std::uint32_t cores = 1;
  std::size_t repetitions = 0;
  double ratio = 0;
  std::optional<Bounds> interval;
  std::vector<VerdictCell> cells;  ///< by writers, then work

  /// On one line.
  std::string sentence() const;
  /// Where the one leaves off being ahead, a line for each number of writers.
  std::vector<std::string> crossovers() const;
};

/// From points of one comparison, on a machine with so many cores.
Verdict verdict_on(const std::vector<StoredPoint>& points, std::uint32_t cores);

Json to_json(const Verdict& verdict);
const char* name_of(Finding finding) noexcept;

}  // namespace cortado::lab
