#include "os/file_lock.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/fork_guard.hpp"

namespace cortado::os {
namespace {

constexpr int kAttempts = 100;

struct Identity {
  dev_t device;
  ino_t inode;
  bool operator==(const Identity&) const = default;
};

Identity identity_of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino};
}

/// The files that this process has locked. A forked child gets an empty one: it inherits no lock,
/// and the parent's mutex may have been held by a thread that the child does not have.
struct Registry {
  explicit Registry(Registry* of_parent) : parent(of_parent), epoch(process_epoch()) {}

  std::mutex mutex;
  std::vector<Identity> held;
  Registry* const parent;  ///< keeps it reachable
  const std::uint64_t epoch;
};

Registry& registry() {
  static std::atomic<Registry*> current{nullptr};
  Registry* seen = current.load(std::memory_order_acquire);
  while (seen == nullptr || seen->epoch != process_epoch()) {
    auto made = std::make_unique<Registry>(seen);
    if (current.compare_exchange_strong(seen, made.get(), std::memory_order_acq_rel)) {
      return *made.release();
    }
  }
  return *seen;
}

Error taken(const std::string& path, pid_t holder) {
  return {Errc::name_taken, "cannot lock " + path + ": " +
                                (holder > 0 ? "process " + std::to_string(holder)
                                            : "a process of another container") +
                                " holds it; stop that one, or choose another name"};
}

Error hijacked(const std::string& path, const struct stat& status, const char* why) {
  return {Errc::permission, "cannot lock " + described(path, status) + ": " + why + "; remove it"};
}

/// One attempt. Not locked: the file was replaced meanwhile.
struct Attempt {
  Descriptor file;
  Identity identity{};
  bool locked = false;
};

Result<void> check_file(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return hijacked(path, status, "it is not a regular file");
  if (status.st_uid != ::geteuid()) return hijacked(path, status, "it belongs to another user");
  if (status.st_nlink > 1) return hijacked(path, status, "it has a second name (hard link)");
  return {};
}

/// Opens what `path` names. An O_PATH descriptor comes first: closing that one drops no lock, in
/// case the file turns out to be one that this process has locked.
Result<Attempt> open_lock_file(const std::string& path, const std::vector<Identity>& held) {
  Attempt attempt;
  const Descriptor seen(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!seen && errno == ENOENT) {
    attempt.file.reset(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!attempt.file && errno != EEXIST) return system_error(errno, "create", path);
  } else if (!seen) {
    return system_error(errno, "open", path);
  } else {
    struct stat status {};
    if (::fstat(seen.get(), &status) != 0) return system_error(errno, "examine", path);
    if (auto checked = check_file(path, status); !checked) return checked.error();
    if (std::find(held.begin(), held.end(), identity_of(status)) != held.end()) {
      return taken(path, ::getpid());
    }
    const std::string same = "/proc/self/fd/" + std::to_string(seen.get());
    attempt.file.reset(::open(same.c_str(), O_RDWR | O_CLOEXEC));
    if (!attempt.file) return system_error(errno, "open", path);
  }
  return attempt;
}

/// Whether `path` names the file that is open as `file`.
bool still_named(const std::string& path, const struct stat& file) noexcept {
  struct stat named {};
  return ::lstat(path.c_str(), &named) == 0 && identity_of(named) == identity_of(file);
}

Result<Attempt> attempt_lock(const std::string& path, const std::vector<Identity>& held) {
  auto attempt = open_lock_file(path, held);
  if (!attempt || !attempt->file) return attempt;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(attempt->file.get(), F_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) return system_error(errno, "lock", path);
    if (::fcntl(attempt->file.get(), F_GETLK, &whole) != 0) {
      return system_error(errno, "ask for the holder of", path);
    }
    if (whole.l_type == F_UNLCK) return Attempt{};
    return taken(path, whole.l_pid);
  }
  struct stat status {};
  if (::fstat(attempt->file.get(), &status) != 0) return system_error(errno, "examine", path);
  attempt->identity = identity_of(status);
  attempt->locked = still_named(path, status);
  return attempt;
}

}  // namespace

FileLock::FileLock(Descriptor file, std::string path, std::uint64_t epoch) noexcept
    : file_(std::move(file)), path_(std::move(path)), epoch_(epoch) {}

FileLock::FileLock(FileLock&& other) noexcept = default;

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    release();
    file_ = std::move(other.file_);
    path_ = std::move(other.path_);
    epoch_ = other.epoch_;
  }
  return *this;
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  Registry& locked = registry();
  std::string own_path = path;
  const std::lock_guard guard(locked.mutex);
  // Room in the registry, so that nothing can fail any more once the file is locked.
  locked.held.push_back({});
  locked.held.pop_back();
  for (int i = 0; i < kAttempts; ++i) {
    auto attempt = attempt_lock(path, locked.held);
    if (!attempt) return attempt.error();
    if (!attempt->locked) continue;
    locked.held.push_back(attempt->identity);
    return FileLock(std::move(attempt->file), std::move(own_path), locked.epoch);
  }
  return Error{Errc::try_again,
               "cannot lock " + path + ": it was replaced again and again meanwhile; try again"};
}

void FileLock::release() noexcept {
  if (!file_) return;
  if (epoch_ != process_epoch()) {
    file_.reset();
    return;
  }
  Registry& locked = registry();
  const std::lock_guard guard(locked.mutex);
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0) {
    if (still_named(path_, status)) ::unlink(path_.c_str());
    std::erase(locked.held, identity_of(status));
  }
  file_.reset();
}

}  // namespace cortado::os
