// Latencies of any number of orders, in buckets that can be added up; see modes/latency_counts.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "modes/latency_counts.hpp"

namespace cortado::lab {

class Histogram {
 public:
  /// All that a writer's notes have counted.
  void add(const modes::LatencyCounts& counts);
  /// So many in the bucket of that value.
  void add(std::uint64_t ns, std::uint64_t count);
  void add(const Histogram& other);
  /// The longest is known exactly.
  void set_longest(std::uint64_t ns) noexcept { longest_ = ns; }

  std::uint64_t samples() const noexcept { return samples_; }
  std::uint64_t longest() const noexcept { return longest_; }
  /// Of each bucket, up to the last one that is not empty.
  const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }

  /// At most so long took `part` of all: the highest value of the bucket where that is reached, but
  /// no more than the longest. Never too short, too long by 1.6 % at most. 0: there are no samples.
  std::uint64_t at(double part) const noexcept;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t samples_ = 0;
  std::uint64_t longest_ = 0;
};

}  // namespace cortado::lab
