// A hostile process whose threads change lengths, tags, payload and the control page at full speed,
// while the owner reads: what a handler is given stands still, and nothing is read outside.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "arena.hpp"
#include "hostile.hpp"

namespace cortado::test {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{1} << 16;

OwnerOptions rings() {
  OwnerOptions options;
  options.ring_bytes = kCapacity;
  options.reply_bytes = ring::kMinCapacity;
  return options;
}

/// A handler that checks what it can: the length is one that the ring can hold.
void check_length(const Message& message, Board& board) {
  if (message.bytes().size() > ring::max_length(kCapacity)) board.changed.fetch_add(1);
  if (message.is_ask())
    static_cast<void>(
        message.reply(message.bytes().first(std::min<std::size_t>(message.bytes().size(), 100))));
}

/// Random words, without a lock or a thought.
class Noise {
 public:
  explicit Noise(std::uint64_t start) : state_(start | 1) {}
  std::uint64_t operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_;
};

TEST(BytesThatChangeWhileTheyAreRead, stand_still_in_the_handler) {
  Fault fault("bytes-change-while-read");
  Arena arena(rings(), check_length);
  const std::uint64_t goal = rounds(30'000);
  // The payload alone: the lane is legal, and goes on.
  fault.fired(arena.attack([&](Board& board) {
    Hostile hostile(arena.directory(), "payload");
    // The first record moves the others to multiples of 512.
    const std::uint64_t start = hostile.position() % 512;
    if (start != 0) hostile.put_honest(std::string(512 - start - 8, '-'));
    if (hostile.fate() != Fate::goes_on) return 3;
    std::atomic<bool> over{false};
    std::thread flipper([&] {
      Noise noise(seed());
      while (!over.load(std::memory_order_relaxed)) {
        // Never a commit word: those stand at multiples of 512.
        const std::uint64_t at = noise() & (kCapacity - 1);
        if (at % 512 < 8) continue;
        hostile.ring()[at] = static_cast<std::byte>(noise());
        board.attacks.fetch_add(1, std::memory_order_relaxed);
      }
    });
    int status = 0;
    for (std::uint64_t i = 0; i < goal && status == 0; ++i) {
      hostile.put_honest(std::string(504, static_cast<char>('a' + i % 26)));
      if (i % 100 == 99 && hostile.fate() != Fate::goes_on) status = 1;
    }
    if (hostile.fate() != Fate::goes_on) status = 1;
    over.store(true);
    flipper.join();
    return status;
  }));
  EXPECT_GE(arena.board().hostile.load(), goal);
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
  std::printf("%llu bytes changed under %llu messages\n",
              static_cast<unsigned long long>(fault.count()),
              static_cast<unsigned long long>(arena.board().hostile.load()));
}

TEST(CommitWordsThatChangeWhileTheyAreRead, are_taken_as_one_value_or_quarantine) {
  Fault fault("bytes-change-while-read");
  Arena arena(rings(), check_length);
  const std::uint64_t lanes = rounds(150);
  fault.fired(arena.attack([&](Board& board) {
    Noise noise(seed());
    for (std::uint64_t n = 0; n < lanes; ++n) {
      Hostile hostile(arena.directory(), "words-" + std::to_string(n));
      const std::uint64_t before = board.hostile.load();
      // All legal, or now and then one that is not.
      const std::uint64_t longest = n % 2 == 0 ? 0x7fff : 0xffff'ffff;
      std::uint64_t stores = 0;
      for (; stores < 100'000 && !hostile.hung_up(); stores += 32) {
        // Where the owner looks next, and the number that it expects there.
        const std::uint64_t at = hostile.control().released.load();
        const auto sequence = static_cast<std::uint8_t>(board.hostile.load() - before);
        const auto commit_word = ring::word_at(hostile.ring(), kCapacity, at);
        for (int i = 0; i < 32; ++i) {
          const std::uint64_t random = noise();
          const auto length =
              static_cast<std::uint32_t>(random >> 60 == 0 ? random & longest : random & 0x7ff);
          const auto flags = static_cast<std::uint8_t>(ring::flag::committed | (random >> 56 & 3));
          commit_word.store(
              ring::pack({length, static_cast<std::uint16_t>(random >> 32), sequence, flags}));
        }
        hostile.ring_bell();
      }
      board.attacks.fetch_add(stores);
    }
    return 0;
  }));
  arena.judge();
  EXPECT_GT(arena.board().quarantined.load(), 0U);
  EXPECT_GT(arena.board().hostile.load(), 0U);
  std::printf("%llu commit words, %llu messages, %llu lanes quarantined\n",
              static_cast<unsigned long long>(fault.count()),
              static_cast<unsigned long long>(arena.board().hostile.load()),
              static_cast<unsigned long long>(arena.board().quarantined.load()));
}

TEST(APageThatChangesWhileItIsRead, harms_nobody) {
  Fault fault("bytes-change-while-read");
  Arena arena(rings(), check_length);
  const std::uint64_t goal = rounds(20'000);
  fault.fired(arena.attack([&](Board& board) {
    Hostile hostile(arena.directory(), "page");
    std::atomic<bool> over{false};
    std::thread flipper([&] {
      Noise noise(seed());
      while (!over.load(std::memory_order_relaxed)) {
        hostile.page()[noise() % lane::kPageBytes] = static_cast<std::byte>(noise());
        board.attacks.fetch_add(1, std::memory_order_relaxed);
      }
    });
    // The page no longer tells how far the owner is; its own count does.
    for (std::uint64_t i = 0; i < goal; ++i) {
      hostile.put({0, 0, hostile.sequence(), static_cast<std::uint8_t>(i % 2)},
                  std::string(16, '-'));
      const std::uint64_t handled = i + 1;
      while (handled % 1000 == 0 && board.hostile.load() < handled) ::sched_yield();
    }
    while (board.hostile.load() < goal) ::sched_yield();
    over.store(true);
    flipper.join();
    return 0;
  }));
  EXPECT_EQ(arena.board().hostile.load(), goal);
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
  std::printf("%llu bytes of the page changed\n", static_cast<unsigned long long>(fault.count()));
}

}  // namespace
}  // namespace cortado::test
