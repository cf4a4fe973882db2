// The file of a journal: made, recognised, its positions read.
//
// A file that is not ours is never written to. Ours is made by one transaction, so it has all its
// tables and its marks, or is an empty database, as after a crash, and is made again.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#include "journal/journal_impl.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "os/fork_guard.hpp"

namespace cortado {
namespace {

using journal::database_error;

constexpr std::int64_t kApplication = 0x636f6a6f;  // "cojo"
constexpr std::int64_t kVersion = 1;
constexpr const char* kOpen = "open the journal";

// As SQLite keeps them, and as they are compared with: no other statement makes these tables.
constexpr std::string_view kWriterTable =
    "CREATE TABLE writer(id INTEGER PRIMARY KEY, identity BLOB NOT NULL, uid INTEGER NOT NULL,"
    " name TEXT NOT NULL, next_sequence INTEGER NOT NULL, last_message INTEGER NOT NULL,"
    " UNIQUE(identity, uid))";
constexpr std::string_view kMessageTable =
    "CREATE TABLE message(id INTEGER PRIMARY KEY, writer INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL, tag INTEGER NOT NULL, bytes BLOB NOT NULL)";
constexpr std::string_view kMarks =
    "PRAGMA application_id=1668246127;"
    "PRAGMA user_version=1;";
static_assert(kApplication == 1668246127 && kVersion == 1, "as in kMarks");

/// Numbers of rows are given from 1 on: behind this one there is room for all that will come.
bool can_be_id(std::int64_t id) noexcept {
  return id > 0 && id < std::int64_t{1} << 62;
}

/// Makes the file if there is none: private, as the identities in it are. Not opened if it is
/// there: to close it again would drop the locks that SQLite has on it in this process.
Result<std::string> make_file(const std::string& path) {
  const os::Descriptor made(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made && errno != EEXIST) {
    const int why = errno;
    if (why == EROFS) {
      return database_error(Errc::permission, kOpen, path, "it is on a read-only filesystem");
    }
    return os::system_error(why, kOpen, path,
                            why == ENOENT ? "make its directory first" : std::string_view{});
  }
  const std::unique_ptr<char, void (*)(void*)> whole(::realpath(path.c_str(), nullptr), std::free);
  if (!whole) return os::system_error(errno, kOpen, path);
  return std::string(whole.get());
}

}  // namespace

Result<std::unique_ptr<Journal::Impl>> Journal::Impl::open(const std::string& path,
                                                           const JournalOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->epoch = os::process_epoch();
  auto whole = make_file(path);
  if (!whole) return whole.error();
  impl->path = std::move(*whole);
  if (auto opened = impl->open_file(options); !opened) {
    impl->database.leave_untouched();
    return opened.error();
  }
  return impl;
}

Result<void> Journal::Impl::open_file(const JournalOptions& options) {
  if (::access(path.c_str(), R_OK | W_OK) != 0) return os::system_error(errno, kOpen, path);
  auto locked = os::FileLock::acquire(path + "-lock");
  if (!locked) return database_error(locked.error().code, kOpen, path, locked.error().text);
  lock.emplace(std::move(*locked));
  auto opened = journal::Database::open(path, options.busy_timeout);
  if (!opened) return opened.error();
  database = std::move(*opened);
  struct stat status {};
  // SQLite takes a file of one byte for an empty one.
  if (::stat(path.c_str(), &status) == 0 && status.st_size == 1) {
    return database.error(SQLITE_NOTADB, kOpen);
  }
  if (database.read_only()) return database.error(SQLITE_READONLY, kOpen);
  auto made = recognise();
  if (!made) return made.error();
  // All of it is read before anything is changed: `use` writes to the file.
  if (*made) {
#if !defined(CORTADO_SEED_NO_TABLE_CHECK)
    if (auto done = check_tables(); !done) return done;
#endif
    if (auto done = read_positions(); !done) return done;
  }
  if (auto done = use(options.durability); !done) return done;
  if (!*made) {
    if (auto done = make_tables(); !done) return done;
  }
  return prepare();
}

/// True: ours. False: an empty database, to be made ours.
Result<bool> Journal::Impl::recognise() const {
  auto application = database.ask_number("PRAGMA application_id", kOpen);
  if (!application) return application.error();
  auto version = database.ask_number("PRAGMA user_version", kOpen);
  if (!version) return version.error();
  auto objects = database.ask_number("SELECT count(*) FROM sqlite_master", kOpen);
  if (!objects) return objects.error();
  if (*application == 0 && *version == 0 && *objects == 0) return false;
  if (*application != kApplication) {
    return database_error(Errc::version_mismatch, kOpen, path,
                          "it is another application's database; choose another file");
  }
  if (*version != kVersion) {
    return database_error(Errc::version_mismatch, kOpen, path,
                          "it is of version " + std::to_string(*version) + ", this cortado knows " +
                              std::to_string(kVersion) +
                              "; use the cortado that made it, or choose another file");
  }
  return true;
}

/// Ours, but not as we made it: a trigger could undo a commit, a view be without an end.
Result<void> Journal::Impl::check_tables() const {
  auto tables = database.prepare(
      "SELECT total(type='table' AND sql IN (?, ?)), total(type='trigger') FROM sqlite_master",
      kOpen);
  if (!tables) return tables.error();
  tables->bind(1, kWriterTable);
  tables->bind(2, kMessageTable);
  if (const int code = tables->step(); code != SQLITE_ROW) return database.error(code, kOpen);
  if (tables->integer(0) == 2 && tables->integer(1) == 0) return {};
  return database_error(Errc::malformed, kOpen, path,
                        "its tables are not those of a journal, or have a trigger; restore a copy, "
                        "or choose another file");
}

/// Killed in here: an empty database, or all of it.
Result<void> Journal::Impl::make_tables() const {
  std::string tables("BEGIN IMMEDIATE;");
  tables.append(kWriterTable).append(";").append(kMessageTable).append(";");
  tables.append(kMarks).append("COMMIT;");
  const int code = database.run(tables.c_str());
  if (code == SQLITE_OK) return {};
  const Error error = database.error(code, "make the tables of the journal");
  if (database.in_transaction()) database.run("ROLLBACK");
  return error;
}

/// A write-ahead log, so that others read while this one writes; for a commit to be durable its
/// frames must have reached the disk (FULL), for the file to be sound only those of a checkpoint.
Result<void> Journal::Impl::use(Durability durability) const {
  auto mode = database.ask("PRAGMA journal_mode=WAL", kOpen);
  if (!mode) return mode.error();
  if (*mode != "wal") {
    return database_error(Errc::unsupported, kOpen, path,
                          "its filesystem has no shared memory for it (SQLite's WAL mode); choose "
                          "a local one");
  }
  const bool full = durability == Durability::power_loss;
  // mmap_size: a page that is cut off must be an error, not a SIGBUS.
  const std::string settings = std::string("PRAGMA synchronous=") + (full ? "FULL" : "NORMAL") +
                               ";PRAGMA mmap_size=0;PRAGMA wal_autocheckpoint=4000;"
                               "PRAGMA cache_size=-8000";
  const int code = database.run(settings.c_str());
  if (code != SQLITE_OK) return database.error(code, kOpen);
  return {};
}

Result<void> Journal::Impl::prepare() {
  const auto make = [&](journal::Statement& statement, const char* sql) -> Result<void> {
    auto made = database.prepare(sql, kOpen);
    if (!made) return made.error();
    statement = std::move(*made);
    return {};
  };
  if (auto done = make(insert_message,
                       "INSERT INTO message(id, writer, sequence, tag, bytes) VALUES(?,?,?,?,?)");
      !done) {
    return done;
  }
  if (auto done = make(insert_writer,
                       "INSERT INTO writer(id, identity, uid, name, next_sequence, last_message) "
                       "VALUES(?,?,?,?,?,?)");
      !done) {
    return done;
  }
  return make(move_position,
              "UPDATE writer SET next_sequence=?, last_message=? WHERE id=? AND next_sequence=?");
}

Result<void> Journal::Impl::read_positions() {
  auto rows = database.prepare(
      "SELECT id, identity, uid, name, next_sequence, last_message FROM writer", kOpen);
  if (!rows) return rows.error();
  int code = SQLITE_ROW;
  while ((code = rows->step()) == SQLITE_ROW) {
    Writer writer;
    const std::span<const std::byte> identity = rows->blob(1);
    writer.row = rows->integer(0);
    const std::int64_t uid = rows->integer(2);
    const std::int64_t newest = rows->integer(5);
    if (identity.size() != writer.key.id.bytes.size() || !rows->is_integer(4) ||
        !std::in_range<std::uint32_t>(uid) || !can_be_id(writer.row) || !can_be_id(newest)) {
      return database.error(SQLITE_CORRUPT, kOpen);
    }
    std::memcpy(writer.key.id.bytes.data(), identity.data(), identity.size());
    writer.key.uid = static_cast<std::uint32_t>(uid);
    writer.name = std::string(rows->text(3));
    writer.stored = writer.next = static_cast<std::uint64_t>(rows->integer(4));
    writer.in_file = true;
    next_writer_row = std::max(next_writer_row, writer.row + 1);
    next_message = std::max(next_message, newest + 1);
    writers.push_back(std::move(writer));
    if (!by_key.emplace(writers.back().key, &writers.back()).second) {
      return database.error(SQLITE_CORRUPT, kOpen);  // which of the two positions?
    }
  }
  if (code != SQLITE_DONE) return database.error(code, kOpen);
  auto highest = database.ask_number("SELECT coalesce(max(id), 0) FROM message", kOpen);
  if (!highest) return highest.error();
  if (*highest != 0 && !can_be_id(*highest)) return database.error(SQLITE_CORRUPT, kOpen);
  next_message = std::max(next_message, *highest + 1);
  return {};
}

}  // namespace cortado
