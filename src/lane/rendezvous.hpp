// Where writers find an owner by name: a Unix socket in a private directory, and beside it the lock
// of the one process that may listen there.
//
//   DIRECTORY/NAME.lock   held by the owner (or its keeper) as long as it lives
//   DIRECTORY/NAME.sock   replaced only by who holds the lock
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "os/descriptor.hpp"
#include "os/file_lock.hpp"

namespace cortado {

/// invalid_argument unless the name is 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot.
Result<void> check_name(std::string_view name);

/// Who may come into the directory of a rendezvous.
enum class Access : std::uint8_t {
  own,     ///< an owner, for writers of its own user only: mode 0700
  others,  ///< an owner, for writers of other users, too: nobody else may write to it
  join,    ///< a writer: as the owner made it
};

/// The directory of the rendezvous: `preferred`; if that is empty, $XDG_RUNTIME_DIR/cortado,
/// provided that XDG_RUNTIME_DIR is this user's; else /tmp/cortado-UID. Created if it is not there,
/// but not for `join`. permission: it is a link, no directory, another user's (for `join` only if
/// it was not named by `preferred`), or open to others; the text names path, owner and mode.
Result<std::string> rendezvous_directory(const std::string& preferred, Access access);

/// Connections that wait for an owner to accept them; more are asked to try again.
inline constexpr int kJoinBacklog = 128;

/// What an owner (or its keeper) holds: lock, listener and socket file.
class Rendezvous {
 public:
  /// `directory` as rendezvous_directory() gives it. Does not wait.
  ///
  /// invalid_argument: the name. name_taken: a live process holds it. permission: the directory is
  /// not private, or another thing than a socket of this user stands in the socket's place.
  static Result<Rendezvous> bind(std::string_view name, const std::string& directory,
                                 Access access = Access::own);

  /// Removes the socket file if it is still this one, then the lock. In a forked child: neither.
  ~Rendezvous() { withdraw(); }
  Rendezvous(Rendezvous&& other) noexcept = default;
  Rendezvous& operator=(Rendezvous&& other) noexcept;
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  /// A listening SEQPACKET socket, non-blocking and close-on-exec. Where the kernel can, it and the
  /// connections accepted from it refuse descriptors.
  int listener() const noexcept { return listener_.get(); }
  /// Of the socket file.
  const std::string& path() const noexcept { return path_; }

 private:
  Rendezvous(os::FileLock lock, os::Descriptor directory, std::string file, std::string path);
  Result<void> remove_stale_socket();
  Result<void> listen(mode_t mode);
  void withdraw() noexcept;

  os::FileLock lock_;
  os::Descriptor directory_;  ///< -1 once moved from
  os::Descriptor listener_;
  std::string file_;  ///< name of the socket file in the directory
  std::string path_;
  dev_t device_ = 0;  ///< of the socket file, with inode_; 0, 0 before it is bound
  ino_t inode_ = 0;
  std::uint64_t epoch_ = 0;
};

/// The socket file that a connection went through. An owner that ends removes it, and the next one
/// puts another in its place: whoever knocked there and was not heard will not be. (A forked child
/// of that owner can hold the listener, or the accepted connection, so that no hang-up tells.)
struct Door {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;

  bool stands() const noexcept;
};

/// Connects to the owner of that name. Does not wait. The socket is non-blocking and close-on-exec.
///
/// invalid_argument: the name. no_owner: nobody listens there: start one. try_again: more joins are
/// waiting than the owner has taken so far. permission: the socket, or the process behind it,
/// belongs neither to this user nor to the directory's.
Result<os::Descriptor> connect_to_owner(std::string_view name, const std::string& directory,
                                        Door* door = nullptr);

}  // namespace cortado
