#include "os/memory_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/memory_headroom.hpp"

namespace cortado::os {
namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned kNoExecSeal = 0x0008U;  // Linux 6.3
#else
constexpr unsigned kNoExecSeal = MFD_NOEXEC_SEAL;
#endif

/// Bytes that are allocated by one call: some 50 microseconds.
constexpr off_t kAtOnce = off_t{256} << 10;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::string of_bytes(std::size_t bytes) {
  return "a segment of " + std::to_string(bytes) + " bytes";
}

/// Beyond RLIMIT_FSIZE the kernel raises SIGXFSZ, which kills; so it is asked first.
Result<void> check_file_size_limit(std::size_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0) {
    return system_error(errno, "ask for", "the limit of file sizes");
  }
  if (limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur) return {};
  return Error{Errc::no_memory, "cannot allocate " + of_bytes(bytes) + ": files may have only " +
                                    std::to_string(limit.rlim_cur) +
                                    " bytes here; raise `ulimit -f`, or use smaller rings"};
}

Result<void> check_headroom(std::size_t bytes) {
  thread_local RecentHeadroom recent;
  const auto now = RecentHeadroom::clock::now();
  if (recent.grants(bytes, now)) return {};
  const MemoryHeadroom headroom = memory_headroom();
  if (bytes <= headroom.bytes) {
    recent.remember(headroom, bytes, now);
    return {};
  }
  return Error{Errc::no_memory, "cannot allocate " + of_bytes(bytes) + ": only " +
                                    std::to_string(headroom.bytes) + " bytes are left by " +
                                    headroom.limited_by +
                                    "; use smaller rings, or allow more memory"};
}

int make_memfd(const char* name) noexcept {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int memfd = ::memfd_create(name, flags | kNoExecSeal);
  if (memfd >= 0 || errno != EINVAL) return memfd;
  return ::memfd_create(name, flags);
}

Result<void> allocate(int memfd, std::size_t bytes) {
  const auto size = static_cast<off_t>(bytes);
  constexpr std::string_view remedy = "use smaller rings, or allow more memory";
  int failed = 0;
  do {
    failed = ::ftruncate(memfd, size);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return system_error(errno, "set the size of", of_bytes(bytes), remedy);
  // In pieces: before Linux 6.12 a signal undoes all of what one call had allocated, and under a
  // periodic timer a large segment would never be done.
  for (off_t done = 0; done < size; done += kAtOnce) {
    do {
      failed = ::fallocate(memfd, 0, done, std::min(kAtOnce, size - done));
    } while (failed != 0 && errno == EINTR);
    if (failed != 0) return system_error(errno, "allocate", of_bytes(bytes), remedy);
  }
  return {};
}

}  // namespace

Result<Descriptor> create_memory_file(const char* name, std::size_t bytes) {
  if (bytes == 0 || bytes > static_cast<std::size_t>(INT64_MAX)) {
    return Error{Errc::invalid_argument, "cannot allocate " + of_bytes(bytes) +
                                             ": no memory has that size; correct the call"};
  }
  if (auto checked = check_file_size_limit(bytes); !checked) return checked.error();
  if (auto checked = check_headroom(bytes); !checked) return checked.error();
  Descriptor memfd(make_memfd(name));
  if (!memfd) return system_error(errno, "create", of_bytes(bytes));
  if (auto allocated = allocate(memfd.get(), bytes); !allocated) {
#if defined(CORTADO_SEED_LEAKED_DESCRIPTOR)
    static_cast<void>(memfd.release());
#endif
    return allocated.error();
  }
  if (::fcntl(memfd.get(), F_ADD_SEALS, kSeals) != 0) {
    return system_error(errno, "seal", of_bytes(bytes));
  }
  return memfd;
}

Result<void> verify_memory_file(int descriptor, std::size_t bytes) {
  const auto refuse = [&](const std::string& why) {
    return Error{Errc::malformed, "cannot use the descriptor as " + of_bytes(bytes) + ": " + why +
                                      "; whoever sent it is not cortado, or broken"};
  };
  const int seals = ::fcntl(descriptor, F_GET_SEALS);
  if (seals < 0) return refuse("it is no memfd");
  if ((seals & kSeals) != kSeals) return refuse("its size is not sealed");
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return system_error(errno, "examine", of_bytes(bytes));
  if (static_cast<std::uint64_t>(status.st_size) != bytes) {
    return refuse("it has " + std::to_string(status.st_size));
  }
  return {};
}

}  // namespace cortado::os
