// Options of Owner::open and Writer::join, with their defaults beside them.
#pragma once

#include <cortado/schema.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cortado {

/// How an owner is opened. Checked by Owner::open, which names the field that is out of range.
struct OwnerOptions {
  /// Bytes of each writer's ring: a power of two, 4 KiB to 2 GiB. The longest message is 16 less.
  std::size_t ring_bytes = std::size_t{256} << 10;
  /// Bytes of each ring back (replies): a power of two, 4 KiB to 2 GiB.
  std::size_t reply_bytes = std::size_t{4} << 10;
  /// Writers at one time; 1 to 65536. The descriptor limit must allow 3 each.
  std::uint32_t max_writers = 1024;
  /// Writers of one user (uid) at one time; 0 = max_writers.
  std::uint32_t max_writers_per_user = 0;
  /// Users (uid) other than the owner's own and root that may join. Then `directory` must be given:
  /// one that they can reach and only this user can write to (made with mode 0711 if missing).
  std::vector<std::uint32_t> other_users;
  /// True: nothing is released before Owner::release; see there.
  bool manual_release = false;
  /// True: the handler reads each message where it stands in its writer's ring, and no private copy
  /// is made. Faster for long messages, and one promise less: a writer can change the bytes while
  /// they are looked at. For writers that are trusted as the owner's own code is.
  bool read_in_place = false;
  /// The typed messages that are taken; a writer that declares another is refused. What it declares
  /// is all that is checked: untyped and undeclared messages arrive, too (Message::is). At most 16.
  std::vector<Schema> schemas;
  /// How long wait() looks at the rings before it arms them and sleeps.
  std::chrono::nanoseconds spin = std::chrono::microseconds(10);
  /// Where the rendezvous stands; empty: $XDG_RUNTIME_DIR/cortado, else /tmp/cortado-UID.
  std::string directory;
};

/// How a writer joins.
struct JoinOptions {
  /// Unique among the owner's writers; at most 63 bytes, no control character; empty: "pid-N".
  std::string name;
  /// How long join waits for an owner that is there but busy.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  /// The typed messages this writer sends; filled by Writer::join<Types...>.
  std::vector<Schema> schemas;
  /// See OwnerOptions::directory. Another user's is taken only if it is named here.
  std::string directory;
};

/// How much one call of Owner::drain may take before it returns.
struct Budget {
  std::size_t messages = 4096;
};

/// How an ask is sent.
struct AskOptions {
  /// Bytes of answer to keep room for; a longer answer ends as Errc::too_large.
  std::uint32_t reply_limit = 1024;
};

/// Schemas of several types, for OwnerOptions::schemas and JoinOptions::schemas.
template <DeclaredMessage... Types>
std::vector<Schema> schemas() {
  return {schema_of<Types>()...};
}

}  // namespace cortado
