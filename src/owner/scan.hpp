// Scan: where an owner looks for messages.
//
// An owner of a thousand lanes, of which a few are busy, looks a thousand times for each turn. What
// it looks at stands here side by side: for each lane, in scanning order, the address of the commit
// word that its next message will be published by.
//
// Invariant, unless it is stale: zero at a lane's address means that nothing stands there to be
// read, and more than that is not believed (OwnerLane::readable knows). A lane that is given
// headway is not looked at: its address is that of a word that stays zero, and it is in `resting`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "owner/owner_lane.hpp"

namespace cortado::owner {

class Scan {
 public:
  /// The lanes are others than before, or stand elsewhere: nothing here is right.
  void make_stale() noexcept { is_stale_ = true; }
  bool is_stale() const noexcept { return is_stale_; }
  /// So that neither make() nor rest() allocates.
  void reserve(std::size_t lanes) {
    words_.reserve(lanes);
    resting_.reserve(lanes);
  }
  void make(std::span<OwnerLane* const> lanes) {
    resting_.clear();
    words_.resize(lanes.size());
    for (std::size_t i = 0; i < lanes.size(); ++i) set(i, *lanes[i]);
    is_stale_ = false;
  }

  /// One load of a word that the lane's writer may store.
  bool is_empty(std::size_t index) const noexcept {
    return std::atomic_ref(*words_[index]).load(std::memory_order_acquire) == 0;
  }
  /// Its position is another one now.
  void set(std::size_t index, const OwnerLane& lane) noexcept {
    words_[index] = lane.there.next_word();
  }
  void rest(std::size_t index) {
    words_[index] = &nothing_;
    resting_.push_back(index);
  }
  std::vector<std::size_t>& resting() noexcept { return resting_; }
  const std::vector<std::size_t>& resting() const noexcept { return resting_; }

 private:
  std::vector<std::uint64_t*> words_;
  std::vector<std::size_t> resting_;
  bool is_stale_ = true;
  std::uint64_t nothing_ = 0;
};

}  // namespace cortado::owner
