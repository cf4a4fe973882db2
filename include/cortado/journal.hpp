// Journal: makes what an owner applies durable, in a SQLite file that any SQLite tool can read.
// Library `cortado-journal`.
//
// A message and its writer's position are written in one transaction, before the owner releases the
// message. So whoever is killed, and whenever, each message stands in the journal exactly once: one
// that was not committed is still in its writer's ring and comes again; one that was is behind the
// position, and is not applied again.
//
//   auto journal = cortado::Journal::open("orders.db");
//   journal->replay(apply);                                  // the state of the last owner
//   cortado::OwnerOptions options;
//   options.manual_release = true;
//   auto owner = cortado::Owner::open("orders", options);
//   for (;;) {
//     auto done = journal->drain(*owner, apply);             // taken, applied, committed, released
//     if (done && *done == 0) owner->wait(250ms);
//     if (!done && !is_passing(done.error().code)) return fail(done.error());
//     if (!done) std::this_thread::sleep_for(1s);            // disk full, or locked
//   }
//
// The file, version 1 (PRAGMA application_id 0x636f6a6f, PRAGMA user_version 1):
//
//   writer(id INTEGER PRIMARY KEY,
//          identity BLOB,           -- WriterId, 16 bytes; with uid it names a writer for ever
//          uid INTEGER,             -- the user that joined
//          name TEXT,               -- that it joined under
//          next_sequence INTEGER,   -- the position: what is below is journalled
//          last_message INTEGER)    -- message.id of its last one
//   message(id INTEGER PRIMARY KEY, -- in the order of application, over all writers; never reused
//           writer INTEGER,         -- writer.id
//           sequence INTEGER,       -- Message::sequence
//           tag INTEGER,            -- Message::tag
//           bytes BLOB)
//
// It is a file of mode 0600, because an identity is a secret between a writer and its owner. Beside
// it stand FILE-wal and FILE-shm, which belong to it (never remove one alone), and while an owner
// has it, FILE-lock. Others may read at any time; a reader that keeps a transaction open makes
// FILE-wal grow. Others may also delete old messages: positions stay. They must not change `writer`
// while an owner has the file, and never remove a writer of whom there are messages: its number
// would be given to another. Nor may there be triggers.
#pragma once

#include <cortado/export.hpp>
#include <cortado/message.hpp>
#include <cortado/options.hpp>
#include <cortado/owner.hpp>
#include <cortado/result.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace cortado {

/// What a committed message survives. The death of any process, in either case.
enum class Durability : std::uint8_t {
  power_loss,     ///< also the machine's: each commit waits for the disk
  process_death,  ///< after a power loss the last commits may be missing, the file is sound
};

struct JournalOptions {
  Durability durability = Durability::power_loss;
  /// How long open and commit wait for another program's transaction.
  std::chrono::milliseconds busy_timeout{1000};
};

/// A commit that failed so may succeed when it is called again: the disk was full, or the file was
/// locked by another program.
constexpr bool is_passing(Errc code) noexcept {
  return code == Errc::no_space || code == Errc::try_again;
}

/// The journal of one owner. Move-only; one thread at a time; not in a forked child, where every
/// call fails (Errc::forked) or does nothing. Blocks where it says so, on the disk only.
class CORTADO_API Journal {
 public:
  /// What drain takes at most into one transaction, if its rings hold so much.
  static constexpr std::size_t kBatchMessages = 16384;
  static constexpr std::size_t kBatchBytes = std::size_t{4} << 20;

  /// Opens the file, or makes it, and reads all positions. Blocks on the disk. Allocates, some 100
  /// bytes for each writer that there ever was. Nothing that is refused is changed.
  ///
  /// Errc::name_taken: a live process has this journal; one owner at a time can. Errc::try_again:
  /// another program has a transaction open; call again. Errc::malformed: no SQLite database, or
  /// damaged: restore a copy, or choose a new file. Errc::version_mismatch: another application's
  /// database, or another version of this. Errc::permission: this process may not write the file or
  /// into its directory. Errc::no_space: the disk is full. Errc::unsupported: the filesystem cannot
  /// be used by several processes (some network ones). Errc::system: the directory is missing; an
  /// I/O error.
  static Result<Journal> open(const std::string& path, JournalOptions options = {});

  Journal(Journal&&) noexcept;
  Journal& operator=(Journal&&) noexcept;
  /// What was added and not committed is dropped: it was not released, so it comes again.
  ~Journal();

  /// Takes what waits (up to budget.messages, or kBatchBytes), hands each message that is new to
  /// `handler(const Message&)`, commits them all, and releases them to their writers. Returns how
  /// many messages were released, those that came again included; 0: nothing waited. Blocks on the
  /// disk if there was something.
  ///
  /// The owner must have been opened with OwnerOptions::manual_release; do not release by hand what
  /// is drained here. An error is that of commit. Then nothing is released and nothing more is
  /// taken, rings fill, writers wait; each further call first commits again what is held (writers
  /// still join and leave meanwhile). An exception of the handler passes through: that message
  /// comes again, flagged; those before it are committed by the next call.
  ///
  /// An answer that the handler gives goes out before the commit. Who must know that a message is
  /// durable calls Writer::wait_applied, which returns after the release.
  template <std::invocable<const Message&> Handler>
  Result<std::size_t> drain(Owner& owner, Handler&& handler, Budget budget = {kBatchMessages}) {
    auto call = [&handler](const Message& message, void*) { handler(message); };
    return drain_with(owner, detail::HandlerRef(call), budget);
  }

  // The parts of drain, for a program with an order of its own: for each message, apply it and add
  // it if add or contains says that it is new; commit; then release.

  /// True: it was added before, in this process or by an earlier owner. It must not be applied
  /// again, only released. Does not touch the file.
  bool contains(const Message& message) const;
  /// Keeps a copy in memory for the next commit. False: contains(message), nothing was added. Does
  /// not touch the file. Allocates. In a forked child: false.
  bool add(const Message& message);
  /// Messages that were added and are not committed.
  std::size_t pending() const noexcept;
  /// kBatchMessages or kBatchBytes are reached: better commit now.
  bool batch_full() const noexcept;

  /// Writes all that was added, and the positions, in one transaction. Once it succeeded, and not
  /// before, release. Nothing added: does nothing. Blocks on the disk, and up to busy_timeout.
  ///
  /// After an error nothing of it is in the file, all of it is still here: call again if
  /// is_passing(code). Errc::no_space, Errc::try_again: see there. Errc::name_taken: another
  /// program has changed the positions; Errc::malformed: the file is damaged; Errc::too_large: a
  /// message is longer than SQLite can store (10^9 bytes), use smaller rings; Errc::system: the
  /// file was moved or removed, or an I/O error. With these, give the owner up: the messages are
  /// their writers' still.
  Result<void> commit();

  /// Hands every message of the file to `handler(const Message&)`, in the order of application, so
  /// that a program can rebuild its state: the same handler as for drain. (A reply is not_asked,
  /// the receipt is empty.) Returns how many. Blocks on the disk. Not inside a handler. Errors as
  /// of commit.
  template <std::invocable<const Message&> Handler>
  Result<std::uint64_t> replay(Handler&& handler) {
    auto call = [&handler](const Message& message, void*) { handler(message); };
    return replay_with(detail::HandlerRef(call));
  }

 private:
  struct CORTADO_LOCAL Impl;
  explicit Journal(std::unique_ptr<Impl> impl) noexcept;
  Result<std::size_t> drain_with(Owner& owner, detail::HandlerRef handler, Budget budget);
  Result<std::uint64_t> replay_with(detail::HandlerRef handler);

  std::unique_ptr<Impl> impl_;
};

}  // namespace cortado
