#include "os/random.hpp"

#include <cerrno>

#include <sys/random.h>

#include "os/error.hpp"

namespace cortado::os {

Result<void> fill_random(std::span<std::byte> bytes) {
  ssize_t got = -1;
  do {
    got = ::getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(bytes.size())) return {};
  return system_error(got < 0 ? errno : EIO, "get", "random bytes");
}

}  // namespace cortado::os
