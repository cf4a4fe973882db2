#include "lane/keeper_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>

#include "lane/keeper_protocol.hpp"
#include "os/error.hpp"
#include "os/poller.hpp"
#include "os/unix_socket.hpp"

namespace cortado::lane {
namespace {

using Kind = KeeperMessage::Kind;

struct Received {
  KeeperMessage message;
  std::vector<os::Descriptor> descriptors;
};

bool is_seqpacket(int descriptor) {
  const auto option = [descriptor](int which) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, which, &value, &length) == 0 ? value : -1;
  };
  return option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == SOCK_SEQPACKET;
}

Error malformed(const std::string& name) {
  return {Errc::malformed, "cannot take over owner '" + name +
                               "': the keeper's message is not understood; use a launcher and an "
                               "owner of the same cortado"};
}

Error keeper_gone(const std::string& name) {
  return {Errc::system, "cannot take over owner '" + name + "': the keeper is gone; start anew"};
}

Result<Received> receive_message(int socket, const std::string& name,
                                 KeeperLink::time_point deadline) {
  auto poller = os::Poller::create();
  if (!poller) return poller.error();
  if (auto added = poller->add(socket, EPOLLIN, 0); !added) return added.error();
  std::array<epoll_event, 1> ready;
  const int count = poller->wait(ready, deadline);
  if (count < 0) return os::system_error(-count, "wait for", "the keeper");
  if (count == 0) {
    return Error{Errc::timed_out, "cannot take over owner '" + name +
                                      "': the keeper does not answer; see whether it is stopped"};
  }
  Received received;
  const ssize_t length = os::receive_message(
      socket, received.message.buffer(), received.descriptors, os::kMaxDescriptors, MSG_DONTWAIT);
  if (length == 0) return keeper_gone(name);
  if (length < 0) return os::system_error(static_cast<int>(-length), "receive", "the kept lanes");
  if (!received.message.well_formed(static_cast<std::size_t>(length))) return malformed(name);
  return received;
}

}  // namespace

KeeperLink::KeeperLink(os::Descriptor socket, std::string name)
    : socket_(std::move(socket)), name_(std::move(name)) {}

std::optional<KeeperLink> KeeperLink::from_environment(std::string_view owner_name) {
  const char* const value = std::getenv(kKeeperVariable);
  if (value == nullptr) return std::nullopt;
  const std::string_view text(value);
  int descriptor = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || descriptor < 0 || text.substr(digits, 1) != ":") return std::nullopt;
  if (text.substr(digits + 1) != owner_name || !is_seqpacket(descriptor)) return std::nullopt;

  ::unsetenv(kKeeperVariable);
  os::Descriptor socket(descriptor);
  if (::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return KeeperLink(std::move(socket), std::string(owner_name));
}

Result<Inheritance> KeeperLink::receive(time_point deadline) {
  Inheritance inheritance;
  inheritance.name = name_;
  auto remaining = receive_greeting(inheritance, deadline);
  while (remaining && *remaining > 0) remaining = receive_lanes(inheritance, deadline);
  if (!remaining) return remaining.error();
  held_ = inheritance.lanes.size();
  retired_.reserve(std::max(capacity_, held_));
  return inheritance;
}

Result<std::uint32_t> KeeperLink::receive_greeting(Inheritance& inheritance, time_point deadline) {
  auto received = receive_message(socket_.get(), name_, deadline);
  if (!received) return received.error();
  auto& descriptors = received->descriptors;
  const KeeperMessage& greeting = received->message;
  if (greeting.kind != Kind::greeting || descriptors.empty() || descriptors.size() > 2) {
    return malformed(name_);
  }
  inheritance.generation = greeting.generation;
  inheritance.listener = std::move(descriptors[0]);
  if (descriptors.size() == 2) inheritance.kept = std::move(descriptors[1]);
#if defined(CORTADO_SEED_NO_CAPACITY_LIMIT)
  capacity_ = greeting.capacity;
#else
  capacity_ = std::min<std::size_t>(greeting.capacity, kMaxLanes);
#endif

  KeeperMessage acknowledge;
  acknowledge.kind = Kind::acknowledge;
  if (auto sent = send(acknowledge.wire(), {}, "acknowledge the lanes"); !sent) return sent.error();
  return greeting.remaining;
}

Result<std::uint32_t> KeeperLink::receive_lanes(Inheritance& inheritance, time_point deadline) {
  auto received = receive_message(socket_.get(), name_, deadline);
  if (!received) return received.error();
  const KeeperMessage& message = received->message;
  if (message.kind != Kind::lanes || message.count == 0 ||
      message.announced() != received->descriptors.size()) {
    return malformed(name_);
  }
  auto next = received->descriptors.begin();
  for (std::size_t i = 0; i < message.count; ++i) {
    LaneHandles& lane = inheritance.lanes.emplace_back();
    lane.lane_id = message.entries[i].lane_id;
    lane.segment = std::move(*next++);
    lane.doorbell = std::move(*next++);
    lane.connection = std::move(*next++);
    if (message.entries[i].descriptors == 4) lane.process = std::move(*next++);
  }

  KeeperMessage acknowledge;
  acknowledge.kind = Kind::acknowledge;
  if (auto sent = send(acknowledge.wire(), {}, "acknowledge the lanes"); !sent) return sent.error();
  return message.remaining;
}

Result<void> KeeperLink::send(std::span<const std::byte> bytes, std::span<const int> descriptors,
                              std::string_view what) {
  const ssize_t sent = os::send_message(socket_.get(), bytes, descriptors, MSG_DONTWAIT);
  if (sent >= 0) return {};
  const auto cause = static_cast<int>(-sent);
  if (cause == EAGAIN || cause == ETOOMANYREFS || cause == ENOBUFS) {
    return Error{Errc::try_again, "cannot " + std::string(what) + " of owner '" + name_ +
                                      "': the keeper is behind with its reading; try again"};
  }
  return os::system_error(cause, what, "of owner '" + name_ + "'",
                          "the keeper is gone: start the group anew");
}

Result<void> KeeperLink::offer_kept(int kept_memfd) {
  KeeperMessage message;
  message.kind = Kind::kept;
  return send(message.wire(), std::span(&kept_memfd, 1), "keep the positions");
}

Result<void> KeeperLink::offer_lane(std::uint32_t lane_id, int segment, int doorbell,
                                    int connection, int process) {
  if (!flush()) {
    return Error{Errc::try_again, "cannot keep a lane of owner '" + name_ +
                                      "': the keeper is behind with its reading; try again"};
  }
  if (held_ >= capacity_) {
    return Error{Errc::descriptors, "cannot keep a lane of owner '" + name_ +
                                        "': the keeper's descriptors allow " +
                                        std::to_string(capacity_) +
                                        " lanes; raise `ulimit -n` where the launcher is started"};
  }
  const std::array<int, 4> descriptors{segment, doorbell, connection, process};
  const std::size_t count = process >= 0 ? 4 : 3;
  KeeperMessage message;
  message.kind = Kind::lane;
  message.count = 1;
  message.entries[0] = {lane_id, static_cast<std::uint32_t>(count)};
  auto sent = send(message.wire(), std::span(descriptors).first(count), "keep a lane");
  if (sent) ++held_;
  return sent;
}

void KeeperLink::retire_lane(std::uint32_t lane_id) noexcept {
  if (held_ == 0) return;
  --held_;
  retired_.push_back(lane_id);  // within the reserve: an offer waits until this is empty
  flush();
}

bool KeeperLink::flush() noexcept {
  while (!retired_.empty()) {
    KeeperMessage message;
    message.kind = Kind::retire;
    message.count = static_cast<std::uint32_t>(std::min(retired_.size(), kLanesPerMessage));
    for (std::size_t i = 0; i < message.count; ++i) message.entries[i] = {retired_[i], 0};
    const ssize_t sent = os::send_message(socket_.get(), message.wire(), {}, MSG_DONTWAIT);
    if (sent == -EPIPE || sent == -ECONNRESET) retired_.clear();  // nobody is left to be told
    if (sent < 0) return retired_.empty();
    retired_.erase(retired_.begin(), retired_.begin() + static_cast<std::ptrdiff_t>(message.count));
  }
  return true;
}

}  // namespace cortado::lane
