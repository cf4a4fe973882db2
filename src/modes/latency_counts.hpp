// How long orders took, counted in shared memory: one writer's orders, by whoever applies them.
//
// Buckets are as fine as the value is small: up to kExact each nanosecond has its own, above it
// each doubling has kPerDoubling of the same width. So a bucket is never wider than 1/kPerDoubling
// of what it counts, 1.6 %.
//
// Invariant: bucket b counts the values from lowest_of(b) to lowest_of(b + 1) - 1, and no others;
// bucket_of(lowest_of(b)) == b. What is longer than kLongest is counted in the last bucket, and
// `longest` has its true value. Buckets of the same number mean the same in every process and
// every run, so counts are merged by adding them.
//
// It is an array of fixed size because a writer that is killed must leave what it counted: a
// histogram of a library would be in its own memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cortado::modes {

struct LatencyBuckets {
  static constexpr unsigned kBits = 6;
  static constexpr std::uint64_t kPerDoubling = std::uint64_t{1} << kBits;
  static constexpr std::uint64_t kExact = 2 * kPerDoubling;
  static constexpr std::uint64_t kLongest = (std::uint64_t{1} << 40U) - 1;  ///< ns; 18 minutes

  static constexpr std::size_t bucket_of(std::uint64_t ns) noexcept {
    const std::uint64_t value = std::min(ns, kLongest);
    if (value < kExact) return value;
    const auto doublings = static_cast<unsigned>(std::bit_width(value)) - (kBits + 1);
    return doublings * kPerDoubling + (value >> doublings);
  }
  static constexpr std::uint64_t lowest_of(std::size_t bucket) noexcept {
    if (bucket < kExact) return bucket;
    const std::uint64_t doublings = bucket / kPerDoubling - 1;
    return (bucket - doublings * kPerDoubling) << doublings;
  }
};
inline constexpr std::size_t kLatencyBuckets =
    LatencyBuckets::bucket_of(LatencyBuckets::kLongest) + 1;

/// Zeroed, it is empty. One adds at a time; anybody may read.
struct LatencyCounts {
  void add(std::uint64_t ns) noexcept {
    auto& counted = count[LatencyBuckets::bucket_of(ns)];
    counted.store(counted.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (ns > longest.load(std::memory_order_relaxed)) {
      longest.store(ns, std::memory_order_relaxed);
    }
  }

  std::atomic<std::uint64_t> longest{0};  ///< ns
  std::atomic<std::uint64_t> count[kLatencyBuckets]{};
};

}  // namespace cortado::modes
