#include <cortado/journal.hpp>

#include <cstring>

#include "journal/journal_impl.hpp"

namespace cortado {

Journal::Journal(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Journal::Journal(Journal&&) noexcept = default;
Journal& Journal::operator=(Journal&&) noexcept = default;
Journal::~Journal() = default;

Journal::Impl::~Impl() {
  if (!forked()) return;
  // Their files are the parent's: SQLite must not touch them here. A leak of the child's.
  insert_message.forget();
  insert_writer.forget();
  move_position.forget();
  database.forget();
}

Result<Journal> Journal::open(const std::string& path, JournalOptions options) {
  auto impl = Impl::open(path, options);
  if (!impl) return impl.error();
  return Journal(std::move(*impl));
}

bool Journal::contains(const Message& message) const {
  return impl_->contains(message);
}
bool Journal::add(const Message& message) {
  return impl_->add(message);
}
std::size_t Journal::pending() const noexcept {
  return impl_->batch.size();
}
bool Journal::batch_full() const noexcept {
  return impl_->batch.size() >= kBatchMessages || impl_->bytes.size() >= kBatchBytes;
}
Result<void> Journal::commit() {
  return impl_->commit();
}

Result<std::size_t> Journal::drain_with(Owner& owner, detail::HandlerRef handler, Budget budget) {
  Impl& journal = *impl_;
  if (!owner.manual_release()) {
    return Error{Errc::invalid_argument,
                 "cannot drain '" + owner.name() + "' into the journal " + journal.path +
                     ": its owner releases before the commit; open it with manual_release"};
  }
  // Applied first: if the handler throws, the message was not, and comes again.
  const auto take = [&](const Message& message) {
    if (!contains(message)) {
      handler(message, nullptr);
      journal.add(message);
    }
    ++journal.unreleased;
  };
  if (journal.failed) {
    owner.drain(take, {0});  // takes nothing; lets writers join and leave
  } else {
    // A drain takes a bounded share of each lane; a transaction is worth more than that.
    for (std::size_t taken = 0; taken < budget.messages && !batch_full();) {
      const std::size_t now = owner.drain(take, {budget.messages - taken});
      if (now == 0) break;
      taken += now;
    }
  }
#if defined(CORTADO_SEED_RELEASE_BEFORE_COMMIT)
  owner.release_all();
#endif
  if (auto done = journal.commit(); !done) return done.error();
  if (journal.unreleased != 0) owner.release_all();
  return std::exchange(journal.unreleased, 0);
}

Result<std::uint64_t> Journal::replay_with(detail::HandlerRef handler) {
  constexpr const char* kReplay = "replay the journal";
  const Impl& journal = *impl_;
  if (journal.forked()) {
    return journal::database_error(Errc::forked, kReplay, journal.path,
                                   "it is the parent process's");
  }
  auto rows = journal.database.prepare(
      "SELECT w.identity, w.uid, w.name, m.sequence, m.tag, m.bytes FROM message m "
      "LEFT JOIN writer w ON w.id = m.writer ORDER BY m.id",
      kReplay);
  if (!rows) return rows.error();
  Message::Parts parts;
  const Message message(parts);
  std::uint64_t count = 0;
  int code = SQLITE_ROW;
  while ((code = rows->step()) == SQLITE_ROW) {
    const std::span<const std::byte> identity = rows->blob(0);
    parts.writer_id = {};
    if (identity.size() == parts.writer_id.bytes.size()) {
      std::memcpy(parts.writer_id.bytes.data(), identity.data(), identity.size());
    }
    parts.writer_uid = static_cast<std::uint32_t>(rows->integer(1));
    parts.writer = rows->text(2);
    parts.sequence = static_cast<std::uint64_t>(rows->integer(3));
    parts.tag = static_cast<std::uint16_t>(rows->integer(4));
    parts.bytes = rows->blob(5);
    handler(message, nullptr);
    ++count;
  }
  if (code != SQLITE_DONE) return journal.database.error(code, kReplay);
  return count;
}

}  // namespace cortado
