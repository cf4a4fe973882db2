// What a dead owner leaves to the next one: a lane, the kept segment, and the keeper that holds
// both. The memory is filled by hand, so that it can be in any state, or be an image of another
// estate; the keeper and what it says are the real ones.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include "inside.hpp"
#include "lane/handshake.hpp"
#include "lane/keeper_end.hpp"
#include "lane/keeper_link.hpp"
#include "lane/kept.hpp"
#include "lane/segment.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/unix_socket.hpp"
#include "ring/layout.hpp"

namespace cortado::test {

class Estate {
 public:
  static constexpr const char* kName = "estate";
  static constexpr const char* kWriter = "writer";
  static constexpr std::uint64_t kRingBytes = ring::kMinCapacity;
  static constexpr std::uint32_t kLaneId = 1;
  static constexpr WriterId kIdentity{{std::byte{1}, std::byte{2}, std::byte{3}}};
  static constexpr lane::RingSizes kSizes{kRingBytes, kRingBytes};

  /// A test that gets no memory or no descriptor cannot go on: exits.
  explicit Estate(std::uint64_t state_bytes)
      : state_bytes_(state_bytes),
        lane_file_(got(os::create_memory_file("estate-lane", kSizes.segment_bytes()))),
        kept_file_(got(os::create_memory_file("estate-kept", kept_bytes()))),
        lane_(got(lane::LaneMemory::map(lane_file_.get(), kSizes))),
        kept_(got(lane::KeptMemory::map(kept_file_.get(), kept_bytes()))),
        listener_(got(os::create_event())),
        doorbell_(got(os::create_event())),
        keeper_(kName, listener_.get(), 1) {}

  lane::LaneControl& control() const { return lane_->control(); }
  std::span<std::byte> ring() const { return {lane_->ring(), kRingBytes}; }
  std::byte* reply_ring() const { return lane_->reply_ring(); }
  lane::KeptHeader& header() const { return kept_->header(); }
  lane::KeptLane& kept_lane() const { return kept_->lane(0); }
  std::byte* state(std::uint32_t slot) const { return kept_->state(slot); }
  /// How often the doorbell rang since this was asked last.
  std::uint64_t rings() const {
    std::uint64_t count = 0;
    return ::read(doorbell_.get(), &count, sizeof count) == sizeof count ? count : 0;
  }

  /// All memory that owner and writer share, or that outlives an owner.
  std::vector<std::span<std::byte>> regions() const {
    return {{reinterpret_cast<std::byte*>(&control()), lane::kPageBytes + kRingBytes},
            {reply_ring(), kRingBytes},
            {reinterpret_cast<std::byte*>(&header()), kept_bytes()}};
  }
  /// The bytes of another estate's regions(); returns what stands behind them.
  std::span<const std::byte> load(std::span<const std::byte> image) const {
    for (const std::span<std::byte>& region : regions()) {
      std::copy_n(image.begin(), region.size(), region.begin());
      image = image.subspan(region.size());
    }
    return image;
  }

  /// Everything up to here is applied and released, both rings are empty (and begin at this
  /// position), the state is all zeros.
  void begin(const lane::Applied& applied) const {
    for (const std::span<std::byte>& region : regions()) std::ranges::fill(region, std::byte{0});
    lane::LaneControl& lane = control();
    lane.layout_version = ring::kLayoutVersion;
    lane.lane_id = kLaneId;
    lane.ring_bytes = lane.reply_bytes = kRingBytes;
    lane.start_position = applied.position;
    lane.keeper = 1;
    lane.released.store(applied.position);
    lane.in_hand.store(applied.position);
    lane.handling.store(lane::kIdle);
    lane.wake_at.store(lane::kNoWake);
    lane.reply_released.store(applied.position);
    lane.magic.store(lane::kMagic);
    lane::KeptLane& record = kept_lane();
    record.lane_id = kLaneId;
    record.slots[0] = applied;
    record.reply_slots[0] = {applied.position, 0, applied.sequence};
    record.in_hand.store(applied.position);
    record.handling.store(lane::kIdle);
    record.ring_bytes = record.reply_bytes = kRingBytes;
    record.identity = kIdentity;
    record.stage.store(lane::KeptLane::Stage::joined);
    lane::set_text(record.name, kWriter);
    lane::KeptHeader& head = header();
    head.layout_version = ring::kLayoutVersion;
    head.max_lanes = 1;
    head.state_bytes = head.state_hash = state_bytes_;
    head.next_lane_id.store(kLaneId + 1);
    head.state_slots[0] = {0, kLaneId, applied};
    head.applied.store(applied.sequence);
    head.magic.store(lane::kKeptMagic);
  }

  /// The next Owner::open(kName) of this process takes over from the dead one.
  void hand_over() {
    serve();  // the last owner may have retired the lane
    if (writers_end_ && hung_up()) keeper_.abandon();
    if (keeper_.lanes() == 0) offer();
    const os::Descriptor socket = begin_generation();
    // Said in the next owner's place, so that the keeper need not be served while it opens.
    lane::KeeperMessage acknowledge;
    acknowledge.kind = lane::KeeperMessage::Kind::acknowledge;
    os::send_message(socket.get(), acknowledge.wire(), {}, MSG_DONTWAIT);
    serve();
  }

  /// As if an owner had been started and had died at once: an estate whose bytes are another one's
  /// must not have a generation that was there already.
  void skip_generation() { got(keeper_.begin_generation()); }

  /// A writer of this process that goes on behind the record that ends at `position`. Its
  /// connection is not the lane's: when it is destroyed, the lane does not end.
  Writer attach_writer(std::uint64_t position, std::uint64_t sequence) {
    auto ends = got(os::socket_pair());
    nobodys_end_ = std::move(ends.first);
    return attach(position, sequence, std::move(ends.second));
  }
  /// Likewise, at the other end of the lane's own connection: the owner can wake it, and each sees
  /// the other one hang up. After hand_over().
  Writer attach_joined_writer(std::uint64_t position, std::uint64_t sequence) {
    return attach(position, sequence, got(writers_end_.duplicate()));
  }
  /// What attach_joined_writer takes into use, for a writer that has a lane already.
  std::shared_ptr<lane::LaneMemory> lane() const { return lane_; }
  os::Descriptor doorbell() const { return got(doorbell_.duplicate()); }
  os::Descriptor connection() const { return got(writers_end_.duplicate()); }

  /// Each end of the lane's connection sees the other one hang up, as by its death, whoever else
  /// holds it. The next owner is handed a new one. After hand_over().
  void hang_up() const { ::shutdown(writers_end_.get(), SHUT_RDWR); }
  /// The writer's end is closed, as by its death, and no writer of this process has another.
  void close_writers_end() { writers_end_.reset(); }
  bool hung_up() const {
    pollfd state{writers_end_.get(), 0, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
  }

 private:
  template <class T>
  static T got(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::abort();
  }

  Writer attach(std::uint64_t position, std::uint64_t sequence, os::Descriptor connection) {
    control().start_position = position;
    Writer writer = got(WriterParts::attach_here(kName, {}, kWriter, kIdentity, lane_, doorbell(),
                                                 std::move(connection), os::Descriptor()));
    inside(writer).sequence = sequence;
    return writer;
  }

  std::uint64_t kept_bytes() const { return lane::kept_bytes(1, state_bytes_); }

  /// What the keeper gives to the owner that it starts. The environment has it, too.
  os::Descriptor begin_generation() {
    os::Descriptor socket = got(keeper_.begin_generation());
    os::Descriptor inherited = got(socket.duplicate());
    const std::string value = std::to_string(inherited.release()) + ":" + kName;
    ::setenv(lane::kKeeperVariable, value.c_str(), 1);
    return socket;
  }

  /// An owner that got so far as to offer the keeper all it has, and died.
  void offer() {
    auto ends = got(os::socket_pair());
    writers_end_ = std::move(ends.second);
    {
      begin_generation();
      auto link = lane::KeeperLink::from_environment(kName);
      got(link->receive(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
      if (!link->offer_kept(kept_file_.get()) ||
          !link->offer_lane(kLaneId, lane_file_.get(), doorbell_.get(), ends.first.get(), -1)) {
        std::abort();
      }
    }
    serve();
  }

  void serve() {
    if (!keeper_.serve()) std::abort();
  }

  std::uint64_t state_bytes_;
  os::Descriptor lane_file_, kept_file_;
  std::shared_ptr<lane::LaneMemory> lane_;
  std::unique_ptr<lane::KeptMemory> kept_;
  os::Descriptor listener_;  ///< never readable: nobody joins
  os::Descriptor doorbell_;
  os::Descriptor writers_end_;  ///< of the lane's connection
  os::Descriptor nobodys_end_;  ///< of an attached writer's
  lane::KeeperEnd keeper_;
};

}  // namespace cortado::test
