// One epoll: many descriptors, one absolute deadline.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include <sys/epoll.h>

#include "os/descriptor.hpp"

namespace cortado::os {

class Poller {
 public:
  /// Holds no epoll: every call fails with EBADF. Assign the result of create().
  Poller() = default;
  static Result<Poller> create();

  /// `tag` comes back in epoll_event::data.u64.
  Result<void> add(int descriptor, std::uint32_t events, std::uint64_t tag);
  /// Before the descriptor is closed: a duplicate of it elsewhere would keep it in the epoll.
  void remove(int descriptor) noexcept;

  /// Blocks until something is ready or the deadline has passed; nullopt is for ever, a deadline in
  /// the past only asks. A signal does not end the wait. Never returns 0 before the deadline.
  /// Returns the number of events, or -errno. Does not allocate.
  int wait(std::span<epoll_event> events,
           std::optional<std::chrono::steady_clock::time_point> deadline) noexcept;

  /// Readable while anything added is ready.
  int fd() const noexcept { return epoll_.get(); }

 private:
  Descriptor epoll_;
};

}  // namespace cortado::os
