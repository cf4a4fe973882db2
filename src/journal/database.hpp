// One connection to a SQLite file, and statements on it: what is opened is closed, what went wrong
// is an Error. Nothing here knows what a journal is.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace cortado::journal {

/// Parameters and columns are numbered as SQLite does: from 1, and from 0.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* prepared) noexcept : statement_(prepared) {}

  void bind(int index, std::int64_t value) noexcept {
    sqlite3_bind_int64(statement_.get(), index, value);
  }
  /// Refers to `bytes` until the next bind or the end. SQLITE_TOOBIG: too long for SQLite.
  int bind(int index, std::span<const std::byte> bytes) noexcept;
  int bind(int index, std::string_view text) noexcept;

  /// One row is there: SQLITE_ROW; the end: SQLITE_DONE; else what went wrong.
  int step() noexcept;
  /// Ready to be run again; what was bound stays.
  void reset() noexcept { sqlite3_reset(statement_.get()); }
  /// For a statement without rows: step, reset. SQLITE_OK, or what went wrong.
  int run() noexcept;

  std::int64_t integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.get(), column);
  }
  bool is_integer(int column) const noexcept {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_INTEGER;
  }
  /// Valid until the next step or reset.
  std::span<const std::byte> blob(int column) const noexcept;
  std::string_view text(int column) const noexcept;
  /// See Database::forget.
  void forget() noexcept { static_cast<void>(statement_.release()); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  Database() = default;

  /// Opens an existing file for reading and writing.
  static Result<Database> open(const std::string& path, std::chrono::milliseconds busy_timeout);

  Result<Statement> prepare(const char* sql, std::string_view attempted) const;
  /// Runs statements whose rows do not matter. SQLITE_OK, or what went wrong.
  int run(const char* sql) const noexcept;
  /// The first column of the first row, as text; for pragmas and counts.
  Result<std::string> ask(const char* sql, std::string_view attempted) const;
  Result<std::int64_t> ask_number(const char* sql, std::string_view attempted) const;

  /// "cannot ATTEMPTED PATH: why; what to do", by what the last call returned. To be called at
  /// once: errno tells why a file could not be read or written (SQLite's own note of it misses
  /// commits).
  Error error(int code, std::string_view attempted) const;

  bool read_only() const noexcept { return sqlite3_db_readonly(handle_.get(), "main") == 1; }
  /// The path names another file by now, or none.
  bool moved() const noexcept;
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }
  std::int64_t changes() const noexcept { return sqlite3_changes(handle_.get()); }
  const std::string& path() const noexcept { return path_; }
  /// When it is closed, the file stays as it is: nothing is moved into it from FILE-wal.
  void leave_untouched() const noexcept;
  /// In a forked child: the connection is the parent's, and must not be closed here.
  void forget() noexcept { static_cast<void>(handle_.release()); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string path_;
};

/// For who says by himself what is wrong.
Error database_error(Errc code, std::string_view attempted, const std::string& path,
                     const std::string& why);

}  // namespace cortado::journal
