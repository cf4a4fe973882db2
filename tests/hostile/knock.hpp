// The rendezvous spoken by hand: connections, Hello and Welcome byte by byte, for whoever does not
// keep to them.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "lane/handshake.hpp"
#include "lane/rendezvous.hpp"
#include "os/descriptor.hpp"
#include "os/unix_socket.hpp"

namespace cortado::test {

/// What the owner of the arena hands to who joins.
struct Handed {
  os::Descriptor connection;
  lane::Welcome welcome;
  std::vector<os::Descriptor> descriptors;  ///< segment, doorbell, the owner's process
};

/// A connection that says nothing yet. Waits while too many others do.
inline os::Descriptor connect_by_hand(const std::string& directory) {
  for (;;) {
    auto connection = connect_to_owner("arena", directory);
    if (connection) return std::move(*connection);
    if (connection.error().code != Errc::try_again) {
      std::fprintf(stderr, "hostile: %s\n", connection.error().text.c_str());
      std::_Exit(9);
    }
    ::sched_yield();
  }
}

inline lane::Hello hello_of(const std::string& name) {
  lane::Hello hello;
  lane::set_text(hello.name, name);
  return hello;
}

/// 0, or what sendmsg said.
inline int say(int connection, std::span<const std::byte> bytes,
               std::span<const int> descriptors = {}) {
  const ssize_t sent = os::send_message(connection, bytes, descriptors, MSG_DONTWAIT);
  return sent < 0 ? static_cast<int>(-sent) : 0;
}
inline int say(int connection, const lane::Hello& hello, std::span<const int> descriptors = {}) {
  return say(connection, std::as_bytes(std::span(&hello, 1)), descriptors);
}

inline void await(int connection) {
  pollfd state{connection, POLLIN, 0};
  while (::poll(&state, 1, -1) < 0 && errno == EINTR) {
  }
}

/// What the owner answers; nothing if it hung up.
inline std::optional<Handed> hear(os::Descriptor connection) {
  Handed handed;
  handed.connection = std::move(connection);
  for (;;) {
    await(handed.connection.get());
    const ssize_t got = os::receive_message(handed.connection.get(),
                                            std::as_writable_bytes(std::span(&handed.welcome, 1)),
                                            handed.descriptors, 3, MSG_DONTWAIT);
    if (got == -ECONNRESET || got == -EAGAIN) continue;  // once, before the refusal
    if (got != static_cast<ssize_t>(sizeof handed.welcome)) return std::nullopt;
    return handed;
  }
}

/// Joins; a process that cannot, ends. A refusal to be repeated is.
inline Handed join_by_hand(const std::string& directory, const lane::Hello& hello) {
  for (;;) {
    os::Descriptor connection = connect_by_hand(directory);
    if (say(connection.get(), hello) != 0) continue;
    auto handed = hear(std::move(connection));
    if (handed && handed->welcome.refused == 0) return std::move(*handed);
    const auto again = 1 + static_cast<std::uint32_t>(Errc::try_again);
    if (handed && handed->welcome.refused != again) {
      std::fprintf(stderr, "hostile: %s\n", handed->welcome.text);
      std::_Exit(9);
    }
  }
}

/// Descriptors that a process has open.
inline std::size_t open_descriptors(pid_t pid) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    ++count;
  }
  return count;
}

}  // namespace cortado::test
