#include "os/descriptor.hpp"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"

namespace cortado::os {

void Descriptor::reset(int descriptor) noexcept {
  const int old = std::exchange(descriptor_, descriptor);
  if (old < 0) return;
  const int saved = errno;
  ::close(old);
  errno = saved;
}

Result<Descriptor> Descriptor::duplicate() const {
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return system_error(errno, "duplicate", "descriptor " + std::to_string(descriptor_));
  }
  return Descriptor(copy);
}

}  // namespace cortado::os
