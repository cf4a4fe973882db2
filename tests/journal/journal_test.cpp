// The journal by hand: what is added, what stands in the file after each commit, what is skipped;
// with real owners and writers of this process, what is released and when.
#include <cortado/journal.hpp>
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../unit/forked_child.hpp"
#include "../unit/temporary_directory.hpp"
#include "rows.hpp"

namespace {

using namespace journal_test;
using namespace std::chrono_literals;
using cortado::Durability;
using cortado::Errc;
using cortado::Journal;
using cortado::JournalOptions;
using cortado::Message;
using cortado::SendStatus;

using Texts = std::vector<std::string>;
using Rows = std::vector<Row>;

class JournalTest : public ::testing::Test {
 protected:
  Journal open(Durability durability = Durability::process_death) const {
    JournalOptions options;
    options.durability = durability;
    options.busy_timeout = 0ms;
    auto journal = Journal::open(path, options);
    EXPECT_TRUE(journal) << journal.error().text;
    return std::move(*journal);
  }
  static void commit(Journal& journal) {
    const auto done = journal.commit();
    EXPECT_TRUE(done) << done.error().text;
  }
  static bool add(Journal& journal, char writer, std::uint64_t sequence, const std::string& text) {
    return journal.add(Made(writer, sequence, text));
  }

  TemporaryDirectory directory;
  std::string path = directory.file("journal.db");
};

TEST_F(JournalTest, has_what_was_added_after_the_commit_and_nothing_before) {
  Journal journal = open();
  Reader reader(path);
  EXPECT_TRUE(add(journal, 'a', 0, "one"));
  EXPECT_TRUE(add(journal, 'b', 7, "two"));
  EXPECT_TRUE(add(journal, 'a', 1, std::string("\0x\xff", 3)));
  EXPECT_TRUE(journal.add(Made('a', 2, "", 77)));
  EXPECT_EQ(journal.pending(), 4U);
  EXPECT_EQ(reader.messages(), Rows{});
  EXPECT_EQ(reader.positions(), Texts{});
  commit(journal);
  EXPECT_EQ(journal.pending(), 0U);
  EXPECT_EQ(reader.messages(), (Rows{{1, "a", 0, 0, "one"},
                                     {2, "b", 7, 0, "two"},
                                     {3, "a", 1, 0, std::string("\0x\xff", 3)},
                                     {4, "a", 2, 77, ""}}));
  EXPECT_EQ(reader.positions(), (Texts{"a 3", "b 8"}));
  add(journal, 'b', 8, "three");
  commit(journal);
  EXPECT_EQ(reader.messages().back(), (Row{5, "b", 8, 0, "three"}));
  EXPECT_EQ(reader.positions(), (Texts{"a 3", "b 9"}));
}

TEST_F(JournalTest, is_a_private_file_with_its_marks_and_an_identity_of_16_bytes) {
  Journal journal = open();
  add(journal, 'a', 0, "x");
  commit(journal);
  Reader reader(path);
  EXPECT_EQ(reader.first("PRAGMA application_id"), std::to_string(0x636f6a6f));
  EXPECT_EQ(reader.first("PRAGMA user_version"), "1");
  EXPECT_EQ(reader.first("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(reader.first("SELECT identity FROM writer"), std::string(16, 'a'));
  EXPECT_EQ(reader.first("SELECT uid FROM writer"), "1000");
  EXPECT_EQ(reader.first("SELECT last_message FROM writer"), "1");
  EXPECT_EQ(reader.first("PRAGMA integrity_check"), "ok");
  const auto mode = std::filesystem::status(path).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(JournalTest,
       skips_what_it_has_whether_committed_by_this_owner_or_an_earlier_one_or_not_yet) {
  {
    Journal journal = open();
    EXPECT_TRUE(add(journal, 'a', 0, "0"));
    EXPECT_FALSE(add(journal, 'a', 0, "0")) << "not yet committed";
    EXPECT_TRUE(add(journal, 'a', 1, "1"));
    commit(journal);
    EXPECT_FALSE(add(journal, 'a', 1, "1"));
    EXPECT_EQ(journal.pending(), 0U);
    add(journal, 'a', 2, "dropped with the journal");
  }
  Journal next = open();
  EXPECT_TRUE(next.contains(Made('a', 1, "1")));
  EXPECT_FALSE(next.contains(Made('a', 2, "2")));
  EXPECT_FALSE(add(next, 'a', 0, "0"));
  EXPECT_FALSE(add(next, 'a', 1, "1"));
  EXPECT_TRUE(add(next, 'a', 2, "2"));
  EXPECT_TRUE(add(next, 'a', 5, "behind a gap: another owner had those"));
  commit(next);
  Reader reader(path);
  EXPECT_EQ(reader.positions(), Texts{"a 6"});
  EXPECT_EQ(reader.messages().size(), 4U);
}

TEST_F(JournalTest, knows_one_identity_of_two_users_as_two_writers) {
  Journal journal = open();
  EXPECT_TRUE(journal.add(Made('a', 5, "mine", 0, 1000)));
  EXPECT_TRUE(journal.add(Made('a', 0, "another's", 0, 1001)));
  commit(journal);
  EXPECT_EQ(Reader(path).positions(), (Texts{"a 6", "a 1"}));
}

TEST_F(JournalTest, may_lose_old_messages_to_its_user_and_keeps_positions_and_numbers) {
  {
    Journal journal = open();
    for (std::uint64_t i = 0; i < 5; ++i) add(journal, 'a', i, "x");
    commit(journal);
    Reader reader(path);
    ASSERT_EQ(reader.run("DELETE FROM message"), SQLITE_OK) << reader.why();
    add(journal, 'a', 5, "y");
    commit(journal);
    ASSERT_EQ(reader.run("DELETE FROM message"), SQLITE_OK) << reader.why();
  }
  Journal next = open();
  EXPECT_FALSE(add(next, 'a', 5, "y"));
  EXPECT_TRUE(add(next, 'a', 6, "z"));
  commit(next);
  EXPECT_EQ(Reader(path).messages(), (Rows{{7, "a", 6, 0, "z"}}));
}

TEST_F(JournalTest, replays_every_message_in_the_order_of_application) {
  {
    Journal journal = open();
    add(journal, 'b', 0, "first");
    journal.add(Made('a', 3, "second", 9));
    commit(journal);
    add(journal, 'b', 1, "third");
    commit(journal);
  }
  Journal journal = open();
  Texts replayed;
  const auto note = [&](const Message& m) {
    EXPECT_EQ(m.writer_id(), identity(m.writer()[0]));
    EXPECT_EQ(m.writer_uid(), 1000U);
    EXPECT_FALSE(m.redelivered());
    EXPECT_EQ(m.reply("x"), cortado::ReplyStatus::not_asked);
    replayed.push_back(std::string(m.writer()) + " " + std::to_string(m.sequence()) + " " +
                       std::to_string(m.tag()) + " " + std::string(m.text()));
  };
  const auto count = journal.replay(note);
  ASSERT_TRUE(count) << count.error().text;
  EXPECT_EQ(*count, 3U);
  EXPECT_EQ(replayed, (Texts{"b 0 0 first", "a 3 9 second", "b 1 0 third"}));
  EXPECT_THROW(
      static_cast<void>(journal.replay([](const Message&) { throw std::runtime_error("spilt"); })),
      std::runtime_error);
  add(journal, 'b', 2, "goes on");
  commit(journal);
}

TEST_F(JournalTest, that_another_program_has_locked_keeps_what_it_could_not_commit) {
  Journal journal = open();
  add(journal, 'a', 0, "0");
  Reader other(path);
  ASSERT_EQ(other.run("BEGIN IMMEDIATE"), SQLITE_OK);
  for (int i = 0; i < 3; ++i) {
    const auto refused = journal.commit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::try_again) << refused.error().text;
    EXPECT_TRUE(is_passing(refused.error().code));
  }
  EXPECT_TRUE(add(journal, 'a', 1, "1")) << "more may be added meanwhile";
  ASSERT_EQ(other.run("ROLLBACK"), SQLITE_OK);
  commit(journal);
  EXPECT_EQ(other.messages(), (Rows{{1, "a", 0, 0, "0"}, {2, "a", 1, 0, "1"}}));
}

TEST_F(JournalTest, whose_positions_another_program_moved_commits_nothing_more) {
  for (const char* change : {"UPDATE writer SET next_sequence = 5", "DELETE FROM writer",
                             "INSERT INTO message VALUES(2, 1, 1, 0, 'x')",
                             "INSERT INTO writer VALUES(2, zeroblob(16), 0, 'z', 0, 0)"}) {
    SCOPED_TRACE(change);
    std::filesystem::remove(path);
    Journal journal = open();
    add(journal, 'a', 0, "0");
    commit(journal);
    add(journal, 'a', 1, "1");
    add(journal, 'b', 0, "b");
    Reader other(path);
    ASSERT_EQ(other.run(change), SQLITE_OK) << other.why();
    const Rows before = other.messages();
    for (int i = 0; i < 2; ++i) {
      const auto refused = journal.commit();
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, Errc::name_taken) << refused.error().text;
      EXPECT_FALSE(is_passing(refused.error().code));
    }
    EXPECT_EQ(other.messages(), before);
  }
}

TEST_F(JournalTest, that_was_removed_or_replaced_does_not_commit_into_the_void) {
  Journal journal = open();
  add(journal, 'a', 0, "0");
  std::filesystem::rename(path, path + ".old");
  const auto refused = journal.commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::system);
  EXPECT_NE(refused.error().text.find("moved"), std::string::npos) << refused.error().text;
  std::filesystem::rename(path + ".old", path);
  commit(journal);
  EXPECT_EQ(Reader(path).messages().size(), 1U);
}

TEST_F(JournalTest, of_a_parent_is_not_used_by_its_forked_child) {
  Journal journal = open();
  add(journal, 'a', 0, "0");
  ForkedChild child([&](Line&) {
    {
      Journal mine = std::move(journal);
      if (mine.add(Made('a', 1, "1"))) return 1;
      if (mine.commit().error().code != Errc::forked) return 2;
      if (mine.replay([](const Message&) {}).error().code != Errc::forked) return 3;
    }
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  commit(journal);
  add(journal, 'a', 1, "1");
  commit(journal);
  EXPECT_EQ(Reader(path).messages().size(), 2U);
}

/// With a real owner, and writers of this process.
class JournalledOwner : public JournalTest {
 protected:
  cortado::Owner open_owner(bool manual_release = true) const {
    cortado::OwnerOptions options;
    options.directory = directory.path();
    options.manual_release = manual_release;
    options.ring_bytes = 4096;
    auto owner = cortado::Owner::open("journalled", options);
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  }
  static cortado::Writer writer_of(cortado::Owner& owner, const std::string& name) {
    cortado::JoinOptions options;
    options.name = name;
    auto writer = owner.make_writer(options);
    EXPECT_TRUE(writer) << writer.error().text;
    return std::move(*writer);
  }
  static std::string outcome(const cortado::Result<std::size_t>& drained) {
    return drained ? std::to_string(*drained) : cortado::to_string(drained.error().code);
  }

  Texts applied;
  std::function<void(const Message&)> apply = [this](const Message& m) {
    applied.emplace_back(m.text());
  };
};

TEST_F(JournalledOwner, applies_commits_and_releases) {
  Journal journal = open(Durability::power_loss);
  cortado::Owner owner = open_owner();
  cortado::Writer writer = writer_of(owner, "w");
  EXPECT_EQ(outcome(journal.drain(owner, apply)), "0");
  for (const char* text : {"1", "2", "3"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  EXPECT_EQ(outcome(journal.drain(owner, apply)), "3");
  EXPECT_EQ(applied, (Texts{"1", "2", "3"}));
  EXPECT_EQ(writer.unreleased(), 0U);
  EXPECT_EQ(Reader(path).positions(), Texts{"w 3"});
  EXPECT_EQ(Reader(path).first("SELECT identity FROM writer"),
            std::string(reinterpret_cast<const char*>(writer.id().bytes.data()), 16));
}

TEST_F(JournalledOwner, releases_nothing_while_its_commits_fail_and_drops_nothing) {
  Journal journal = open();
  cortado::Owner owner = open_owner();
  cortado::Writer writer = writer_of(owner, "w");
  Reader other(path);
  ASSERT_EQ(other.run("BEGIN IMMEDIATE"), SQLITE_OK);
  std::uint64_t sent = 0;
  const auto fill = [&] {
    const std::uint64_t before = sent;
    while (writer.try_send(std::to_string(sent)) == SendStatus::sent) ++sent;
    return sent - before;
  };
  EXPECT_GT(fill(), 100U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(outcome(journal.drain(owner, apply)), "try_again");
    EXPECT_EQ(writer.unreleased(), sent);
    EXPECT_EQ(fill(), 0U) << "no room before the commit";
  }
  EXPECT_EQ(applied.size(), sent) << "each once, though it was tried five times";
  cortado::Writer late = writer_of(owner, "late");
  EXPECT_EQ(outcome(journal.drain(owner, apply)), "try_again") << "joins go on";
  ASSERT_EQ(other.run("ROLLBACK"), SQLITE_OK);
  EXPECT_EQ(outcome(journal.drain(owner, apply)), std::to_string(sent));
  EXPECT_EQ(writer.unreleased(), 0U);
  EXPECT_GT(fill(), 100U);
  while (journal.pending() != 0 || !owner.drained()) ASSERT_TRUE(journal.drain(owner, apply));
  const Rows rows = other.messages();
  ASSERT_EQ(rows.size(), sent);
  ASSERT_EQ(applied.size(), sent);
  for (std::size_t i = 0; i < sent; ++i) {
    EXPECT_EQ(rows[i].sequence, static_cast<std::int64_t>(i));
    EXPECT_EQ(rows[i].bytes, std::to_string(i));
    EXPECT_EQ(applied[i], std::to_string(i));
  }
}

TEST_F(JournalledOwner, that_dies_between_commit_and_release_is_followed_by_one_that_skips) {
  std::optional<Journal> journal(open());
  std::optional<cortado::Owner> owner(open_owner());
  cortado::Writer writer = writer_of(*owner, "w");
  for (const char* text : {"0", "1"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  owner->drain([&](const Message& m) { EXPECT_TRUE(journal->add(m)); });
  commit(*journal);
  owner.reset();  // it had released nothing
  journal.reset();
  ASSERT_EQ(writer.poll(), SendStatus::no_owner);
  journal.emplace(open());
  owner.emplace(open_owner());
  while (writer.poll() != SendStatus::sent) owner->drain(apply, {0});
  ASSERT_EQ(writer.try_send("2"), SendStatus::sent);
  EXPECT_EQ(outcome(journal->drain(*owner, apply)), "3");
  EXPECT_EQ(applied, Texts{"2"});
  EXPECT_EQ(writer.unreleased(), 0U);
  EXPECT_EQ(Reader(path).messages(),
            (Rows{{1, "w", 0, 0, "0"}, {2, "w", 1, 0, "1"}, {3, "w", 2, 0, "2"}}));
}

TEST_F(JournalledOwner, whose_handler_throws_journals_that_message_when_it_was_applied) {
  Journal journal = open();
  cortado::Owner owner = open_owner();
  cortado::Writer writer = writer_of(owner, "w");
  for (const char* text : {"0", "1", "2"}) ASSERT_EQ(writer.try_send(text), SendStatus::sent);
  bool thrown = false;
  const auto handler = [&](const Message& m) {
    if (m.text() == "1" && !std::exchange(thrown, true)) throw std::runtime_error("spilt");
    applied.push_back(std::string(m.text()) + (m.redelivered() ? " again" : ""));
  };
  EXPECT_THROW(static_cast<void>(journal.drain(owner, handler)), std::runtime_error);
  EXPECT_EQ(Reader(path).messages().size(), 0U);
  while (writer.unreleased() != 0) ASSERT_TRUE(journal.drain(owner, handler));
  EXPECT_EQ(applied, (Texts{"0", "1 again", "2"}));
  EXPECT_EQ(Reader(path).messages().size(), 3U);
}

TEST_F(JournalledOwner, that_does_not_release_by_hand_is_refused) {
  Journal journal = open();
  cortado::Owner owner = open_owner(false);
  EXPECT_EQ(outcome(journal.drain(owner, apply)), "invalid_argument");
}

TEST_F(JournalledOwner, does_not_answer_again_what_it_had_journalled) {
  Journal journal = open();
  cortado::Owner owner = open_owner();
  cortado::Writer writer = writer_of(owner, "w");
  journal.add(Made('x', 0, "other"));
  EXPECT_EQ(writer.ask("?", 0ms).error().code, Errc::unknown);
  const auto reply = [&](const Message& m) {
    apply(m);
    m.reply("yes");
  };
  EXPECT_EQ(outcome(journal.drain(owner, reply)), "1");
  EXPECT_EQ(applied, Texts{"?"});
  EXPECT_EQ(Reader(path).messages().size(), 2U);
}

}  // namespace
