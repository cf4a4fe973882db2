// A lock that one process in the machine holds, and that the kernel releases when it dies.
//
// POSIX record locks, because a forked child does not inherit them (an open-file-description lock
// would outlive its owner in the child), and a stopped process keeps them. Their price is paid
// here: they do not conflict inside one process, and closing any descriptor of the file drops them;
// so a registry refuses a second acquire in this process before it opens the file.
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <string>

#include "os/descriptor.hpp"

namespace cortado::os {

class FileLock {
 public:
  /// Creates the file (0600) if it is not there and locks it. Does not wait. Any thread.
  ///
  /// name_taken: a live process holds it; the text names its pid. permission: the path is a link,
  /// no regular file, or belongs to somebody else. try_again: the file kept changing.
  static Result<FileLock> acquire(const std::string& path);

  /// Unlinks the file while it is still locked, then releases. In a forked child: neither.
  /// A killed holder leaves an empty file behind, which the next one takes over.
  ~FileLock() { release(); }
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  FileLock(Descriptor file, std::string path, std::uint64_t epoch) noexcept;
  void release() noexcept;

  Descriptor file_;
  std::string path_;
  std::uint64_t epoch_ = 0;
};

}  // namespace cortado::os
