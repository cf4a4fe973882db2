// Mapping of segments: the only user of Boost.Interprocess in the library.
//
// A lane's rings are mapped twice, back to back (ring/layout.hpp says why): one address range is
// reserved, and mapped_region objects are placed over it.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "lane/control.hpp"
#include "lane/kept.hpp"

namespace cortado::lane {

struct RingSizes {
  std::uint64_t ring_bytes = 0;
  std::uint64_t reply_bytes = 0;

  std::uint64_t segment_bytes() const noexcept { return kPageBytes + ring_bytes + reply_bytes; }
};

/// A mapped lane. Unmapped when destroyed; the memfd may be closed once it is mapped.
class LaneMemory {
 public:
  /// `memfd` has exactly sizes.segment_bytes() bytes (checked by the caller: verify_memory_file).
  static Result<std::unique_ptr<LaneMemory>> map(int memfd, RingSizes sizes);
  ~LaneMemory();
  LaneMemory(const LaneMemory&) = delete;
  LaneMemory& operator=(const LaneMemory&) = delete;

  LaneControl& control() const noexcept { return *reinterpret_cast<LaneControl*>(base_); }
  std::byte* ring() const noexcept { return base_ + kPageBytes; }
  std::byte* reply_ring() const noexcept { return ring() + 2 * sizes_.ring_bytes; }
  const RingSizes& sizes() const noexcept { return sizes_; }

 private:
  struct Regions;
  LaneMemory() = default;

  std::unique_ptr<Regions> regions_;
  std::byte* base_ = nullptr;
  RingSizes sizes_;
};

/// How a lane's control page begins: the fields of LaneControl that are written once.
struct LaneHead {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t lane_id;
  std::uint64_t ring_bytes;
  std::uint64_t reply_bytes;
};
static_assert(sizeof(LaneHead) == offsetof(LaneControl, start_position));

/// The sizes that it declares, checked against those of the segment: magic, layout version, powers
/// of two, in range. version_mismatch: one of them is wrong.
Result<RingSizes> check_lane_head(const LaneHead& head, std::uint64_t segment_bytes);

/// The same for the segment behind a memfd. For a writer, which maps by it.
Result<RingSizes> read_lane_sizes(int memfd);

/// A mapped kept segment. Private memory if there is no keeper to hold it.
class KeptMemory {
 public:
  /// `memfd` -1: anonymous private memory.
  static Result<std::unique_ptr<KeptMemory>> map(int memfd, std::uint64_t bytes);
  ~KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;

  KeptHeader& header() const noexcept { return *reinterpret_cast<KeptHeader*>(base_); }
  KeptLane& lane(std::uint32_t index) const noexcept {
    return reinterpret_cast<KeptLane*>(base_ + sizeof(KeptHeader))[index];
  }
  /// One of the two state slots. Precondition: header().state_bytes > 0.
  std::byte* state(std::uint32_t slot) const noexcept;

 private:
  struct Region;
  KeptMemory() = default;

  std::unique_ptr<Region> region_;
  std::byte* base_ = nullptr;
};

}  // namespace cortado::lane
