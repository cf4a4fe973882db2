// What a hostile process stores where honest ones store positions, lengths, flags, tags, sequences
// and answers: one table for each, and what each entry must come to.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "arena.hpp"
#include "hostile.hpp"

namespace cortado::test {
namespace {

OwnerOptions small_rings() {
  OwnerOptions options;
  options.ring_bytes = options.reply_bytes = ring::kMinCapacity;
  return options;
}

/// Around a position, and around the ends of the number range.
std::vector<std::uint64_t> positions_near(std::uint64_t p) {
  constexpr std::uint64_t kHalf = std::uint64_t{1} << 63;
  constexpr std::uint64_t kRing = ring::kMinCapacity;
  std::vector<std::uint64_t> values{0, 1, 7, 8, kHalf, kHalf - 1, kHalf + 8, ~std::uint64_t{0}};
  for (const std::uint64_t away :
       {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{8}, kRing - 8, kRing, kRing + 8,
        2 * kRing, std::uint64_t{1} << 31, std::uint64_t{1} << 32, kHalf - 8, kHalf}) {
    values.push_back(p + away);
    values.push_back(p - away);
  }
  return values;
}

/// A stored position, and after it a message where it belongs: it arrives, so the owner's own
/// position has not moved.
template <class Field>
int lie_about(Board& board, Hostile& hostile, Field field) {
  for (const std::uint64_t value : positions_near(hostile.position())) {
    auto& word = field(hostile.control());
    word = static_cast<std::decay_t<decltype(word + 0)>>(value);
    hostile.put_honest("after it");
    // Not the word it was to be: else `fate` would be deceived, too.
    if (value != hostile.position() && hostile.fate() != Fate::goes_on) return 1;
    board.attacks.fetch_add(1);
  }
  return 0;
}

TEST(HostilePositions, move_nothing_but_what_the_writer_sees) {
  Fault fault("hostile-positions");
  Arena arena(small_rings());
  const auto attack = [&](const char* name, auto field) {
    SCOPED_TRACE(name);
    const std::uint64_t before = arena.board().hostile.load();
    const std::uint64_t delivered = arena.attack([&](Board& board) {
      Hostile hostile(arena.directory(), name);
      return lie_about(board, hostile, field);
    });
    EXPECT_EQ(arena.board().hostile.load() - before, delivered);
    fault.fired(delivered);
  };
  using Page = lane::LaneControl;
  attack(
      "released", [](Page & page) -> auto& { return page.released; });
  attack(
      "wake_at", [](Page & page) -> auto& { return page.wake_at; });
  attack(
      "reply_released", [](Page & page) -> auto& { return page.reply_released; });
  attack(
      "reply_wait", [](Page & page) -> auto& { return page.reply_wait; });
  attack(
      "start_position", [](Page & page) -> auto& { return page.start_position; });
  attack(
      "in_hand", [](Page & page) -> auto& { return page.in_hand; });
  attack(
      "handling", [](Page & page) -> auto& { return page.handling; });
  attack(
      "owner_state", [](Page & page) -> auto& { return page.owner_state; });
  attack(
      "ring_bytes", [](Page & page) -> auto& { return page.ring_bytes; });
  attack(
      "reply_bytes", [](Page & page) -> auto& { return page.reply_bytes; });
  attack(
      "left", [](Page & page) -> auto& { return page.left; });
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
  std::printf("%llu positions\n", static_cast<unsigned long long>(fault.count()));
}

TEST(HostileLengths, are_legal_up_to_the_longest_message_and_quarantined_beyond) {
  Fault fault("hostile-lengths");
  Arena arena(small_rings());
  constexpr auto kLongest = static_cast<std::uint32_t>(ring::max_length(ring::kMinCapacity));
  std::vector<std::uint32_t> lengths{0, 1, 7, 8, 9, kLongest - 8, kLongest - 1, kLongest};
  for (const std::uint32_t length :
       {kLongest + 1, kLongest + 7, kLongest + 8, kLongest + 9, kLongest + 16, 2 * kLongest,
        1U << 31, (1U << 31) - 8, (1U << 31) + 8, ~0U - 15, ~0U - 8, ~0U - 7, ~0U - 1, ~0U}) {
    lengths.push_back(length);
  }
  std::uint64_t illegal = 0;
  for (const std::uint32_t length : lengths) {
    SCOPED_TRACE(length);
    const bool legal = length <= kLongest;
    illegal += legal ? 0 : 1;
    fault.fired(arena.attack([&](Board& board) {
      Hostile hostile(arena.directory(), "length");
      hostile.publish_word(ring::pack({length, 0, hostile.sequence(), ring::flag::committed}));
      hostile.step_over(length);
      const Fate fate = hostile.fate();
      board.attacks.fetch_add(1);
      if (fate != (legal ? Fate::goes_on : Fate::quarantined)) return 1;
      if (!legal) return 0;
      hostile.put_honest("the next one");
      return hostile.fate() == Fate::goes_on ? 0 : 2;
    }));
    arena.until([&] { return arena.board().quarantined.load() == illegal; });
  }
  EXPECT_EQ(fault.count(), lengths.size());
  arena.judge();
  for (std::uint64_t n = 0; n < illegal; ++n) {
    EXPECT_EQ(arena.board().reason(n), "a length that cannot be");
  }
}

/// Each entry of a table on a lane of its own: a word, and whether it may stand there.
template <class Word, class Legal>
std::uint64_t try_words(const Arena& arena, const std::string& name, unsigned count, Word word,
                        Legal legal) {
  return arena.attack([&](Board& board) {
    for (unsigned i = 0; i < count; ++i) {
      Hostile hostile(arena.directory(), name + std::to_string(i));
      const ring::Commit commit = word(hostile, i);
      hostile.publish_word(ring::pack(commit));
      hostile.step_over(commit.length);
      const Fate expected = legal(commit) ? Fate::goes_on : Fate::quarantined;
      if (hostile.fate() != expected) {
        std::fprintf(stderr, "%s%u: flags %02x, length %u\n", name.c_str(), i, commit.flags,
                     commit.length);
        return 1;
      }
      board.attacks.fetch_add(1);
    }
    return 0;
  });
}

TEST(HostileFlags, that_are_reserved_quarantine_and_so_does_an_ask_without_its_prefix) {
  Fault fault("hostile-tags-and-flags");
  Arena arena(small_rings());
  fault.fired(try_words(
      arena, "flags-", 256,
      [](const Hostile& hostile, unsigned i) {
        return ring::Commit{16, 0, hostile.sequence(), static_cast<std::uint8_t>(i)};
      },
      // What is not committed is quarantined if anything else of the word is set: here, a length.
      [](const ring::Commit& commit) { return commit.flags >= 0x80 && commit.flags <= 0x83; }));
  fault.fired(try_words(
      arena, "short-ask-", 10,
      [](const Hostile& hostile, unsigned i) {
        return ring::Commit{i, 0, hostile.sequence(), ring::flag::committed | ring::flag::ask};
      },
      [](const ring::Commit& commit) { return commit.length >= sizeof(ring::AskPrefix); }));
  EXPECT_EQ(fault.count(), 256U + 10U);
  arena.judge();
  ASSERT_EQ(arena.board().quarantined.load(), 252U + 8U);
  for (std::uint64_t n = 0; n < 252; ++n) {
    EXPECT_EQ(arena.board().reason(n), "reserved bits in a commit word");
  }
  for (std::uint64_t n = 252; n < 260; ++n) {
    EXPECT_EQ(arena.board().reason(n), "an ask without room for its prefix");
  }
}

TEST(HostileTags, come_as_they_are) {
  Fault fault("hostile-tags-and-flags");
  // The bytes say which tag was sent.
  Arena arena(small_rings(), [](const Message& message, Board& board) {
    if (message.text() != std::to_string(message.tag())) board.changed.fetch_add(1);
  });
  fault.fired(arena.attack([&](Board& board) {
    Hostile hostile(arena.directory(), "tags");
    for (std::uint32_t tag = 0; tag <= 0xffff; tag += tag < 300 || tag > 65'000 ? 1 : 97) {
      hostile.put({0, static_cast<std::uint16_t>(tag), hostile.sequence(), 0}, std::to_string(tag));
      if (hostile.fate() != Fate::goes_on) return 1;
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  EXPECT_EQ(arena.board().hostile.load(), fault.count());
  arena.judge();
}

TEST(HostileSequences, that_are_not_the_next_number_quarantine) {
  Fault fault("hostile-sequences");
  Arena arena(small_rings());
  fault.fired(arena.attack([&](Board& board) {
    for (unsigned wrong = 1; wrong < 256; ++wrong) {
      Hostile hostile(arena.directory(), "sequence-" + std::to_string(wrong));
      // From a repeat to a gap, behind a few that are right.
      for (unsigned n = 0; n < wrong % 3; ++n) hostile.put_honest("right");
      hostile.put({0, 0, static_cast<std::uint8_t>(hostile.sequence() + wrong), 0}, "wrong");
      if (hostile.fate() != Fate::quarantined) return 1;
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  EXPECT_EQ(fault.count(), 255U);
  EXPECT_EQ(arena.board().hostile.load(), 255U) << "0, 1 or 2 right ones before each";
  arena.judge();
  ASSERT_EQ(arena.board().quarantined.load(), 255U);
  for (std::uint64_t n = 0; n < 255; ++n) {
    EXPECT_EQ(arena.board().reason(n), "a message out of sequence");
  }
}

std::string ask(std::uint32_t reply_limit, const std::string& text) {
  const ring::AskPrefix prefix{reply_limit, 0};
  return std::string(reinterpret_cast<const char*>(&prefix), sizeof prefix) + text;
}

/// Answers each ask with as many bytes as it names.
void answer(const Message& message, Board& board) {
  if (!message.is_ask()) return;
  const std::string text(std::stoul(std::string(message.text())), 'r');
  if (message.reply(text) == ReplyStatus::dropped) board.dropped.fetch_add(1);
}

/// An honest process is still answered.
int ask_honestly(const std::string& directory) {
  JoinOptions options;
  options.directory = directory;
  options.timeout = std::chrono::seconds(60);
  auto writer = Writer::join("arena", options);
  if (!writer) return 1;
  for (int i = 0; i < 100; ++i) {
    auto reply = writer->ask("500", std::chrono::seconds(60));
    if (!reply || *reply != std::string(500, 'r')) return 2;
  }
  return 0;
}

TEST(HostileReplies, that_are_never_read_are_dropped_and_nobody_waits) {
  Fault fault("hostile-replies");
  Arena arena(small_rings(), answer);
  const std::uint64_t floods = 20'000;
  fault.fired(arena.attack([&](Board& board) {
    Hostile hostile(arena.directory(), "deaf");
    for (std::uint64_t i = 0; i < floods; ++i) {
      hostile.control().reply_wait.store(static_cast<std::uint32_t>(i + 1));  // and never wakes
      hostile.put({0, 0, hostile.sequence(), ring::flag::ask}, ask(1000, "500"));
      if (i % 64 == 63 && hostile.fate() != Fate::goes_on) return 1;
      board.attacks.fetch_add(1);
    }
    return hostile.fate() == Fate::goes_on ? 0 : 2;
  }));
  EXPECT_EQ(arena.board().hostile.load(), floods);
  EXPECT_GE(arena.board().dropped.load(), floods - 8) << "8 answers of 500 bytes fit into 4096";
  EXPECT_EQ(arena.attack([&](Board&) { return ask_honestly(arena.directory()); }), 0U);
  arena.judge();
}

TEST(HostileReplies, with_lies_about_what_was_read_stay_in_their_ring) {
  Fault fault("hostile-replies");
  Arena arena(small_rings(), answer);
  fault.fired(arena.attack([&](Board& board) {
    Hostile hostile(arena.directory(), "liar");
    for (const std::uint32_t limit : {0U, 1U, 4079U, 4080U, 4081U, 1U << 31, ~0U - 8, ~0U}) {
      for (const char* length : {"0", "1", "4000", "4072", "4073", "4096", "70000"}) {
        for (const std::uint64_t read : positions_near(hostile.position())) {
          hostile.control().reply_released.store(read);
          hostile.put({0, 0, hostile.sequence(), ring::flag::ask}, ask(limit, length));
          if (hostile.fate() != Fate::goes_on) return 1;
          board.attacks.fetch_add(1);
        }
      }
    }
    return 0;
  }));
  EXPECT_EQ(arena.board().hostile.load(), fault.count());
  EXPECT_EQ(arena.attack([&](Board&) { return ask_honestly(arena.directory()); }), 0U);
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
}

}  // namespace
}  // namespace cortado::test
