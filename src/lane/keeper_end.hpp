// The keeper's end: holds what must outlive an owner, and hands it to the next one.
//
// Not a single call blocks. Trusts its owner as far as a parent trusts its child: message sizes and
// counts are checked, the descriptors themselves are judged by the owner that maps them.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lane/keeper_link.hpp"
#include "lane/keeper_protocol.hpp"
#include "os/descriptor.hpp"

namespace cortado::lane {

class KeeperEnd {
 public:
  /// `listener` is the rendezvous's and must live as long as this. `capacity` is the most lanes to
  /// hold; each takes up to 4 descriptors.
  KeeperEnd(std::string name, int listener, std::uint32_t capacity);

  /// Before an owner is spawned: takes what the dead predecessor had sent to its last instruction,
  /// ends that link, and begins to hand over to generation() + 1. Returns the socket that the owner
  /// is to inherit (non-blocking, close-on-exec here); close it after the spawn, or the hang-up of
  /// either side stays hidden. descriptors: none left.
  Result<os::Descriptor> begin_generation();

  /// Takes what the owner has sent, and sends what it waits for. An Error is one message that
  /// could not be used; call again for those behind it.
  Result<void> serve();

  /// There will be no further owner: the writers of all lanes see a hang-up.
  void abandon() noexcept;

  /// Of the link; readable when serve() has something to do. -1: none, or its owner hung up.
  int fd() const noexcept { return socket_.get(); }
  /// The owner of this generation has taken everything over.
  bool handed_over() const noexcept { return stage_ == Stage::complete; }
  /// The next message to the owner did not fit; call serve() again a little later.
  bool stalled() const noexcept { return stalled_ && socket_; }
  std::uint64_t generation() const noexcept { return generation_; }
  std::size_t lanes() const noexcept { return lanes_.size(); }

 private:
  enum class Stage : std::uint8_t { idle, greeted, handing, complete };

  Result<void> take(const KeeperMessage& message, std::vector<os::Descriptor>& descriptors);
  Result<void> take_lane(const KeeperMessage& message, std::vector<os::Descriptor>& descriptors);
  void acknowledged();
  void send_greeting();
  void send_lanes();
  Error unusable(const char* what) const;

  std::string name_;
  int listener_;
  std::uint32_t capacity_;
  os::Descriptor socket_;
  os::Descriptor kept_;
  std::map<std::uint32_t, LaneHandles> lanes_;
  std::uint64_t generation_ = 0;
  Stage stage_ = Stage::idle;
  std::optional<std::uint32_t> last_sent_;  ///< lane_id; none: no lane of this hand-over yet
  bool stalled_ = false;
};

}  // namespace cortado::lane
