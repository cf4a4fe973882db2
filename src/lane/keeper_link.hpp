// An owner's end of its link to the keeper (keeper_end.hpp has the other, keeper_protocol.hpp what
// they say). One thread: the owner's.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/descriptor.hpp"

namespace cortado::lane {

/// What a lane consists of, as the owner has it and the keeper keeps it.
struct LaneHandles {
  std::uint32_t lane_id = 0;
  os::Descriptor segment;
  os::Descriptor doorbell;
  os::Descriptor connection;
  os::Descriptor process;  ///< the writer's pidfd; may be empty
};

/// What an owner starts with.
struct Inheritance {
  std::string name;
  std::uint64_t generation = 0;  ///< 1: the first owner
  os::Descriptor listener;
  os::Descriptor kept;             ///< empty: no predecessor got so far as to offer one
  std::vector<LaneHandles> lanes;  ///< by lane_id, ascending
};

class KeeperLink {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// The link that CORTADO_KEEPER names, if it is for this owner name. Removes the variable and
  /// makes the descriptor close-on-exec, so that no child takes either. Changes the environment:
  /// not while another thread reads it.
  static std::optional<KeeperLink> from_environment(std::string_view owner_name);

  /// Takes what the predecessors left. Blocks up to `deadline`. Once, before anything else.
  /// timed_out: the keeper is stopped or overloaded. descriptors: raise `ulimit -n`. system: the
  /// keeper is gone. malformed: launcher and owner are different builds.
  Result<Inheritance> receive(time_point deadline);

  /// Hands the keeper the kept segment. Does not block. Errors as offer_lane.
  Result<void> offer_kept(int kept_memfd);

  /// Hands the keeper a lane; it has its own duplicates when this returns. `process` may be -1.
  /// Does not block. try_again: the keeper is behind with its reading: refuse the join for now.
  /// descriptors: the keeper can hold no more lanes. system: the keeper is gone.
  Result<void> offer_lane(std::uint32_t lane_id, int segment, int doorbell, int connection,
                          int process);

  /// The keeper closes its part of a lane that it was offered or handed over. Does not block; if
  /// the socket is full it is remembered and sent before the next message. Until then a successor
  /// could inherit the lane: the kept segment says that it is no longer one.
  void retire_lane(std::uint32_t lane_id) noexcept;

  /// Sends what retire_lane had to remember. True: nothing is left.
  bool flush() noexcept;

  /// For a poller, without any event asked for: a hang-up says that the keeper is gone.
  int fd() const noexcept { return socket_.get(); }

 private:
  KeeperLink(os::Descriptor socket, std::string name);
  Result<void> send(std::span<const std::byte> bytes, std::span<const int> descriptors,
                    std::string_view what);
  Result<std::uint32_t> receive_greeting(Inheritance& inheritance, time_point deadline);
  Result<std::uint32_t> receive_lanes(Inheritance& inheritance, time_point deadline);

  os::Descriptor socket_;
  std::string name_;
  std::size_t capacity_ = 0;            ///< lanes that the keeper can hold
  std::size_t held_ = 0;                ///< lanes that it holds, once it has read everything
  std::vector<std::uint32_t> retired_;  ///< not yet told; room for all is reserved
};

}  // namespace cortado::lane
