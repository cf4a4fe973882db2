#include "lab/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace cortado::lab {

using modes::LatencyBuckets;

void Histogram::add(const modes::LatencyCounts& counts) {
  for (std::size_t bucket = 0; bucket < modes::kLatencyBuckets; ++bucket) {
    const std::uint64_t count = counts.count[bucket].load(std::memory_order_relaxed);
    if (count != 0) add(LatencyBuckets::lowest_of(bucket), count);
  }
  longest_ = std::max(longest_, counts.longest.load(std::memory_order_relaxed));
}

void Histogram::add(std::uint64_t ns, std::uint64_t count) {
  const std::size_t bucket = LatencyBuckets::bucket_of(ns);
  if (counts_.size() <= bucket) counts_.resize(bucket + 1);
  counts_[bucket] += count;
  samples_ += count;
  longest_ = std::max(longest_, ns);
}

void Histogram::add(const Histogram& other) {
  counts_.resize(std::max(counts_.size(), other.counts_.size()));
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  samples_ += other.samples_;
  longest_ = std::max(longest_, other.longest_);
}

std::uint64_t Histogram::at(double part) const noexcept {
  if (samples_ == 0) return 0;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(samples_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket + 1 < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(LatencyBuckets::lowest_of(bucket + 1) - 1, longest_);
  }
  return longest_;
}

}  // namespace cortado::lab
