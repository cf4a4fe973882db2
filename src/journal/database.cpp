#include "journal/database.hpp"

#include <cerrno>

#include "os/error.hpp"

namespace cortado::journal {

int Statement::bind(int index, std::span<const std::byte> bytes) noexcept {
  // A null pointer would be NULL, which is not the empty blob.
  const void* const data = bytes.empty() ? "" : static_cast<const void*>(bytes.data());
  return sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), SQLITE_STATIC);
}

int Statement::bind(int index, std::string_view text) noexcept {
  return sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(), text.size(),
                             SQLITE_STATIC, SQLITE_UTF8);
}

int Statement::step() noexcept {
  errno = 0;
  return sqlite3_step(statement_.get());
}

int Statement::run() noexcept {
  const int code = step();
  reset();
  return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

std::span<const std::byte> Statement::blob(int column) const noexcept {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const std::byte*>(data), static_cast<std::size_t>(size)};
}

std::string_view Statement::text(int column) const noexcept {
  const auto* const data = sqlite3_column_text(statement_.get(), column);
  if (data == nullptr) return {};
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

Result<Database> Database::open(const std::string& path, std::chrono::milliseconds busy_timeout) {
  sqlite3* handle = nullptr;
  errno = 0;
  // The caller has one thread at a time.
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.handle_.reset(handle);
  database.path_ = path;
  if (handle == nullptr) {
    return database_error(Errc::no_memory, "open the journal", path,
                          "no memory is left; give this process more");
  }
  sqlite3_extended_result_codes(handle, 1);
  if (code != SQLITE_OK) return database.error(code, "open the journal");
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  return database;
}

Result<Statement> Database::prepare(const char* sql, std::string_view attempted) const {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  const int code =
      sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code, attempted);
  return Statement(statement);
}

int Database::run(const char* sql) const noexcept {
  errno = 0;
  return sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
}

Result<std::string> Database::ask(const char* sql, std::string_view attempted) const {
  auto statement = prepare(sql, attempted);
  if (!statement) return statement.error();
  const int code = statement->step();
  if (code == SQLITE_ROW) return std::string(statement->text(0));
  if (code == SQLITE_DONE) return std::string();
  return error(code, attempted);
}

Result<std::int64_t> Database::ask_number(const char* sql, std::string_view attempted) const {
  auto statement = prepare(sql, attempted);
  if (!statement) return statement.error();
  const int code = statement->step();
  if (code == SQLITE_ROW) return statement->integer(0);
  return error(code, attempted);
}

bool Database::moved() const noexcept {
  int yes = 0;
  return sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &yes) == SQLITE_OK &&
         yes != 0;
}

void Database::leave_untouched() const noexcept {
  if (!handle_) return;
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Error database_error(Errc code, std::string_view attempted, const std::string& path,
                     const std::string& why) {
  return {code, "cannot " + std::string(attempted) + " " + path + ": " + why};
}

Error Database::error(int code, std::string_view attempted) const {
  const int errno_value = errno;
  const auto told = [&](Errc kind, const std::string& why) {
    return database_error(kind, attempted, path_, why);
  };
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return told(Errc::try_again,
                  "another program has locked it; end that program's transaction, or try again");
    case SQLITE_FULL:
      return told(Errc::no_space, "the disk is full; make room, then try again");
    case SQLITE_NOTADB:
      return told(Errc::malformed, "it is no SQLite database; choose another file");
    case SQLITE_CORRUPT:
      return told(Errc::malformed,
                  "it is damaged; restore a copy, or move it away and begin a new one");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return told(Errc::permission,
                  "it cannot be written to; check who owns it and its directory, and their modes");
    case SQLITE_TOOBIG:
      return told(Errc::too_large, "a message is longer than SQLite can store; use smaller rings");
    case SQLITE_NOMEM:
      return told(Errc::no_memory, "no memory is left; give this process more");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG) {
        return told(Errc::no_space, errno_value == EFBIG
                                        ? "it may not grow; raise `ulimit -f`, then try again"
                                        : "the disk is full; make room, then try again");
      }
      if (errno_value == EROFS) return told(Errc::permission, "it is on a read-only filesystem");
      if (errno_value != 0) {
        return os::system_error(errno_value, attempted, path_,
                                errno_value == EIO ? "check the disk" : "");
      }
      break;
    default:
      break;
  }
  return told(Errc::system, std::string(sqlite3_errmsg(handle_.get())) + " (SQLite error " +
                                std::to_string(code) + ")");
}

}  // namespace cortado::journal
