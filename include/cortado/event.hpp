// Events of an owner, and the counters of its lanes.
#pragma once

#include <cortado/export.hpp>

#include <cstdint>
#include <string>

namespace cortado {

/// How a writer left.
enum class Left : std::uint8_t {
  closed,       ///< it called close, or its Writer was destroyed
  died,         ///< its process ended, or its connection broke, without a close
  quarantined,  ///< its lane broke a rule; `reason` says which
  evicted,      ///< Owner::evict
};

/// Something that happened to an owner. One `left` for each `joined`.
struct Event {
  enum class Kind : std::uint8_t {
    joined,
    left,
    adopted,      ///< a lane of the predecessor was taken over
    keeper_lost,  ///< the keeper died: lanes no longer outlive this owner
  };
  Kind kind = Kind::joined;
  Left how = Left::closed;  ///< if left
  std::string writer;       ///< its name
  std::uint32_t lane_id = 0;
  std::int32_t pid = 0;  ///< as the kernel told at the join; 0: unknown
  std::uint32_t uid = 0;
  std::uint64_t delivered = 0;  ///< messages handled on this lane so far
  std::string reason;           ///< one line, if quarantined
};

CORTADO_API const char* to_string(Left how) noexcept;

/// Counters of one lane, since it was made.
struct LaneStats {
  std::string writer;
  std::uint32_t lane_id = 0;
  std::uint64_t delivered = 0;         ///< messages whose handler returned
  std::uint64_t bytes = 0;             ///< payload of these; this owner only
  std::uint64_t redelivered = 0;       ///< of these, flagged as redelivered
  std::uint64_t replies = 0;           ///< sent
  std::uint64_t replies_dropped = 0;   ///< no room left by the writer
  std::uint64_t wakes = 0;             ///< of the writer, by this owner
  std::uint64_t unreleased_bytes = 0;  ///< taken, not yet released (manual_release)
};

}  // namespace cortado
