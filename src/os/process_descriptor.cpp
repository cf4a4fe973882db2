#include "os/process_descriptor.hpp"

#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <sys/syscall.h>

#include <poll.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/unix_socket.hpp"

namespace cortado::os {
namespace {

#ifndef SO_PEERPIDFD
constexpr int kPeerPidfd = 77;  // Linux 6.5
#else
constexpr int kPeerPidfd = SO_PEERPIDFD;
#endif

constexpr std::string_view kHangUpTells = "its death is told by the connection's hang-up";

int open_pid(pid_t process) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
}

/// A pidfd, or -1 and errno; ENOPROTOOPT: this kernel cannot.
int peer_pidfd(int socket) noexcept {
  int descriptor = -1;
  socklen_t length = sizeof descriptor;
  const bool got = ::getsockopt(socket, SOL_SOCKET, kPeerPidfd, &descriptor, &length) == 0;
  return got ? descriptor : -1;
}

}  // namespace

Result<Descriptor> open_process(pid_t process) {
  const int descriptor = open_pid(process);
  if (descriptor < 0) return system_error(errno, "open", "process " + std::to_string(process));
  return Descriptor(descriptor);
}

Result<Descriptor> peer_process(int socket) {
  if (const int descriptor = peer_pidfd(socket); descriptor >= 0) return Descriptor(descriptor);
  if (errno != ENOPROTOOPT) {
    const bool no_room = errno == EMFILE || errno == ENFILE;
    return system_error(errno, "open", "the process at the other end of a socket",
                        no_room ? std::string_view{} : kHangUpTells);
  }
  const auto peer = peer_credentials(socket);
  if (!peer) return peer.error();
  if (peer->pid == 0) {
    return system_error(ESRCH, "open", "a process of another pid namespace", kHangUpTells);
  }
  return open_process(peer->pid);
}

bool peer_has_exited(int socket) noexcept {
  Descriptor process(peer_pidfd(socket));
  if (!process && errno == ENOPROTOOPT) {
    ucred peer{};
    socklen_t length = sizeof peer;
    const bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
    if (!known || peer.pid <= 0) return false;
    process.reset(open_pid(peer.pid));
  }
  // No pidfd for a process that is reaped: EINVAL at first, ESRCH since Linux 6.9 or so.
  return process ? has_exited(process.get()) : errno == ESRCH || errno == EINVAL;
}

bool has_exited(int process) noexcept {
  pollfd entry{process, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&entry, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready == 1 && (entry.revents & (POLLIN | POLLHUP)) != 0;
}

int send_signal(int process, int signal) noexcept {
  if (::syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0) == 0) return 0;
  return -errno;
}

}  // namespace cortado::os
