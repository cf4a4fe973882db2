// What the targets of the keeper's link have in common: messages with descriptors over a real pair
// of sockets, and the count of this process's descriptors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <sys/socket.h>

#include <unistd.h>

#include "lane/keeper_protocol.hpp"
#include "os/event_descriptor.hpp"
#include "os/unix_socket.hpp"
#include "target.hpp"

namespace cortado::fuzz {

using lane::KeeperMessage;

/// One message as an input has it, short enough that several fit into an input.
struct Letter {
  std::uint8_t kind = 0;         ///< KeeperMessage::Kind if small enough
  std::uint8_t count = 0;        ///< of entries
  std::uint8_t descriptors = 0;  ///< that come along, modulo 13
  std::uint8_t odd = 0;          ///< bit 0: wrong magic; 1: too short; 2: too long; 3: bare count
  std::uint32_t remaining = 0;
  std::uint64_t generation = 0;
  std::uint32_t capacity = 0;
  std::uint8_t lane_ids[3] = {};
  std::uint8_t announced = 0x55;  ///< for each entry two bits: 2 to 5 descriptors

  std::size_t files() const noexcept { return descriptors % 13U; }
  bool is_odd() const noexcept { return (odd & 15) != 0; }
  std::size_t entries() const noexcept { return count % 4U; }
  std::uint32_t lane_id(std::size_t i) const noexcept { return lane_ids[i % 3] % 8U; }
  std::uint32_t files_of(std::size_t i) const noexcept { return 2 + (announced >> 2 * i & 3U); }
  std::size_t files_announced() const noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < entries(); ++i) sum += files_of(i);
    return sum;
  }
  bool announces_lanes() const noexcept {
    for (std::size_t i = 0; i < entries(); ++i) {
      if (files_of(i) != 3 && files_of(i) != 4) return false;
    }
    return true;
  }

  /// False: the socket takes no more.
  bool send(int socket, int file) const {
    KeeperMessage message;
    message.kind = static_cast<KeeperMessage::Kind>(kind % 8);
    message.count = static_cast<std::uint32_t>(entries());
    message.generation = generation;
    message.remaining = remaining;
    message.capacity = capacity;
    for (std::size_t i = 0; i < entries(); ++i) message.entries[i] = {lane_id(i), files_of(i)};
    std::size_t length = message.wire().size();
    if ((odd & 1) != 0) message.magic ^= 1;
    if ((odd & 2) != 0) {
      length -= 1 + remaining % 32U;
    } else if ((odd & 4) != 0) {
      length += 8;
    }
    if ((odd & 8) != 0) message.count += 0x10000001;
    std::array<int, 12> files;
    files.fill(file);
    const auto bytes = std::as_bytes(std::span(&message, 1)).first(length);
    return os::send_message(socket, bytes, std::span(files).first(this->files()), MSG_DONTWAIT) >=
           0;
  }

  void change(Random& random) noexcept {
    LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(this), sizeof *this, sizeof *this);
    if (!random.one_in(8)) odd = 0;
    if (!random.one_in(4)) capacity %= 64;
    if (!random.one_in(4)) remaining %= 4;
    if (!random.one_in(4)) announced = random.one_in(2) ? 0x55 : 0xaa;
  }
};
static_assert(sizeof(Letter) == 24);

/// The lowest number that the next descriptor would have: if none is lost or closed twice, it is
/// the same before an input and after it.
inline int next_descriptor() {
  const int probe = ::dup(STDERR_FILENO);
  require(probe >= 0, "there are descriptors");
  ::close(probe);
  return probe;
}

}  // namespace cortado::fuzz
