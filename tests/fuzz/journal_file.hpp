// The file of a journal, for the target `journal`: in memory as far as there is a tmpfs, put anew
// for each input; and how a journal is changed by SQL without a file.
#pragma once

#include <cortado/journal.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "target.hpp"

namespace cortado::fuzz {

inline constexpr JournalOptions kOptions{Durability::process_death, std::chrono::milliseconds(0)};

/// Pages as small as SQLite has them, so that an input is a few of them.
inline constexpr const char* kSmallPages =
    "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL";

class JournalFile {
 public:
  JournalFile() {
    // run_target.py says where, and removes it whatever becomes of this process.
    const char* const told = std::getenv("TMPDIR");
    const char* const memory = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string pattern = told != nullptr ? told : memory;
    pattern += "/cortado-fuzz-XXXXXX";
    require(::mkdtemp(pattern.data()) != nullptr, "there is a directory");
    directory_ = pattern;
    path_ = pattern + "/journal";
  }
  ~JournalFile() {
    for (const char* end : {"", "-wal", "-shm", "-lock", "-journal"}) {
      ::unlink((path_ + end).c_str());
    }
    ::rmdir(directory_.c_str());
  }
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  const std::string& path() const noexcept { return path_; }

  void write(std::span<const std::uint8_t> bytes) {
    for (const char* end : {"-wal", "-shm", "-journal"}) ::unlink((path_ + end).c_str());
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(file >= 0, "there is a file");
    // Before SQLite has it: to close it later would drop SQLite's locks.
    require(::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
            "there is room");
    ::close(file);
  }

  bool holds(std::span<const std::uint8_t> bytes) const {
    std::vector<std::uint8_t> now(bytes.size() + 1);
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t length = ::read(file, now.data(), now.size());
    ::close(file);
    return length == static_cast<ssize_t>(bytes.size()) &&
           (bytes.empty() || std::memcmp(now.data(), bytes.data(), bytes.size()) == 0);
  }

  /// Calls `look` for each row, through a connection of its own.
  template <class Look>
  void each(const char* sql, Look look) const {
    sqlite3* handle = nullptr;
    sqlite3_stmt* row = nullptr;
    sqlite3_open_v2(path_.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_prepare_v2(handle, sql, -1, &row, nullptr);
    while (sqlite3_step(row) == SQLITE_ROW) look(row);
    sqlite3_finalize(row);
    sqlite3_close(handle);
  }

  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> now(1 << 16);
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t length = ::read(file, now.data(), now.size());
    ::close(file);
    now.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    return now;
  }

 private:
  std::string directory_, path_;
};

/// A journal of three writers and some messages, made by the journal itself.
inline std::vector<std::uint8_t> sound_journal() {
  JournalFile file;
  {
    auto journal = Journal::open(file.path(), kOptions);
    require(static_cast<bool>(journal), "a new journal can be made");
    Message::Parts parts;
    const Message message(parts);
    const std::byte text[40] = {};
    for (std::uint64_t i = 0; i < 9; ++i) {
      parts.writer = std::string_view("annabenc").substr(i % 3, 3);
      parts.writer_id.bytes[3] = static_cast<std::byte>(1 + i % 3);
      parts.writer_uid = static_cast<std::uint32_t>(1000 + i % 3);
      parts.sequence = i / 3;
      parts.bytes = std::span(text).first(4 * i);
      require(journal->add(message), "a message is new");
    }
    require(static_cast<bool>(journal->commit()), "a new journal can be written");
  }
  sqlite3* handle = nullptr;
  sqlite3_open_v2(file.path().c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  require(sqlite3_exec(handle, kSmallPages, nullptr, nullptr, nullptr) == SQLITE_OK, "small pages");
  sqlite3_close(handle);
  return file.bytes();
}

/// One statement that the owner of a file could run on it.
inline std::string statement(Random& random) {
  constexpr const char* kNumbers[] = {"0",
                                      "1",
                                      "2",
                                      "3",
                                      "4",
                                      "-1",
                                      "5000000000",
                                      "4294968296",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "NULL",
                                      "'x'",
                                      "1.5",
                                      "x'00'"};
  constexpr const char* kBlobs[] = {"zeroblob(16)",
                                    "zeroblob(15)",
                                    "zeroblob(300)",
                                    "''",
                                    "NULL",
                                    "7",
                                    "x'00000001000000000000000000000000'",
                                    "x'00000002000000000000000000000000'",
                                    "'0123456789abcdef'"};
  constexpr const char* kWriterColumns[] = {"id", "uid", "name", "next_sequence", "last_message"};
  constexpr const char* kMessageColumns[] = {"id", "writer", "sequence", "tag"};
  constexpr const char* kSchemas[] = {
      "DROP TABLE message",
      "DROP TABLE writer",
      "CREATE TABLE other(x)",
      "CREATE UNIQUE INDEX one ON message(tag)",
      "CREATE INDEX two ON message(bytes)",
      "ALTER TABLE writer ADD COLUMN extra",
      "ALTER TABLE message RENAME COLUMN tag TO label",
      "CREATE TRIGGER gone AFTER INSERT ON message BEGIN DELETE FROM message WHERE id=1; END",
      "CREATE TRIGGER back BEFORE UPDATE ON writer BEGIN UPDATE message SET tag=9; END",
      "CREATE TRIGGER same AFTER UPDATE ON writer BEGIN UPDATE writer SET next_sequence=0; END",
      "ALTER TABLE writer RENAME TO w; CREATE VIEW writer AS SELECT * FROM w",
      ("ALTER TABLE message RENAME TO m; CREATE VIEW message AS WITH RECURSIVE n(id) AS (SELECT 1 "
       "UNION ALL SELECT id FROM n) SELECT id, 1 writer, 1 sequence, 1 tag, x'' bytes FROM n"),
      "PRAGMA writable_schema=1; DELETE FROM sqlite_master WHERE type='index'",
      "PRAGMA user_version=2",
      "PRAGMA application_id=7",
      "PRAGMA application_id=0",
      "VACUUM"};
  const std::string where = " WHERE id=" + std::to_string(1 + random.below(4));
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return std::string("UPDATE writer SET ") + random.of(kWriterColumns) + "=" +
             random.of(kNumbers) + where;
    case 3:
      return std::string("UPDATE writer SET identity=") + random.of(kBlobs) + where;
    case 4:
    case 5:
      return std::string("UPDATE message SET ") + random.of(kMessageColumns) + "=" +
             random.of(kNumbers) + where;
    case 6:
      return std::string("UPDATE message SET bytes=") + random.of(kBlobs) + where;
    case 7:
      return std::string("INSERT INTO writer VALUES(") + random.of(kNumbers) + "," +
             random.of(kBlobs) + "," + random.of(kNumbers) + ",'new'," + random.of(kNumbers) + "," +
             random.of(kNumbers) + ")";
    case 8:
      return std::string("INSERT INTO message VALUES(") + random.of(kNumbers) + "," +
             random.of(kNumbers) + "," + random.of(kNumbers) + ",0," + random.of(kBlobs) + ")";
    case 9:
      return "DELETE FROM message" + where;
    case 10:
      return "DELETE FROM writer" + where;
    default:
      return random.of(kSchemas);
  }
}

/// Returns the new size; the bytes stay as they are if SQLite cannot read them or they do not fit.
inline std::size_t change_by_sql(std::uint8_t* data, std::size_t size, std::size_t max,
                                 Random& random) {
  constexpr std::size_t kHeader = 100, kWriteVersion = 18, kReadVersion = 19;
  constexpr std::uint8_t kRollback = 1, kLog = 2;
  if (size < kHeader) return size;
  sqlite3* handle = nullptr;
  sqlite3_open(":memory:", &handle);
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(size));
  std::memcpy(copy, data, size);
  copy[kWriteVersion] = copy[kReadVersion] = kRollback;  // a file in memory has no log
  const auto length = static_cast<sqlite3_int64>(size);
  constexpr unsigned kFlags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
  if (sqlite3_deserialize(handle, "main", copy, length, length, kFlags) == SQLITE_OK) {
    for (std::uint64_t n = 1 + random.below(3); n != 0; --n) {
      sqlite3_exec(handle, statement(random).c_str(), nullptr, nullptr, nullptr);
    }
    sqlite3_int64 now = 0;
    const unsigned char* changed = sqlite3_serialize(handle, "main", &now, SQLITE_SERIALIZE_NOCOPY);
    const auto bytes = static_cast<std::size_t>(now);
    if (changed != nullptr && bytes >= kHeader && bytes <= max) {
      std::memcpy(data, changed, bytes);
      size = bytes;
      if (!random.one_in(8)) data[kWriteVersion] = data[kReadVersion] = kLog;
    }
  }
  sqlite3_close(handle);
  return size;
}

}  // namespace cortado::fuzz
