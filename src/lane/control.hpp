// LaneControl: the first page of a lane's segment, shared by the owner and one writer.
//
//   offset  size  field             written by  read by          unit
//   ------  ----  ----------------  ----------  --------------- -----------------------------------
//        0     8  magic             owner       writer           kMagic; stored last at creation
//        8     4  layout_version    owner       writer
//       12     4  lane_id           owner       writer
//       16     8  ring_bytes        owner       writer, owner'   capacity of the ring there
//       24     8  reply_bytes       owner       writer, owner'   capacity of the ring back
//       32     8  start_position    owner       writer           first position of both rings
//       40     4  fenced            owner       writer           1: the writer fences every send
//       44     4  keeper            owner       writer           1: a keeper holds the lane
//      256     8  owner_state       owner       writer, always   bits of OwnerState
//      384     8  released          owner       writer, if full  position in the ring there
//      512     8  in_hand           owner       writer, re-join  position; without a keeper only
//      520     8  handling          owner       writer, re-join  as KeptLane; without a keeper only
//      640     8  wake_at           writer      owner, a batch   position it waits for; kNoWake
//      648     4  reply_wait        writer      owner, a reply   ticket; 0 = does not wait
//      652     4  left              writer      owner, at death  1: the writer closed in order
//      656     8  reply_released    writer      owner, a reply   position in the ring back
//
//   segment:  | LaneControl, 4096 | ring there, ring_bytes | ring back, reply_bytes |
//   mapping:  | control | there | there again | back | back again |
//
// owner' is a successor that adopts the lane. The owner believes only what it keeps for itself (its
// private positions, and KeptLane): every word that the writer stores is a hint that is checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ring/layout.hpp"

namespace cortado::lane {

inline constexpr std::uint64_t kMagic = 0x316f646174726f63ULL;  // "cortado1" in memory
inline constexpr std::uint64_t kPageBytes = 4096;

/// wake_at: "does not wait". Never a position: positions are multiples of 8.
inline constexpr std::uint64_t kNoWake = ~std::uint64_t{0};

/// Bits of LaneControl::owner_state. Only the owner sets and clears them.
///
///   awake --arm: next number, armed--> asleep --disarm--> awake   (the writer rings, never clears)
///   any --close--> closing                                         (until a successor takes over)
///   any --evict--> evicted, --rule broken--> quarantined           (for good)
///
/// The high 56 bits number the sleeps, so that a writer rings once for each and no oftener. (With
/// 24 bits a writer that was idle for 2^24 sleeps would take a new one for one it had rung for.)
namespace owner_state {
inline constexpr std::uint64_t armed = 1;                      ///< "I sleep, ring the doorbell"
inline constexpr std::uint64_t closing = 2;                    ///< no further message is taken
inline constexpr std::uint64_t quarantined = 4;                ///< the lane is no longer read
inline constexpr std::uint64_t evicted = 8;                    ///< the writer was sent away
inline constexpr std::uint64_t ended = quarantined | evicted;  ///< no next owner is looked for
inline constexpr std::uint64_t arm_step = 256;                 ///< one sleep
inline constexpr std::uint64_t arm_mask = ~std::uint64_t{0xff} | armed;
}  // namespace owner_state

struct alignas(kPageBytes) LaneControl {
  // Written once, before the writer sees the lane.
  std::atomic<std::uint64_t> magic;
  std::uint32_t layout_version;
  std::uint32_t lane_id;
  std::uint64_t ring_bytes;
  std::uint64_t reply_bytes;
  std::uint64_t start_position;
  std::uint32_t fenced;
  std::uint32_t keeper;

  alignas(2 * ring::kHotDistance) std::atomic<std::uint64_t> owner_state;
  alignas(ring::kHotDistance) std::atomic<std::uint64_t> released;
  alignas(ring::kHotDistance) std::atomic<std::uint64_t> in_hand;
  std::atomic<std::uint64_t> handling;

  alignas(ring::kHotDistance) std::atomic<std::uint64_t> wake_at;
  std::atomic<std::uint32_t> reply_wait;
  std::atomic<std::uint32_t> left;
  std::atomic<std::uint64_t> reply_released;
};

static_assert(sizeof(LaneControl) == kPageBytes);
static_assert(std::is_standard_layout_v<LaneControl>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8 && sizeof(std::atomic<std::uint32_t>) == 4);
static_assert(offsetof(LaneControl, magic) == 0);
static_assert(offsetof(LaneControl, layout_version) == 8);
static_assert(offsetof(LaneControl, lane_id) == 12);
static_assert(offsetof(LaneControl, ring_bytes) == 16);
static_assert(offsetof(LaneControl, reply_bytes) == 24);
static_assert(offsetof(LaneControl, start_position) == 32);
static_assert(offsetof(LaneControl, fenced) == 40);
static_assert(offsetof(LaneControl, keeper) == 44);
static_assert(offsetof(LaneControl, owner_state) == 256);
static_assert(offsetof(LaneControl, released) == 384);
static_assert(offsetof(LaneControl, in_hand) == 512);
static_assert(offsetof(LaneControl, handling) == 520);
static_assert(offsetof(LaneControl, wake_at) == 640);
static_assert(offsetof(LaneControl, reply_wait) == 648);
static_assert(offsetof(LaneControl, left) == 652);
static_assert(offsetof(LaneControl, reply_released) == 656);

}  // namespace cortado::lane
