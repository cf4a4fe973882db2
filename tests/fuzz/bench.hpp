// An owner with one lane, made by hand and once: no name, no socket, no keeper. Between inputs it
// is put back to its beginning, so that an execution needs no system call.
//
// Areas of an image, in this order: LaneControl, ring there, ring back, KeptLane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "../support/inside.hpp"
#include "image.hpp"
#include "lane/kept.hpp"
#include "lane/segment.hpp"
#include "os/fork_guard.hpp"
#include "os/memory_file.hpp"
#include "ring/layout.hpp"

namespace cortado::fuzz {

using test::OwnerParts;

/// What a handler does to the kept state: enough to see that each message counted once.
struct Tally {
  std::uint64_t count = 0;
  std::uint64_t next = 0;  ///< sequence that follows the last one
  std::byte rest[48] = {};
};

class Bench {
 public:
  enum : unsigned { kControl, kThere, kBack, kKept, kAreas };
  static constexpr lane::RingSizes kSizes{kAreaBytes, kAreaBytes};

  OwnerParts owner;
  Schedule schedule;

  /// `areas`: how many of them a schedule may store into.
  explicit Bench(unsigned areas) : schedule({areas_, areas}) {
    owner.name = "bench";
    owner.epoch = os::process_epoch();
    owner.options.ring_bytes = owner.options.reply_bytes = kAreaBytes;
    owner.kept = got(lane::KeptMemory::map(-1, lane::kept_bytes(1, sizeof(Tally))));
    header().layout_version = ring::kLayoutVersion;
    header().max_lanes = 1;
    header().state_bytes = sizeof(Tally);
    record().ring_bytes = record().reply_bytes = kAreaBytes;
    got(owner.reserve_copy());
    auto made = std::make_unique<OwnerLane>();
    const auto file = got(os::create_memory_file("fuzzed-lane", kSizes.segment_bytes()));
    made->memory = got(lane::LaneMemory::map(file.get(), kSizes));
    made->kept = &owner.kept->lane(0);
    made->name = "writer";
    made->lane_id = 1;
    owner.slots.push_back(std::move(made));
    owner.lanes.push_back(owner.slots[0].get());
    areas_[kControl] = {reinterpret_cast<std::byte*>(&lane().control()), false};
    areas_[kThere] = {lane().memory->ring(), true};
    areas_[kBack] = {lane().memory->reply_ring(), true};
    areas_[kKept] = {reinterpret_cast<std::byte*>(&record()), false};
  }

  OwnerLane& lane() const noexcept { return *owner.slots[0]; }
  lane::KeptLane& record() const noexcept { return owner.kept->lane(0); }
  lane::KeptHeader& header() const noexcept { return owner.kept->header(); }
  const Area& area(unsigned which) const noexcept { return areas_[which]; }
  const Tally& tally() const noexcept {
    return *reinterpret_cast<const Tally*>(owner.kept->state(header().state_current.load() & 1));
  }

  /// A lane that begins there and was never read, in an owner with a kept state or without.
  void begin(const lane::Applied& start, bool with_state) {
    OwnerLane& lane = this->lane();
    std::memset(static_cast<void*>(&lane.control()), 0, sizeof(lane::LaneControl));
    std::memset(lane.memory->reply_ring(), 0, kAreaBytes);
    std::memset(static_cast<void*>(&record()), 0, sizeof(lane::KeptLane));
    owner.begin_lane(lane, start, false);
    // As under a keeper: out of the writer's reach.
    lane.in_hand = &record().in_hand;
    lane.handling = &record().handling;
    lane.redelivered_until = start.position;
    lane.last_woken = lane::kNoWake;
    lane.last_reply_wait = 0;
    lane.reply_to_tell = lane.leaving = lane.evicted = lane.condemned = lane.bounded = false;
    lane.read_end = lane.turn_bytes = 0;
    lane.reason.clear();
    lane.stats = {};
    owner.departures = false;
    owner.held_reply.held = false;
    owner.working_state = nullptr;
    lane::KeptHeader& head = header();
    head.state_bytes = with_state ? sizeof(Tally) : 0;
    head.state_current.store(0);
    head.state_slots[0] = head.state_slots[1] = {};
    head.applied.store(0);
    if (with_state) {
      const Tally nothing{0, start.sequence, {}};
      std::memcpy(owner.kept->state(0), &nothing, sizeof nothing);
    }
  }

 private:
  template <class T>
  static T got(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::abort();
  }
  static void got(const Result<void>& result) {
    if (!result) std::abort();
  }

  Area areas_[kAreas];
};

}  // namespace cortado::fuzz
