#include "os/event_descriptor.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>

#include <unistd.h>

#include "os/error.hpp"

namespace cortado::os {

Result<Descriptor> create_event() {
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) return system_error(errno, "create", "an eventfd");
  return Descriptor(event);
}

void signal_event(int event) noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
  errno = saved;
}

void drain_event(int event) noexcept {
  const int saved = errno;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(event, &count, sizeof count);
  errno = saved;
}

}  // namespace cortado::os
