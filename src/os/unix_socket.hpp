// Messages with descriptors over Unix SEQPACKET sockets.
//
// A message carries at most kMaxDescriptors descriptors (the kernel's SCM_MAX_FD). Functions that
// return ssize_t return -errno, so that the hot path builds no text.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "os/descriptor.hpp"

namespace cortado::os {

inline constexpr std::size_t kMaxDescriptors = 253;

/// Who called connect() (or listen(), or socketpair()) at the other end, when it did.
struct Credentials {
  pid_t pid = 0;  ///< 0: lives in a pid namespace that this process cannot see
  uid_t uid = 0;
  gid_t gid = 0;
};

Result<Credentials> peer_credentials(int socket);

/// Sends one message; never raises SIGPIPE. `flags` are added (MSG_DONTWAIT). Does not allocate.
/// Returns bytes.size(), or -errno: -EAGAIN full, -EPIPE or -ECONNRESET gone, -EINVAL no bytes (an
/// empty message would look like a hang-up) or too many descriptors, -EMSGSIZE,
/// -ETOOMANYREFS too many descriptors of this user are in flight.
ssize_t send_message(int socket, std::span<const std::byte> bytes, std::span<const int> descriptors,
                     int flags) noexcept;

/// Receives one message. `descriptors` is replaced by those that came with it, close-on-exec;
/// allocates only if max_descriptors > 0. Returns its bytes; 0 at hang-up; or -errno:
/// -EAGAIN none there; -EPROTO longer than `bytes`, more than max_descriptors, or descriptors
/// without bytes; -EMFILE this process had no room for them. After an error the message is gone and
/// everything that came with it is closed.
ssize_t receive_message(int socket, std::span<std::byte> bytes,
                        std::vector<Descriptor>& descriptors, std::size_t max_descriptors,
                        int flags);

/// From now on the kernel refuses descriptors that are sent to this socket, and to the connections
/// accepted from it if it listens: a queued descriptor can stall whoever closes it. False where the
/// kernel has no SO_PASSRIGHTS (before 6.16).
bool refuse_descriptors(int socket) noexcept;

/// Two connected SEQPACKET sockets, close-on-exec and non-blocking.
Result<std::pair<Descriptor, Descriptor>> socket_pair();

}  // namespace cortado::os
