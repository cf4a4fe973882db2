// Journal::Impl: the parts of a journal, and which file has which of its functions.
//
//   open.cpp      the file: made, checked, its positions read
//   batch.cpp     THE CORE: what is new, and its transaction
//   journal.cpp   the public class; drain and replay
//   database.cpp  SQLite
//
// Invariants, whoever is killed at any instruction:
//
//   - In the file: each message of a writer that was journalled has a sequence below the writer's
//     next_sequence, and each has one row (until somebody deletes it). Rows and positions change by
//     one transaction (Impl::commit), so a file that was cut off in the middle has both or neither.
//   - In memory: Writer::stored is next_sequence in the file; stored <= next; what is buffered of a
//     writer has sequences from stored on, each once, below next.
//   - Nobody else moves a position: one process at a time has the lock, and each position is
//     changed only from `stored` (compare and set), or the whole transaction is void.
//   - A message is released only when a commit that contains it has succeeded (drain_with).
#pragma once

#include <cortado/journal.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "journal/database.hpp"
#include "os/file_lock.hpp"

namespace cortado {

struct Journal::Impl {
  /// An identity counts together with the user it was given to: whoever learns another user's from
  /// this file, moves no position of that one.
  struct Key {
    WriterId id;
    std::uint32_t uid = 0;
    // NOLINTNEXTLINE(modernize-use-nullptr): as in WriterId.
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  struct Writer {
    Key key;
    std::string name;
    std::int64_t row = 0;           ///< writer.id
    std::uint64_t stored = 0;       ///< position in the file
    std::uint64_t next = 0;         ///< position behind what is buffered
    std::int64_t last_message = 0;  ///< message.id of the last that is buffered
    bool in_file = false;
    bool changed = false;  ///< something is buffered
  };

  struct Buffered {
    std::int64_t writer_row = 0;
    std::uint64_t sequence = 0;
    std::size_t offset = 0;  ///< of its bytes in `bytes`
    std::size_t length = 0;
    std::uint16_t tag = 0;
  };

  // open.cpp
  static Result<std::unique_ptr<Impl>> open(const std::string& path, const JournalOptions& options);
  Result<void> open_file(const JournalOptions& options);
  Result<bool> recognise() const;
  Result<void> check_tables() const;
  Result<void> make_tables() const;
  Result<void> use(Durability durability) const;
  Result<void> prepare();
  Result<void> read_positions();

  // batch.cpp
  const Writer* find(const Message& message) const;
  bool contains(const Message& message) const;
  bool add(const Message& message);
  Writer& writer_of(const Message& message);
  Result<void> commit();
  Result<void> write_batch();
  Result<void> write_messages();
  Result<void> write_position(const Writer& writer);
  Error foreign_change() const;

  ~Impl();
  bool forked() const noexcept;

  std::uint64_t epoch = 0;  ///< process_epoch() at open: differs in a forked child
  std::string path;         ///< absolute, without links
  std::optional<os::FileLock> lock;
  journal::Database database;
  journal::Statement insert_message;
  journal::Statement insert_writer;
  journal::Statement move_position;

  std::deque<Writer> writers;  ///< by row of `by_key`; never move
  std::map<Key, Writer*> by_key;
  mutable const Writer* last = nullptr;  ///< messages of a lane come in a row
  std::int64_t next_writer_row = 1;
  std::int64_t next_message = 1;  ///< message.id of the first that is buffered

  std::vector<Buffered> batch;
  std::vector<std::byte> bytes;
  std::vector<Writer*> changed;
  std::size_t unreleased = 0;  ///< drained, and not released
  bool failed = false;         ///< the last commit
};

}  // namespace cortado
