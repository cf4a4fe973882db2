// What a report is about: figures that were measured earlier, read from the JSON that `compare` and
// `faults` leave. Nothing else is known to a report, so that a file says as much tomorrow, on
// another machine, as at the end of the run.
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/json.hpp"

namespace cortado::lab {

/// The text of a file of figures, and what to call it.
struct Figures {
  std::string name;
  Json json;
};

/// Percentiles, in ns: in each case the median of all repetitions.
struct StudyLatency {
  double p50 = 0, p99 = 0, p99_9 = 0, max = 0;
};

/// One mode with one number of writers and one amount of work.
struct StudyPoint {
  std::string mode;
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  std::uint32_t payload = 0;  ///< bytes of an order; of the longest, if they are lines of a file
  bool is_oversubscribed = false;
  bool is_clean = false;
  std::size_t runs = 0;
  std::size_t unfinished = 0;  ///< of these
  /// Orders applied a second; from lowest to highest is the interval of the median, if there is
  /// one, else of all repetitions. None: no run finished.
  std::optional<Summary> rate;
  std::optional<StudyLatency> latency;  ///< closed loop
  double cpu_ns_per_order = 0;
  double switches_per_order = 0;
  double fairness = 1;
  std::optional<double> blocked_ns_per_order;  ///< none: the file does not tell
  std::optional<double> queue_depth;           ///< mean; none: likewise, or there is no queue
  double lost_part = 0;                        ///< of what was sent
  double torn = 0;                             ///< times in a run, at most
};

/// What open-loop load did to a mode; see the schema of `compare`.
struct StudyLoad {
  std::string mode;
  std::uint32_t writers = 0;
  std::uint64_t hold_ns = 0;
  double part = 0;  ///< offered, of the capacity
  bool is_clean = false;
  StudyLatency latency;
  Summary p99;  ///< as StudyPoint::rate
};

/// What four orders, spelled into one buffer letter by letter, left there.
struct StudyCup {
  std::string mode;
  std::string cup;  ///< letters; '\0' where there is none
  std::string by;   ///< whose letter it is, a to d
  bool is_whole = false;
};

struct StudyComparison {
  std::string name;
  Json context;
  std::vector<StudyPoint> points;  ///< those with orders as long as the first one's
  std::vector<StudyPoint> other_lengths;
  std::vector<StudyLoad> loads;
  std::vector<StudyCup> cups;
  std::vector<std::string> advice;

  /// Each once, in the order in which they come.
  std::vector<std::string> modes() const;
  std::vector<std::uint32_t> writers() const;
  std::vector<std::uint64_t> holds() const;
  /// Null: there is none.
  const StudyPoint* find(const std::string& mode, std::uint32_t writers,
                         std::uint64_t hold_ns) const noexcept;
  /// One thread that shares with nobody; else the race with one writer, which does the same. With a
  /// rate; null: there is none.
  const StudyPoint* ceiling(std::uint64_t hold_ns) const noexcept;
  std::uint32_t cores() const;
  /// "orders of 16 bytes"
  std::string orders_text(std::uint32_t payload) const;
};

struct StudyCell {
  std::string mode, fault;
  std::optional<std::string> outcome;  ///< none: it cannot happen there
  std::optional<std::string> theory;
  std::optional<double> went_on_ns;
  bool is_refused = false;
  std::string lost;  ///< "1 torn, 3 abandoned"
};

struct StudyFaults {
  std::string name;
  Json context;
  std::vector<std::pair<std::string, std::string>> faults;  ///< name, what happens
  std::vector<std::string> modes;
  std::uint32_t writers = 0;  ///< in each cell
  std::vector<StudyCell> cells;

  const StudyCell* find(const std::string& mode, const std::string& fault) const noexcept;
};

struct Study {
  std::vector<StudyComparison> comparisons;
  std::vector<StudyFaults> faults;
};

/// Errc::malformed: one of them is not what `compare` or `faults` writes; the text is one line that
/// names it and what is missing.
Result<Study> study_of(const std::vector<Figures>& files);

/// Errc::malformed, permission: as study_of, or it cannot be read.
Result<Figures> read_figures(const std::string& path);

}  // namespace cortado::lab
