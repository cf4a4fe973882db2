#include "os/unix_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

#include "os/error.hpp"

namespace cortado::os {
namespace {

#ifndef SO_PASSRIGHTS
constexpr int kPassRights = 83;  // Linux 6.16
#else
constexpr int kPassRights = SO_PASSRIGHTS;
#endif

constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxDescriptors * sizeof(int));

void take_descriptors(msghdr& message, std::vector<Descriptor>& descriptors) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
      descriptors.emplace_back(descriptor);
    }
  }
}

}  // namespace

Result<Credentials> peer_credentials(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return system_error(errno, "learn", "who is at the other end of a socket");
  }
  return Credentials{peer.pid, peer.uid, peer.gid};
}

ssize_t send_message(int socket, std::span<const std::byte> bytes, std::span<const int> descriptors,
                     int flags) noexcept {
  if (bytes.empty() || descriptors.size() > kMaxDescriptors) return -EINVAL;
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<unsigned char, kControlBytes> control;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    std::memset(control.data(), 0, message.msg_controllen);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

ssize_t receive_message(int socket, std::span<std::byte> bytes,
                        std::vector<Descriptor>& descriptors, std::size_t max_descriptors,
                        int flags) {
  descriptors.clear();
  if (max_descriptors > kMaxDescriptors) return -EINVAL;
  descriptors.reserve(max_descriptors);
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<unsigned char, kControlBytes> control;
  msghdr message{};
  ssize_t received = -1;
  do {
    message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (max_descriptors > 0) {
      message.msg_control = control.data();
      // CMSG_SPACE would round up, and let the kernel install one more than asked for.
      message.msg_controllen = CMSG_LEN(max_descriptors * sizeof(int));
    }
    received = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return -errno;

  take_descriptors(message, descriptors);
  const bool cut_descriptors = (message.msg_flags & MSG_CTRUNC) != 0;
  // The kernel stops early only where this process has no room; at a surplus it fills all we asked.
  const bool no_room = cut_descriptors && descriptors.size() < max_descriptors;
  const bool broken = cut_descriptors || (message.msg_flags & MSG_TRUNC) != 0 ||
                      (received == 0 && !descriptors.empty());
  if (!broken) return received;
  descriptors.clear();
  return no_room ? -EMFILE : -EPROTO;
}

bool refuse_descriptors(int socket) noexcept {
  const int off = 0;
  return ::setsockopt(socket, SOL_SOCKET, kPassRights, &off, sizeof off) == 0;
}

Result<std::pair<Descriptor, Descriptor>> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return system_error(errno, "make", "a pair of sockets");
  }
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

}  // namespace cortado::os
