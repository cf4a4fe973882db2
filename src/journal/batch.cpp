// The core of the journal: what is new is buffered, and what is buffered becomes durable together
// with the positions behind it, by one transaction.
#include "journal/journal_impl.hpp"
#include "os/fork_guard.hpp"

namespace cortado {
namespace {

constexpr const char* kCommit = "commit to the journal";

/// SQLite's integers are signed. An honest writer never gets there; a hostile one may say it has.
std::int64_t as_stored(std::uint64_t sequence) noexcept {
  return static_cast<std::int64_t>(sequence);
}

}  // namespace

bool Journal::Impl::forked() const noexcept {
  return os::process_epoch() != epoch;
}

const Journal::Impl::Writer* Journal::Impl::find(const Message& message) const {
  const Key key{message.writer_id(), message.writer_uid()};
  if (last != nullptr && last->key == key) return last;
  const auto found = by_key.find(key);
  if (found == by_key.end()) return nullptr;
  last = found->second;
  return last;
}

bool Journal::Impl::contains(const Message& message) const {
  const Writer* writer = find(message);
  return writer != nullptr && message.sequence() < writer->next;
}

Journal::Impl::Writer& Journal::Impl::writer_of(const Message& message) {
  if (const Writer* known = find(message)) return const_cast<Writer&>(*known);
  Writer& writer = writers.emplace_back();
  writer.key = {message.writer_id(), message.writer_uid()};
  writer.name = std::string(message.writer());
  writer.row = next_writer_row++;
  writer.stored = writer.next = message.sequence();
  by_key.emplace(writer.key, &writer);
  last = &writer;
  return writer;
}

bool Journal::Impl::add(const Message& message) {
  if (forked()) return false;
  Writer& writer = writer_of(message);
  if (message.sequence() < writer.next) return false;
  const std::span<const std::byte> content = message.bytes();
  // In this order: if there is no memory for one step, those before it mean nothing by themselves.
  if (!writer.changed) changed.push_back(&writer);
  writer.changed = true;
  const std::size_t offset = bytes.size();
  bytes.insert(bytes.end(), content.begin(), content.end());
  batch.push_back({writer.row, message.sequence(), offset, content.size(), message.tag()});
  // A gap is not ours to fill: those went to an owner without this journal.
  writer.next = message.sequence() + 1;
  writer.last_message = next_message + static_cast<std::int64_t>(batch.size()) - 1;
  return true;
}

Result<void> Journal::Impl::commit() {
  if (forked()) {
    return journal::database_error(Errc::forked, kCommit, path,
                                   "it is the parent process's; open it in one process only");
  }
  if (batch.empty()) return {};
  if (auto written = write_batch(); !written) {
    // SQLite may have rolled back by itself.
    if (database.in_transaction()) database.run("ROLLBACK");
    failed = true;
    return written;
  }
  for (Writer* writer : changed) {
    writer->stored = writer->next;
    writer->in_file = true;
    writer->changed = false;
  }
  next_message += static_cast<std::int64_t>(batch.size());
  changed.clear();
  batch.clear();
  bytes.clear();
  failed = false;
  return {};
}

/// The one transaction. Whatever goes wrong, a COMMIT included, it counts as not done: its
/// positions tell the next attempt, or the next owner, should it be there all the same.
Result<void> Journal::Impl::write_batch() {
  if (database.moved()) {
    return journal::database_error(Errc::system, kCommit, path,
                                   "it was moved, replaced or removed; put it back, and start its "
                                   "owner anew");
  }
  if (const int code = database.run("BEGIN IMMEDIATE"); code != SQLITE_OK) {
    return database.error(code, kCommit);
  }
  if (auto done = write_messages(); !done) return done;
#if defined(CORTADO_SEED_POSITIONS_APART)
  database.run("COMMIT; BEGIN IMMEDIATE");
#endif
  for (const Writer* writer : changed) {
    if (auto done = write_position(*writer); !done) return done;
  }
  if (const int code = database.run("COMMIT"); code != SQLITE_OK) {
    return database.error(code, kCommit);
  }
  return {};
}

Result<void> Journal::Impl::write_messages() {
  std::int64_t id = next_message;
  for (const Buffered& each : batch) {
    insert_message.bind(1, id++);
    insert_message.bind(2, each.writer_row);
    insert_message.bind(3, as_stored(each.sequence));
    insert_message.bind(4, std::int64_t{each.tag});
    int code = insert_message.bind(5, std::span(bytes).subspan(each.offset, each.length));
    if (code == SQLITE_OK) code = insert_message.run();
    if ((code & 0xff) == SQLITE_CONSTRAINT) return foreign_change();
    if (code != SQLITE_OK) return database.error(code, kCommit);
  }
  return {};
}

/// Compare and set: from where this process left it, or not at all.
Result<void> Journal::Impl::write_position(const Writer& writer) {
  int code = SQLITE_OK;
  if (writer.in_file) {
    move_position.bind(1, as_stored(writer.next));
    move_position.bind(2, writer.last_message);
    move_position.bind(3, writer.row);
    move_position.bind(4, as_stored(writer.stored));
    code = move_position.run();
    if (code == SQLITE_OK && database.changes() != 1) return foreign_change();
  } else {
    insert_writer.bind(1, writer.row);
    insert_writer.bind(2, std::span<const std::byte>(writer.key.id.bytes));
    insert_writer.bind(3, std::int64_t{writer.key.uid});
    insert_writer.bind(4, writer.name);
    insert_writer.bind(5, as_stored(writer.next));
    insert_writer.bind(6, writer.last_message);
    code = insert_writer.run();
    if ((code & 0xff) == SQLITE_CONSTRAINT) return foreign_change();
  }
  if (code != SQLITE_OK) return database.error(code, kCommit);
  return {};
}

Error Journal::Impl::foreign_change() const {
  return journal::database_error(Errc::name_taken, kCommit, path,
                                 "another program has changed its positions; make sure that one "
                                 "owner at a time has it, and start that one anew");
}

}  // namespace cortado
