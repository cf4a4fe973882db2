#include "os/resource_limits.hpp"

#include <cerrno>

#include <sys/resource.h>

#include "os/error.hpp"

namespace cortado::os {

Result<void> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return system_error(errno, "ask for", "the limit of descriptors");
  }
  if (limit.rlim_cur == limit.rlim_max) return {};
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return system_error(errno, "raise", "the limit of descriptors", "raise `ulimit -n`");
  }
  return {};
}

}  // namespace cortado::os
