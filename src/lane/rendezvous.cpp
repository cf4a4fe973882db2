#include "lane/rendezvous.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/fork_guard.hpp"
#include "os/process_descriptor.hpp"
#include "os/unix_socket.hpp"

namespace cortado {
namespace {

constexpr std::size_t kLongestName = 64;

bool allowed_in_name(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

using os::described;

std::string socket_file(std::string_view name) {
  return std::string(name) + ".sock";
}

std::string joined(const std::string& directory, const std::string& file) {
  return directory + (directory.ends_with('/') ? "" : "/") + file;
}

/// `strict`: a directory for one user only, which is this one.
Result<void> check_private(const std::string& path, const struct stat& status, Access access,
                           bool strict) {
  const char* why = nullptr;
  if (S_ISLNK(status.st_mode)) {
    why = "it is a symbolic link";
  } else if (!S_ISDIR(status.st_mode)) {
    why = "it is not a directory";
  } else if (status.st_uid != ::geteuid() && (strict || access != Access::join)) {
    why = "it belongs to another user";
  } else if ((status.st_mode & (strict ? 077 : 022)) != 0) {
    why = strict ? "it is open to others" : "others can write to it";
  }
  if (why == nullptr) return {};
  return Error{Errc::permission, "cannot meet writers in " + described(path, status) + ": " + why +
                                     "; remove it, or choose a directory of mode 0700 of user " +
                                     std::to_string(::geteuid())};
}

/// The session's directory of this user. Somebody else's (after sudo or su) is not used: what root
/// creates there would lock its user out.
std::string session_directory() {
  const char* path = ::secure_getenv("XDG_RUNTIME_DIR");
  struct stat status {};
  if (path == nullptr || path[0] != '/' || ::stat(path, &status) != 0) return {};
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() ? path : "";
}

std::string default_directory() {
  const std::string session = session_directory();
  if (!session.empty()) return joined(session, "cortado");
  return "/tmp/cortado-" + std::to_string(::geteuid());
}

/// By its path if that fits into an address, so that `ss -x` shows it; else through the directory's
/// descriptor, so that a directory may be as deep as it likes.
sockaddr_un address_of(int directory, const std::string& path, const std::string& file) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string text = path;
  if (text.size() >= sizeof address.sun_path || !text.starts_with('/')) {
    text = "/proc/self/fd/" + std::to_string(directory) + '/' + file;
  }
  static_assert(sizeof address.sun_path > sizeof "/proc/self/fd/2147483647/.sock" + kLongestName);
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

os::Descriptor make_socket() noexcept {
  return os::Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Error no_owner(std::string_view name, const std::string& path) {
  const std::string text(name);
  return {Errc::no_owner, "cannot join " + text + ": no owner called " + text + " (" + path +
                              "); start one with `cortado owner " + text + "`"};
}

}  // namespace

Result<void> check_name(std::string_view name) {
  const bool valid = !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
                     std::all_of(name.begin(), name.end(), allowed_in_name);
  if (valid) return {};
  std::string shown(name.substr(0, kLongestName));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return Error{Errc::invalid_argument,
               "cannot use \"" + shown +
                   "\" as a name: a name is 1 to 64 of A-Z a-z 0-9 . _ - and "
                   "does not begin with a dot; choose another"};
}

Result<std::string> rendezvous_directory(const std::string& preferred, Access access) {
  std::string path = preferred.empty() ? default_directory() : preferred;
  while (path.size() > 1 && path.back() == '/') path.pop_back();  // "LINK/" would be followed
  const mode_t mode = access == Access::others ? 0711 : 0700;
  if (access != Access::join) {
    const bool made = ::mkdir(path.c_str(), mode) == 0;
    if (!made && errno != EEXIST) {
      return os::system_error(errno, "create directory", path, "choose another directory");
    }
    const os::Descriptor opened(
        ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    // The umask may have taken from others what is meant for them.
    if (made && access == Access::others && ::fchmod(opened.get(), mode) != 0) {
      return os::system_error(errno, "set the mode of", path);
    }
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (access == Access::join && errno == ENOENT) return path;  // so nobody owns a name there
    return os::system_error(errno, "examine", path);
  }
  const bool strict = access == Access::own || (access == Access::join && preferred.empty());
  if (auto checked = check_private(path, status, access, strict); !checked) return checked.error();
  return path;
}

Rendezvous::Rendezvous(os::FileLock lock, os::Descriptor directory, std::string file,
                       std::string path)
    : lock_(std::move(lock)),
      directory_(std::move(directory)),
      file_(std::move(file)),
      path_(std::move(path)),
      epoch_(os::process_epoch()) {}

Rendezvous& Rendezvous::operator=(Rendezvous&& other) noexcept {
  if (this == &other) return *this;
  withdraw();
  lock_ = std::move(other.lock_);
  directory_ = std::move(other.directory_);
  listener_ = std::move(other.listener_);
  file_ = std::move(other.file_);
  path_ = std::move(other.path_);
  device_ = other.device_;
  inode_ = other.inode_;
  epoch_ = other.epoch_;
  return *this;
}

Result<Rendezvous> Rendezvous::bind(std::string_view name, const std::string& directory,
                                    Access access) {
  if (auto checked = check_name(name); !checked) return checked.error();
  os::Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return os::system_error(errno, "open directory", directory);
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return os::system_error(errno, "examine", directory);
  if (auto checked = check_private(directory, status, access, access == Access::own); !checked) {
    return checked.error();
  }
  // Keeps systemd-tmpfiles from ageing away the files of a long-lived owner; owners share it.
  ::flock(opened.get(), LOCK_SH | LOCK_NB);

  auto lock = os::FileLock::acquire(joined(directory, std::string(name) + ".lock"));
  if (!lock) return lock.error();
  std::string file = socket_file(name);
  std::string path = joined(directory, file);
  Rendezvous rendezvous(std::move(*lock), std::move(opened), std::move(file), std::move(path));
  if (auto removed = rendezvous.remove_stale_socket(); !removed) return removed.error();
  // Whom the directory lets in, SO_PEERCRED tells, and the owner's policy decides.
  const mode_t mode = access == Access::own ? 0600 : 0666;
  if (auto listening = rendezvous.listen(mode); !listening) return listening.error();
  return rendezvous;
}

Result<void> Rendezvous::remove_stale_socket() {
  struct stat status {};
  if (::fstatat(directory_.get(), file_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return os::system_error(errno, "examine", path_);
  }
  if (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid()) {
    return Error{Errc::permission, "cannot listen at " + described(path_, status) +
                                       ": it is not a socket of this user; remove it"};
  }
  if (::unlinkat(directory_.get(), file_.c_str(), 0) != 0) {
    return os::system_error(errno, "replace", path_);
  }
  return {};
}

// Nobody can connect before listen(), so the mode may be set between bind() and it.
Result<void> Rendezvous::listen(mode_t mode) {
  listener_ = make_socket();
  if (!listener_) return os::system_error(errno, "create the socket", path_);
  const sockaddr_un address = address_of(directory_.get(), path_, file_);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return os::system_error(errno, "listen at", path_);
  }
  struct stat status {};
  if (::fstatat(directory_.get(), file_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return os::system_error(errno, "examine", path_);
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (::fchmodat(directory_.get(), file_.c_str(), mode, 0) != 0) {
    return os::system_error(errno, "set the mode of", path_);
  }
  os::refuse_descriptors(listener_.get());
  if (::listen(listener_.get(), kJoinBacklog) != 0) {
    return os::system_error(errno, "listen at", path_);
  }
  return {};
}

void Rendezvous::withdraw() noexcept {
  if (!directory_ || inode_ == 0 || epoch_ != os::process_epoch()) return;
  struct stat status {};
  if (::fstatat(directory_.get(), file_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_) {
    ::unlinkat(directory_.get(), file_.c_str(), 0);
  }
}

bool Door::stands() const noexcept {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

Result<os::Descriptor> connect_to_owner(std::string_view name, const std::string& directory,
                                        Door* door) {
  if (auto checked = check_name(name); !checked) return checked.error();
  const std::string file = socket_file(name);
  const std::string path = joined(directory, file);
  const os::Descriptor opened(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat folder {};
  struct stat target {};
  if (!opened || ::fstat(opened.get(), &folder) != 0 ||
      ::fstatat(opened.get(), file.c_str(), &target, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return no_owner(name, path);
    const bool seen = folder.st_mode != 0;
    return os::system_error(errno, "join an owner in", seen ? described(directory, folder) : path);
  }
  const auto trusted = [&](uid_t user) { return user == ::geteuid() || user == folder.st_uid; };
  if (!S_ISSOCK(target.st_mode) || !trusted(target.st_uid)) {
    return Error{Errc::permission, "cannot join at " + described(path, target) +
                                       ": it is not a socket of this user; remove it"};
  }
  os::Descriptor socket = make_socket();
  if (!socket) return os::system_error(errno, "create a socket to join", path);
  const sockaddr_un address = address_of(opened.get(), path, file);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return no_owner(name, path);
    if (errno == EAGAIN) {
      return Error{Errc::try_again,
                   "cannot join at " + path + ": too many joins are waiting; try again"};
    }
    return os::system_error(errno, "join an owner at", path);
  }
  const auto peer = os::peer_credentials(socket.get());
  if (!peer) return peer.error();
  if (!trusted(peer->uid)) {
    return Error{Errc::permission, "cannot join at " + path + ": user " +
                                       std::to_string(peer->uid) +
                                       " listens there; choose another directory"};
  }
  // Its forked child may listen still.
  if (os::peer_has_exited(socket.get())) return no_owner(name, path);
  if (door != nullptr) *door = {path, target.st_dev, target.st_ino};
  return socket;
}

}  // namespace cortado
