// What one run of one contestant gave, and the two formulas behind it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cortado::bench {

/// Plain: a child process leaves it in shared memory. What a point does not measure stays 0.
struct Figures {
  double bounce_ns = 0;  ///< one cache line to the other processor and back, just before
  std::uint64_t sent = 0;
  std::uint64_t validated = 0;  ///< messages that were looked at and right
  std::uint64_t wrong = 0;      ///< lost, torn or out of order
  double ns_per_message = 0;
  double cpu_ns_per_message = 0;  ///< of all who take part
  double fairness_jain = 1;
  double p50_ns = 0, p99_ns = 0, p99_9_ns = 0;  ///< round trip
  std::uint64_t batch = 1;  ///< messages that are published or taken at a time, at most
  /// What the owner held more than before it had its end (held_bytes).
  double memory_bytes = 0;
  double cpu_ns = 0;  ///< idle: of all who take part, in 10 s

  double per_second() const noexcept { return ns_per_message > 0 ? 1e9 / ns_per_message : 0; }
};

/// How evenly: 1 if all are alike, 1/n if one has everything. R. Jain, D. Chiu, W. Hawe, "A
/// quantitative measure of fairness", DEC-TR-301, 1984.
inline double jain(std::span<const double> shares) noexcept {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 1;
}

/// The smallest sample that `part` of all do not exceed (nearest rank). Reorders them; 0 of none.
template <class T>
T percentile(std::span<T> samples, double part) {
  if (samples.empty()) return T{};
  const double rank = std::ceil(part * static_cast<double>(samples.size()));
  const auto at = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(std::min(at, samples.size() - 1));
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

}  // namespace cortado::bench
