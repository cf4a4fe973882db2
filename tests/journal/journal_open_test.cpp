// Files that cannot be a journal, or not now: each is refused with its reason, and left as it is.
#include <cortado/journal.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "../unit/forked_child.hpp"
#include "../unit/temporary_directory.hpp"
#include "rows.hpp"

namespace {

using namespace journal_test;
using namespace std::chrono_literals;
using cortado::Errc;
using cortado::Journal;
using cortado::test::Fault;

constexpr std::uint64_t kMessages = 300;

class UnusableJournal : public ::testing::Test {
 protected:
  static cortado::Result<Journal> open(const std::string& file) {
    cortado::JournalOptions options;
    options.busy_timeout = 0ms;
    return Journal::open(file, options);
  }
  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  }
  /// The bytes of a sound journal of several pages, and of 200 writers.
  std::string sound() {
    const std::string file = directory.file("sound.db");
    {
      auto journal = open(file);
      EXPECT_TRUE(journal) << journal.error().text;
      for (std::uint64_t i = 0; i < kMessages; ++i) {
        const Made message('a', i, std::string(100, 'x'), 0, static_cast<std::uint32_t>(i % 200));
        EXPECT_TRUE(journal->add(message));
      }
      EXPECT_TRUE(journal->commit());
    }
    std::string bytes = content(file);
    std::filesystem::remove(file);
    return bytes;
  }

  /// Refused so, in one line with that word, and not a byte of it is another.
  void expect_refused(Fault& fault, Errc code, const std::string& word) {
    const std::string before = content(path);
    const auto journal = open(path);
    if (journal) {
      ADD_FAILURE() << "opened";
      return;
    }
    fault.fired();
    const std::string& text = journal.error().text;
    EXPECT_EQ(journal.error().code, code) << text;
    EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_NE(text.find(path), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_EQ(content(path), before);
    EXPECT_FALSE(std::filesystem::exists(path + "-lock"));
  }

  TemporaryDirectory directory;
  std::string path = directory.file("journal.db");
};

TEST_F(UnusableJournal, of_garbage_is_refused) {
  Fault fault("journal-unusable");
  std::string noise;
  for (std::uint32_t word = 1; noise.size() < 20'000; word = word * 1664525 + 1013904223) {
    noise += static_cast<char>(word >> 24);
  }
  for (const std::string& bytes : {std::string("a shopping list\n"), std::string(1, '\0'), noise,
                                   std::string(4096, '\0'), "SQLite format 3" + noise}) {
    put(path, bytes);
    expect_refused(fault, Errc::malformed, "database");
  }
}

TEST_F(UnusableJournal, that_was_cut_off_is_refused) {
  Fault fault("journal-unusable");
  const std::string whole = sound();
  ASSERT_GT(whole.size(), 10U * 4096);
  std::vector<std::size_t> lengths{1, 16, 50, 99, 100, 511, 512, 1024, 4095, 4096, 4097, 8192};
  for (std::size_t at = 3; at < whole.size() / 4096; ++at) lengths.push_back(at * 4096);
  for (const std::size_t length : lengths) {
    SCOPED_TRACE("cut off at " + std::to_string(length));
    put(path, whole.substr(0, length));
    expect_refused(fault, Errc::malformed, "");
  }
}

TEST_F(UnusableJournal, whose_positions_are_damaged_is_refused) {
  Fault fault("journal-unusable");
  std::string bytes = sound();
  put(path, bytes);
  const auto root =
      std::stoul(Reader(path).first("SELECT rootpage FROM sqlite_master WHERE name = 'writer'"));
  for (std::size_t i = 0; i < 4096; ++i) bytes[(root - 1) * 4096 + i] = static_cast<char>(i * 7);
  put(path, bytes);
  expect_refused(fault, Errc::malformed, "damaged");
}

TEST_F(UnusableJournal, whose_rows_cannot_be_is_refused_and_not_changed) {
  Fault fault("journal-unusable");
  const std::string bytes = sound();
  for (const char* const sql : {
           "UPDATE writer SET identity=zeroblob(15) WHERE id=3",
           "UPDATE writer SET uid=uid+4294967296 WHERE id=3",
           "UPDATE writer SET uid=-1 WHERE id=3",
           "UPDATE writer SET next_sequence='x' WHERE id=3",
           "UPDATE writer SET id=9223372036854775807 WHERE id=3",
           "UPDATE writer SET last_message=9223372036854775807 WHERE id=3",
           "UPDATE message SET id=9223372036854775807 WHERE id=3",
       }) {
    SCOPED_TRACE(sql);
    put(path, bytes);
    // As a copy by other tools may be: opened, it would be changed to have a log.
    ASSERT_EQ(Reader(path).run("PRAGMA journal_mode=DELETE"), SQLITE_OK);
    ASSERT_EQ(Reader(path).run(sql), SQLITE_OK);
    expect_refused(fault, Errc::malformed, "damaged");
  }
}

/// Such a table can undo what is committed, or have no end.
TEST_F(UnusableJournal, whose_tables_are_not_its_own_is_refused_and_not_changed) {
  Fault fault("journal-unusable");
  const std::string bytes = sound();
  for (const char* const sql : {
           "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM message; END",
           "CREATE TRIGGER t AFTER UPDATE ON writer BEGIN UPDATE writer SET next_sequence=0; END",
           "ALTER TABLE message RENAME TO m; CREATE VIEW message AS WITH RECURSIVE n(id) AS "
           "(SELECT "
           "1 UNION ALL SELECT id FROM n) SELECT id, 1 writer, 1 sequence, 1 tag, x'' bytes FROM n",
           "ALTER TABLE writer ADD COLUMN more",
           "DROP TABLE message",
       }) {
    SCOPED_TRACE(sql);
    put(path, bytes);
    ASSERT_EQ(Reader(path).run(sql), SQLITE_OK);
    expect_refused(fault, Errc::malformed, "tables");
  }
}

TEST_F(UnusableJournal, of_another_application_or_version_is_refused_and_not_changed) {
  Fault fault("journal-unusable");
  const auto made_by = [&](const std::string& sql) {
    std::filesystem::remove(path);
    put(path, "");
    ASSERT_EQ(Reader(path).run(sql), SQLITE_OK);
  };
  made_by("CREATE TABLE recipe(name TEXT); INSERT INTO recipe VALUES('Mocha')");
  expect_refused(fault, Errc::version_mismatch, "another application");
  EXPECT_EQ(Reader(path).first("SELECT name FROM recipe"), "Mocha");
  made_by("PRAGMA journal_mode=WAL; CREATE TABLE recipe(name TEXT)");
  expect_refused(fault, Errc::version_mismatch, "another application");
  made_by("PRAGMA application_id = 7");
  expect_refused(fault, Errc::version_mismatch, "another application");
  made_by("PRAGMA user_version = 1");
  expect_refused(fault, Errc::version_mismatch, "another application");
  put(path, sound());
  ASSERT_EQ(Reader(path).run("PRAGMA user_version = 2"), SQLITE_OK);
  expect_refused(fault, Errc::version_mismatch, "version 2");
  put(path, sound());
  ASSERT_EQ(Reader(path).run("DROP TABLE message"), SQLITE_OK);
  const auto journal = open(path);
  ASSERT_FALSE(journal);
  EXPECT_EQ(Reader(path).first("SELECT count(*) FROM writer"), "200");
}

TEST_F(UnusableJournal, that_is_locked_is_refused_until_it_is_free) {
  Fault fault("journal-unusable");
  put(path, sound());
  ForkedChild locker([&](Line& line) {
    Reader other(path);
    other.run("PRAGMA locking_mode=EXCLUSIVE");
    line.tell(other.run("BEGIN EXCLUSIVE") == SQLITE_OK ? 'l' : 'x');
    line.hear();
    return 0;
  });
  ASSERT_EQ(locker.line().hear(), 'l');
  expect_refused(fault, Errc::try_again, "locked");
  locker.kill();
  locker.wait();
  const auto journal = open(path);
  ASSERT_TRUE(journal) << journal.error().text;
}

TEST_F(UnusableJournal, of_a_live_owner_is_refused_to_another_one) {
  Fault fault("journal-unusable");
  ForkedChild owner([&](Line& line) {
    auto journal = open(path);
    line.tell(journal && journal->add(Made('a', 0, "x")) && journal->commit() ? 'o' : 'x');
    line.hear();
    return 0;
  });
  ASSERT_EQ(owner.line().hear(), 'o');
  const auto second = open(path);
  ASSERT_FALSE(second);
  fault.fired();
  EXPECT_EQ(second.error().code, Errc::name_taken) << second.error().text;
  EXPECT_NE(second.error().text.find("process " + std::to_string(owner.pid())), std::string::npos)
      << second.error().text;
  // By another name of the same file, too.
  std::filesystem::create_symlink(path, directory.file("link.db"));
  EXPECT_EQ(open(directory.file("link.db")).error().code, Errc::name_taken);
  EXPECT_EQ(Reader(path, SQLITE_OPEN_READONLY).messages().size(), 1U) << "others may read";
  owner.kill();
  owner.wait();
  auto next = open(path);
  ASSERT_TRUE(next) << next.error().text;
  EXPECT_EQ(open(path).error().code, Errc::name_taken) << "nor twice in one process";
  EXPECT_TRUE(next->contains(Made('a', 0, "x")));
}

TEST_F(UnusableJournal, that_may_not_be_written_to_is_refused) {
  Fault fault("journal-unusable");
  put(path, sound());
  const auto refused = [&](Errc code, const char* word) {
    // Root may write everywhere.
    ForkedChild child([&](Line&) {
      if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 100;
      const std::string before = content(path);
      const auto journal = open(path);
      if (journal) return 1;
      std::fprintf(stderr, "%s\n", journal.error().text.c_str());
      if (journal.error().code != code) return 2;
      if (journal.error().text.find(word) == std::string::npos) return 3;
      return content(path) == before ? 0 : 4;
    });
    EXPECT_EQ(child.wait(), 0);
    fault.fired();
  };
  using std::filesystem::perms;
  const auto everyone = perms::all;
  std::filesystem::permissions(directory.path(), everyone);
  std::filesystem::permissions(path, perms::owner_read | perms::group_read | perms::others_read);
  refused(Errc::permission, "(EACCES)");
  std::filesystem::permissions(path, everyone);
  std::filesystem::permissions(
      directory.path(),
      everyone & ~(perms::owner_write | perms::group_write | perms::others_write));
  refused(Errc::permission, "(EACCES)");
  std::filesystem::remove(path);
  refused(Errc::permission, "(EACCES)");
  std::filesystem::permissions(directory.path(), everyone);
}

TEST_F(UnusableJournal, in_no_directory_or_with_a_directorys_name_is_refused) {
  Fault fault("journal-unusable");
  path = directory.file("missing/journal.db");
  expect_refused(fault, Errc::system, "make its directory first");
  path = directory.path();
  const auto journal = open(path);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().text.find('\n'), std::string::npos);
  EXPECT_FALSE(open(""));
}

TEST_F(UnusableJournal, is_not_one_that_is_empty) {
  put(path, "");
  EXPECT_TRUE(open(path)) << "an empty file";
  std::filesystem::remove(path);
  put(path, "");
  ASSERT_EQ(Reader(path).run("CREATE TABLE x(y); DROP TABLE x"), SQLITE_OK);
  EXPECT_TRUE(open(path)) << "an empty database";
  put(path, sound());
  auto journal = open(path);
  ASSERT_TRUE(journal);
  EXPECT_TRUE(journal->contains(Made('a', 0, "x", 0, 7)));
}

}  // namespace
