#include "lane/keeper_end.hpp"

#include <array>
#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "os/error.hpp"
#include "os/unix_socket.hpp"

namespace cortado::lane {

using Kind = KeeperMessage::Kind;

KeeperEnd::KeeperEnd(std::string name, int listener, std::uint32_t capacity)
    : name_(std::move(name)), listener_(listener), capacity_(capacity) {}

Error KeeperEnd::unusable(const char* what) const {
  return {Errc::malformed, "cannot keep what owner '" + name_ + "' sent: " + what +
                               "; use a launcher and an owner of the same cortado"};
}

Result<os::Descriptor> KeeperEnd::begin_generation() {
  // A dead owner's last messages are still in the socket: an offered lane may have a writer.
  for (Result<void> served = serve(); !served && socket_;) served = serve();
  auto pair = os::socket_pair();
  if (!pair) return pair.error();
  socket_ = std::move(pair->first);
  ++generation_;
  stage_ = Stage::greeted;
  last_sent_.reset();
  send_greeting();
  return std::move(pair->second);
}

void KeeperEnd::abandon() noexcept {
  socket_.reset();
  kept_.reset();
  lanes_.clear();
}

Result<void> KeeperEnd::serve() {
  if (stalled_ && socket_) {
    if (stage_ == Stage::greeted) {
      send_greeting();
    } else {
      send_lanes();
    }
  }
  while (socket_) {
    KeeperMessage message;
    std::vector<os::Descriptor> descriptors;
    const ssize_t length =
        os::receive_message(socket_.get(), message.buffer(), descriptors, 4, MSG_DONTWAIT);
    if (length == -EAGAIN) return {};
    // ECONNRESET is told once, ahead of what is queued: the owner died with something unread.
    if (length == -EINTR || length == -ECONNRESET) continue;
    if (length == -EMFILE || length == -ENFILE) {
      return os::system_error(static_cast<int>(-length), "keep", "a lane of owner '" + name_ + "'");
    }
    if (length == -EPROTO) return unusable("a message has the wrong size");
    if (length <= 0) {
      socket_.reset();
      return {};
    }
#if !defined(CORTADO_SEED_NO_FORM_CHECK)
    if (!message.well_formed(static_cast<std::size_t>(length))) {
      return unusable("a message has the wrong form");
    }
#endif
    if (auto taken = take(message, descriptors); !taken) return taken;
  }
  return {};
}

Result<void> KeeperEnd::take(const KeeperMessage& message,
                             std::vector<os::Descriptor>& descriptors) {
  switch (message.kind) {
    case Kind::acknowledge:
      acknowledged();
      return {};
    case Kind::kept:
      if (descriptors.size() != 1) return unusable("the kept segment is not one descriptor");
      kept_ = std::move(descriptors[0]);
      return {};
    case Kind::lane:
      return take_lane(message, descriptors);
    case Kind::retire:
      for (std::size_t i = 0; i < message.count; ++i) lanes_.erase(message.entries[i].lane_id);
      return {};
    case Kind::greeting:
    case Kind::lanes:
      break;
  }
  return unusable("a message is of an unknown kind");
}

Result<void> KeeperEnd::take_lane(const KeeperMessage& message,
                                  std::vector<os::Descriptor>& descriptors) {
  if (message.count != 1 || message.announced() != descriptors.size()) {
    return unusable("a lane lacks a descriptor");
  }
  if (lanes_.size() >= capacity_) return unusable("there are more lanes than agreed");
  LaneHandles lane;
  lane.lane_id = message.entries[0].lane_id;
  lane.segment = std::move(descriptors[0]);
  lane.doorbell = std::move(descriptors[1]);
  lane.connection = std::move(descriptors[2]);
  if (descriptors.size() == 4) lane.process = std::move(descriptors[3]);
  if (!lanes_.try_emplace(lane.lane_id, std::move(lane)).second) {
    return unusable("a lane's number is in use");
  }
  return {};
}

void KeeperEnd::acknowledged() {
  if (stage_ != Stage::greeted && stage_ != Stage::handing) return;
  stage_ = Stage::handing;
  send_lanes();
}

void KeeperEnd::send_greeting() {
  KeeperMessage greeting;
  greeting.kind = Kind::greeting;
  greeting.generation = generation_;
  greeting.remaining = static_cast<std::uint32_t>(lanes_.size());
  greeting.capacity = capacity_;
  const std::array<int, 2> descriptors{listener_, kept_.get()};
  stalled_ = os::send_message(socket_.get(), greeting.wire(),
                              std::span(descriptors).first(kept_ ? 2 : 1), MSG_DONTWAIT) < 0;
}

void KeeperEnd::send_lanes() {
  KeeperMessage message;
  message.kind = Kind::lanes;
  std::vector<int> descriptors;
  auto next = last_sent_ ? lanes_.upper_bound(*last_sent_) : lanes_.begin();
  for (; next != lanes_.end() && message.count < kLanesPerMessage; ++next) {
    const LaneHandles& lane = next->second;
    descriptors.insert(descriptors.end(),
                       {lane.segment.get(), lane.doorbell.get(), lane.connection.get()});
    if (lane.process) descriptors.push_back(lane.process.get());
    message.entries[message.count++] = {lane.lane_id, lane.process ? 4U : 3U};
  }
  if (message.count == 0) {
    stage_ = Stage::complete;
    stalled_ = false;
    return;
  }
  message.remaining = static_cast<std::uint32_t>(std::distance(next, lanes_.end()));
  stalled_ = os::send_message(socket_.get(), message.wire(), descriptors, MSG_DONTWAIT) < 0;
  if (!stalled_) last_sent_ = message.entries[message.count - 1].lane_id;
}

}  // namespace cortado::lane
