// Journal::open, replay, contains, add and commit on a file that somebody has changed.
//
// Input: the bytes of the file. The mutator begins with a sound journal and changes it by SQL, so
// that SQLite finds its own structures in order and only we can object; and then perhaps some
// bytes.
//
// Invariants:
//   - what cannot be opened is an error with a reason, and the file is left as it was, byte by
//   byte;
//   - what can, has positions: of each writer in it, what is below its position counts as
//     journalled, and what is not, does not;
//   - after a commit the next owner finds each new message once and behind all others, which are as
//     they were; after a commit that failed it finds none of them;
//   - no position ever goes back.
// Of a file that fails SQLite's integrity check the last two are not asked.
#include <cortado/journal.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "journal_file.hpp"
#include "target.hpp"

namespace cortado::fuzz {
namespace {

/// A writer as the file has it.
struct Position {
  WriterId id;
  std::uint32_t uid = 0;
  std::uint64_t next = 0;
};

/// What replay hands over: how much, and a digest of it in order.
struct Past {
  /// Who removes a writer and leaves its messages, leaves it open whose they are.
  bool without_writers = false;
  std::uint64_t messages = 0;
  std::uint64_t digest = 0;

  void add(const Message& message) {
    ++messages;
    const auto mix = [&](std::uint64_t word) {
      digest = std::rotl(digest ^ word, 23) * 0x9e3779b1U;
    };
    mix(message.sequence());
    mix(message.tag());
    if (!without_writers) {
      for (const std::byte byte : message.writer_id().bytes) mix(static_cast<std::uint64_t>(byte));
    }
    for (const std::byte byte : message.bytes()) mix(static_cast<std::uint64_t>(byte));
  }
  friend bool operator==(const Past&, const Past&) = default;
};

/// A message that no owner has seen yet.
class Fresh {
 public:
  Fresh(const Position& writer, std::uint64_t sequence) {
    parts_.writer = "fresh";
    parts_.writer_id = writer.id;
    parts_.writer_uid = writer.uid;
    parts_.sequence = sequence;
    parts_.tag = 7;
    parts_.bytes = kText;
  }
  const Message& message() const noexcept { return message_; }

 private:
  static constexpr std::byte kText[4] = {};
  Message::Parts parts_;
  Message message_{parts_};
};

std::vector<Position> positions(JournalFile& file) {
  std::vector<Position> all;
  file.each("SELECT identity, uid, next_sequence FROM writer", [&](sqlite3_stmt* row) {
    Position& writer = all.emplace_back();
    const void* identity = sqlite3_column_blob(row, 0);
    require(sqlite3_column_bytes(row, 0) == 16, "a writer that is believed has an identity");
    std::memcpy(writer.id.bytes.data(), identity, 16);
    const std::int64_t uid = sqlite3_column_int64(row, 1);
    require(uid >= 0 && uid <= 0xffffffff, "and a user that can be");
    writer.uid = static_cast<std::uint32_t>(uid);
    writer.next = static_cast<std::uint64_t>(sqlite3_column_int64(row, 2));
  });
  return all;
}

void judge_positions(const Journal& journal, const std::vector<Position>& writers) {
  for (const Position& writer : writers) {
    require(!journal.contains(Fresh(writer, writer.next).message()), "the next message is new");
    if (writer.next == 0) continue;
    require(journal.contains(Fresh(writer, writer.next - 1).message()), "the last one is not");
  }
}

std::optional<Past> replay(Journal& journal, bool without_writers) {
  Past past{without_writers};
  const auto count = journal.replay([&](const Message& message) { past.add(message); });
  if (!count) {
    require(!count.error().text.empty(), "a replay that fails says why");
    return std::nullopt;
  }
  require(*count == past.messages, "a replay says how many messages there were");
  return past;
}

const Position kStranger{{{std::byte{0xee}, std::byte{0xff}}}, 4711, 3};

/// One more message of each writer that has numbers left, and the first of a new one.
std::size_t add_fresh(Journal& journal, const std::vector<Position>& writers, Past& past) {
  std::size_t added = 0;
  const auto add = [&](const Position& writer) {
    const Fresh fresh(writer, writer.next);
    require(journal.add(fresh.message()), "a new message is taken");
    require(!journal.add(fresh.message()), "and only once");
    past.add(fresh.message());
    ++added;
  };
  for (const Position& writer : writers) {
    if (writer.next != ~std::uint64_t{0}) add(writer);
  }
  if (!journal.contains(Fresh(kStranger, kStranger.next).message())) add(kStranger);
  require(journal.pending() == added, "what was added waits for the commit");
  return added;
}

void judge_next(JournalFile& file, const std::vector<Position>& before, const Past& expected,
                bool advanced) {
  auto next = Journal::open(file.path(), kOptions);
  require(static_cast<bool>(next), "a journal that was open can be opened again");
  const auto past = replay(*next, expected.without_writers);
  require(past == expected, "the next owner finds all messages, each once, in order");
  judge_positions(*next, positions(file));
  for (const Position& writer : before) {
    const bool counts = advanced && writer.next != ~std::uint64_t{0};
    require(next->contains(Fresh(writer, writer.next).message()) == counts,
            "a position moves with its message, or not at all");
  }
}

void go_on(JournalFile& file, Journal journal) {
  // Where one page is part of two things, SQLite itself may write over what is there.
  bool sound = false;
  file.each("PRAGMA integrity_check(1)", [&](sqlite3_stmt* row) {
    const auto* told = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
    sound = told != nullptr && std::string_view(told) == "ok";
  });
  const std::vector<Position> writers = positions(file);
  judge_positions(journal, writers);
  bool orphans = false;
  file.each("SELECT 1 FROM message WHERE writer NOT IN (SELECT id FROM writer) LIMIT 1",
            [&](sqlite3_stmt*) { orphans = true; });
  const auto past = replay(journal, orphans);
  if (!past) return;
  Past after = *past;
  if (add_fresh(journal, writers, after) == 0) return;
  const auto committed = journal.commit();
  if (!committed) require(!committed.error().text.empty(), "a commit that fails says why");
  if (!sound) return;
  // Its owner is gone: what was not committed, is, too.
  { const Journal dead = std::move(journal); }
  judge_next(file, writers, committed ? after : *past, static_cast<bool>(committed));
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static JournalFile file;
  const std::span bytes(data, size);
  file.write(bytes);
  auto journal = cortado::Journal::open(file.path(), kOptions);
  if (journal) {
    go_on(file, std::move(*journal));
    return 0;
  }
  require(!journal.error().text.empty(), "what cannot be opened has a reason");
  require(file.holds(bytes), "what cannot be opened is left as it was");
  return 0;
}

CORTADO_UNWATCHED_BEGIN
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado::fuzz;
  static const auto& sound = *new std::vector<std::uint8_t>(sound_journal());
  if (max < sound.size()) return 0;
  Random random(seed);
  if (size == 0 || random.one_in(8)) {
    std::memcpy(data, sound.data(), sound.size());
    size = sound.size();
  }
  if (!random.one_in(4)) size = change_by_sql(data, size, max, random);
  if (random.one_in(3)) size = LLVMFuzzerMutate(data, size, max);
  return size;
}
CORTADO_UNWATCHED_END
