// Processes as descriptors: a pid can be reused, a pidfd cannot.
#pragma once

#include <cortado/result.hpp>

#include <sys/types.h>

#include "os/descriptor.hpp"

namespace cortado::os {

/// pidfd of a child, or of a process that is known not to be reaped. Close-on-exec; readable
/// (EPOLLIN) once the process has exited. system (ESRCH): there is no such process.
Result<Descriptor> open_process(pid_t process);

/// pidfd of whoever connected (or listened, or made the pair) at the other end of a Unix socket.
/// By SO_PEERPIDFD, which cannot name the wrong process; before Linux 6.5 by pid, which can if the
/// peer died before this call and its pid was reused. Error: the peer is gone, or lives in another
/// pid namespace. Its death is then told by the socket's hang-up alone.
Result<Descriptor> peer_process(int socket);

/// Whether whoever is at the other end of a Unix socket (see peer_process) has exited, though a
/// forked child of it may hold that end open. Does not block. False if nothing tells.
bool peer_has_exited(int socket) noexcept;

/// Whether the process has exited (reaped or not). Does not block. False if `process` is -1.
bool has_exited(int process) noexcept;

/// 0, or -errno: -ESRCH it has exited, -EPERM it belongs to somebody else. Signal 0 only asks.
int send_signal(int process, int signal) noexcept;

}  // namespace cortado::os
