// The kept segment: memory that only the owner and its keeper hold, so that a successor knows what
// its predecessor had applied, what it had in hand, and the kept state.
//
//   | KeptHeader, 4096 | KeptLane x max_lanes, 256 each | state slot 0 | state slot 1 |
//
// Invariants, whoever is killed between any two instructions:
//   - a lane's {position, sequence} change together, by the one store of KeptLane::current; so do
//     the three numbers of what was replied, by the one store of KeptLane::replied_current;
//   - the kept state and the position of the lane whose batch it contains change together, by the
//     one store of KeptHeader::state_current;
//   - what lies between the committed position and `in_hand` may have reached a handler; nothing
//     behind `in_hand` has;
//   - `handling` is a position only while a handler may be looking at the message before it.
//
// A kill is a precise exception on one processor: stores before it are complete, stores after it
// never happen. Compilers must keep the program order, hence the atomics and signal fences.
#pragma once

#include <cortado/writer_id.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "lane/control.hpp"

namespace cortado::lane {

inline constexpr std::uint64_t kKeptMagic = 0x325f7470656b6f63ULL;  // "cokept_2" in memory
inline constexpr std::size_t kNameBytes = 64;

/// What is committed together for one lane.
struct Applied {
  std::uint64_t position = 0;  ///< released position in the ring there
  std::uint64_t sequence = 0;  ///< of the message that stands at `position`

  friend bool operator==(const Applied&, const Applied&) = default;
};

/// What was replied on one lane. The last reply may stand in the ring and not be counted here yet:
/// a successor looks (Owner::Impl::resume).
struct Replied {
  std::uint64_t position = 0;  ///< producer's position in the ring back
  std::uint64_t sequence = 0;  ///< number of the next reply
  std::uint64_t through = 0;   ///< asks below this sequence have their reply

  friend bool operator==(const Replied&, const Replied&) = default;
};

/// `handling`: no handler is running. Never a position: positions are multiples of 8.
inline constexpr std::uint64_t kIdle = ~std::uint64_t{0};

/// offset  size  field             unit
///      0     4  stage             KeptLane::Stage
///      4     4  current           index of the committed slot
///      8     8  in_hand           position; no handler ever saw anything behind it
///     16     8  handling          position behind the message a handler looks at; kIdle
///     24     8  failed_at         position behind the message at which the last failure was
///     32     4  attempts          owners and handler calls that failed there
///     36     4  replied_current   index of the committed reply slot
///     40     4  lane_id           never reused under one name
///     64    32  slots             two Applied
///     96    48  reply_slots       two Replied
///    144    64  name              writer's name, zero-padded
///    208     8  ring_bytes        capacity of the ring there
///    216     8  reply_bytes       capacity of the ring back
///    224     8  delivered         messages handled, all generations (statistics)
///    232     4  uid, 4 pid        who joined
///    240    16  identity          of the writer, from owner to owner
struct alignas(256) KeptLane {
  enum class Stage : std::uint32_t {
    empty = 0,
    offered = 1,    ///< made and handed to the keeper; the writer may not have its welcome yet
    joined = 2,     ///< the welcome was sent
    evicted = 3,    ///< sent away: read to the end of what it has published, then retired
    condemned = 4,  ///< quarantined: not read any further, then retired
  };

  std::atomic<Stage> stage;
  std::atomic<std::uint32_t> current;
  std::atomic<std::uint64_t> in_hand;
  std::atomic<std::uint64_t> handling;
  std::atomic<std::uint64_t> failed_at;
  std::atomic<std::uint32_t> attempts;
  std::atomic<std::uint32_t> replied_current;
  std::uint32_t lane_id;
  alignas(64) Applied slots[2];
  Replied reply_slots[2];
  char name[kNameBytes];
  std::uint64_t ring_bytes;
  std::uint64_t reply_bytes;
  std::atomic<std::uint64_t> delivered;
  std::uint32_t uid;
  std::uint32_t pid;
  WriterId identity;

  const Applied& applied() const noexcept {
    return slots[current.load(std::memory_order_acquire) & 1];
  }

  const Replied& replied() const noexcept {
    return reply_slots[replied_current.load(std::memory_order_acquire) & 1];
  }

  /// False: no owner left it like this, the memory is damaged. Whoever takes it over must not read
  /// by it: a position that is no multiple of 8, a capacity that is none, lead out of the rings.
  bool plausible() const noexcept {
    const std::uint64_t handled = handling.load(std::memory_order_relaxed);
    const std::uint64_t positions = applied().position | replied().position |
                                    in_hand.load(std::memory_order_relaxed) |
                                    (handled == kIdle ? 0 : handled);
    return ring::valid_capacity(ring_bytes) && ring::valid_capacity(reply_bytes) &&
           positions % ring::kWordBytes == 0;
  }

  /// Owner only. One store makes both numbers current.
  void commit(const Applied& next) noexcept {
    const std::uint32_t other = (current.load(std::memory_order_relaxed) & 1) ^ 1;
    slots[other] = next;
    current.store(other, std::memory_order_release);
  }
  /// Owner only. One store makes all three numbers current.
  void commit(const Replied& next) noexcept {
    const std::uint32_t other = (replied_current.load(std::memory_order_relaxed) & 1) ^ 1;
    reply_slots[other] = next;
    replied_current.store(other, std::memory_order_release);
  }
};

static_assert(sizeof(KeptLane) == 256);
static_assert(std::is_standard_layout_v<KeptLane>);
static_assert(sizeof(std::atomic<KeptLane::Stage>) == 4);
static_assert(offsetof(KeptLane, current) == 4);
static_assert(offsetof(KeptLane, in_hand) == 8);
static_assert(offsetof(KeptLane, handling) == 16);
static_assert(offsetof(KeptLane, failed_at) == 24);
static_assert(offsetof(KeptLane, attempts) == 32);
static_assert(offsetof(KeptLane, replied_current) == 36);
static_assert(offsetof(KeptLane, lane_id) == 40);
static_assert(offsetof(KeptLane, slots) == 64);
static_assert(offsetof(KeptLane, reply_slots) == 96);
static_assert(offsetof(KeptLane, name) == 144);
static_assert(offsetof(KeptLane, ring_bytes) == 208);
static_assert(offsetof(KeptLane, reply_bytes) == 216);
static_assert(offsetof(KeptLane, delivered) == 224);
static_assert(offsetof(KeptLane, uid) == 232);
static_assert(offsetof(KeptLane, identity) == 240);

/// Which batch a slot of the kept state contains.
struct StateSlot {
  std::uint32_t slot = 0;     ///< index of the KeptLane
  std::uint32_t lane_id = 0;  ///< 0: the initial state, no batch yet
  Applied applied;
};

/// offset  size  field             unit
///      0     8  magic             kKeptMagic; stored last at creation
///      8     4  layout_version
///     12     4  max_lanes
///     16     8  state_bytes       sizeof(State); 0 = none
///     24     8  state_hash        of the declared state type; compared by a successor
///     32     8  generation        of the owner that holds it now
///     40     4  next_lane_id
///     44     4  state_current     index of the committed state slot
///     64    48  state_slots       two StateSlot
///    128     8  applied           messages released so far, by all generations
///    136     4  barrier           1: the first owner could make others pass a barrier
struct alignas(kPageBytes) KeptHeader {
  std::atomic<std::uint64_t> magic;
  std::uint32_t layout_version;
  std::uint32_t max_lanes;
  std::uint64_t state_bytes;
  std::uint64_t state_hash;
  std::atomic<std::uint64_t> generation;
  std::atomic<std::uint32_t> next_lane_id;
  std::atomic<std::uint32_t> state_current;
  alignas(64) StateSlot state_slots[2];
  alignas(64) std::atomic<std::uint64_t> applied;
  std::uint32_t barrier;
};

static_assert(sizeof(KeptHeader) == kPageBytes);
static_assert(std::is_standard_layout_v<KeptHeader>);
static_assert(sizeof(StateSlot) == 24);
static_assert(offsetof(KeptHeader, generation) == 32);
static_assert(offsetof(KeptHeader, next_lane_id) == 40);
static_assert(offsetof(KeptHeader, state_current) == 44);
static_assert(offsetof(KeptHeader, state_slots) == 64);
static_assert(offsetof(KeptHeader, applied) == 128);
static_assert(offsetof(KeptHeader, barrier) == 136);

/// Bytes of one state slot: whole pages, so that the two never share one.
constexpr std::uint64_t state_slot_bytes(std::uint64_t state_bytes) noexcept {
  return (state_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

constexpr std::uint64_t kept_bytes(std::uint32_t max_lanes, std::uint64_t state_bytes) noexcept {
  const std::uint64_t lanes = std::uint64_t{max_lanes} * sizeof(KeptLane);
  return sizeof(KeptHeader) + (lanes + kPageBytes - 1) / kPageBytes * kPageBytes +
         2 * state_slot_bytes(state_bytes);
}

}  // namespace cortado::lane
