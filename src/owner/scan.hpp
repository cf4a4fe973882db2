// Scan: where an owner looks for messages.
//
// An owner of a thousand lanes, of which a few are busy, looks a thousand times for each turn. What
// it looks at stands here side by side: for each lane, in scanning order, the address of the commit
// word that its next message will be published by.
//
// Invariant, unless it is stale: zero at a lane's address means that nothing stands there to be
// read, and more than that is not believed (OwnerLane::readable knows). A lane that is given
// headway is not looked at: its address is that of a word that stays zero, and it is among those
// that rest until the next round, or have their turn late in this one.
#pragma once

#include <algorithm>
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
  /// So that nothing here allocates.
  void reserve(std::size_t lanes) {
    words_.reserve(lanes);
    resting_.reserve(lanes);
    late_.reserve(lanes);
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
  /// It is looked at late in the next round.
  void rest(std::size_t index) {
    words_[index] = &nothing_;
    resting_.push_back(index);
  }

  /// Those that rested are late in this round. By number: a handler that makes a writer may make
  /// the tables move.
  void begin_round() noexcept {
    if (!resting_.empty()) late_.swap(resting_);
  }
  std::size_t late() const noexcept { return late_.size(); }
  std::size_t late(std::size_t i) const noexcept { return late_[i]; }
  void end_round() noexcept { late_.clear(); }

  /// Whether is_readable(index) of one that is not looked at.
  template <class F>
  bool any_unseen(F is_readable) const {
    return std::any_of(resting_.begin(), resting_.end(), is_readable) ||
           std::any_of(late_.begin(), late_.end(), is_readable);
  }

 private:
  std::vector<std::uint64_t*> words_;
  std::vector<std::size_t> resting_;
  std::vector<std::size_t> late_;
  bool is_stale_ = true;
  std::uint64_t nothing_ = 0;
};

}  // namespace cortado::owner
