// Hostile processes that do what they may, as often as they can: rings, messages, questions,
// connections, joins, all at once; and one that writes on when the owner wants to end.
//
// What it costs the others is measured by latency.cpp, and what the owner rations is shown step by
// step by ../unit/flood_test.cpp. Here: nobody loses, nobody stops.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "arena.hpp"
#include "hostile.hpp"
#include "knock.hpp"

namespace cortado::test {
namespace {

/// Goes on until the test ends it.
std::unique_ptr<ForkedChild> storm(const Arena& arena, const std::string& name,
                                   const std::function<void(Hostile&, std::uint64_t)>& turn) {
  return arena.start([&arena, name, turn](Board& board) {
    Hostile hostile(arena.directory(), name);
    for (std::uint64_t n = 0;; ++n) {
      turn(hostile, n);
      board.attacks.fetch_add(1);
    }
    return 0;
  });
}

/// Not further than half a ring ahead of the owner: what it overwrote would be its own loss.
bool has_room(const Hostile& hostile) {
  return hostile.position() - hostile.control().released.load() < hostile.capacity() / 2;
}

void ring(Hostile& hostile, std::uint64_t) {
  hostile.ring_bell();
}
void ring_and_send(Hostile& hostile, std::uint64_t n) {
  if (n % 50 == 0 && has_room(hostile)) hostile.put_honest("x");
  hostile.ring_bell();
}
void send(Hostile& hostile, std::uint64_t) {
  if (has_room(hostile)) hostile.put_honest("");
}
void ask(Hostile& hostile, std::uint64_t n) {
  hostile.control().reply_wait.store(static_cast<std::uint32_t>(n + 1));
  hostile.control().wake_at.store(hostile.position());
  if (!has_room(hostile)) return;
  hostile.put({0, 0, hostile.sequence(), ring::flag::ask}, std::string("\0\1\0\0\0\0\0\0", 8));
}

TEST(WakeStorm, of_rings_alone_and_with_messages_leaves_the_others_alone) {
  Fault fault("wake-storm");
  Arena arena;
  for (const auto& turn : {ring, ring_and_send, send, ask}) {
    const std::uint64_t before = arena.board().attacks.load();
    const auto hostile = storm(arena, "storm", turn);
    for (std::uint64_t i = 0; i < rounds(5); ++i) arena.let_honest_go_on();
    arena.until([&] { return arena.board().attacks.load() - before >= 10'000; });
    fault.fired(arena.board().attacks.load() - before);
    hostile->kill();
    hostile->wait();
  }
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
  std::printf("%llu attacks, %llu hostile messages, the owner's sleeps ended %llu times\n",
              static_cast<unsigned long long>(fault.count()),
              static_cast<unsigned long long>(arena.board().hostile.load()),
              static_cast<unsigned long long>(arena.board().waits.load()));
}

/// At the door, without end; and somebody honest comes by meanwhile.
TEST(WakeStorm, of_connections_and_joins_lets_messages_and_joins_of_others_through) {
  Fault fault("bad-handshakes");
  Arena arena;
  const std::function<void(const std::string&)> storms[] = {
      [](const std::string& directory) { connect_by_hand(directory); },
      [](const std::string& directory) {
        const os::Descriptor connection = connect_by_hand(directory);
        say(connection.get(), std::as_bytes(std::span("garbage")));
      },
      [](const std::string& directory) {
        const os::Descriptor connection = connect_by_hand(directory);
        say(connection.get(), hello_of(""));
      }};
  for (const auto& turn : storms) {
    const std::uint64_t before = arena.board().attacks.load();
    const auto hostile = arena.start([&](Board& board) {
      for (;;) {
        turn(arena.directory());
        board.attacks.fetch_add(1);
      }
      return 0;
    });
    arena.until([&] { return arena.board().attacks.load() - before >= 2000; });
    arena.let_honest_go_on();
    const auto another = arena.start([&](Board&) {
      JoinOptions options;
      options.directory = arena.directory();
      options.name = "another";
      options.timeout = std::chrono::seconds(50);
      auto writer = Writer::join("arena", options);
      if (!writer) return std::fprintf(stderr, "another: %s\n", writer.error().text.c_str()), 1;
      return writer->close(std::chrono::seconds(50)) == 0 ? 0 : 2;
    });
    EXPECT_EQ(another->wait(), 0) << "somebody else wants to join";
    fault.fired(arena.board().attacks.load() - before);
    hostile->kill();
    hostile->wait();
  }
  arena.judge();
  std::printf("%llu connections\n", static_cast<unsigned long long>(fault.count()));
}

TEST(AWriterThatIgnoresClosing, does_not_keep_the_owner_from_ending) {
  Fault fault("writer-ignores-closing");
  Arena arena;
  const auto hostile = storm(arena, "deaf", send);
  arena.until([&] { return arena.board().hostile.load() > 1000; });
  arena.judge();  // the owner closes, and ends, with the storm going on
  fault.fired(arena.board().hostile.load());
  hostile->kill();
  hostile->wait();
}

/// All of it at once, for a while.
TEST(WakeStorm, of_everything_at_once_leaves_the_others_alone) {
  Fault fault("wake-storm");
  Arena arena;
  std::vector<std::unique_ptr<ForkedChild>> all;
  int n = 0;
  for (const auto& turn : {ring, ring_and_send, send, ask}) {
    all.push_back(storm(arena, "storm-" + std::to_string(n++), turn));
  }
  all.push_back(arena.start([&](Board&) {
    for (;;) {
      const os::Descriptor connection = connect_by_hand(arena.directory());
      say(connection.get(), hello_of(""));
    }
    return 0;
  }));
  for (std::uint64_t i = 0; i < rounds(5); ++i) arena.let_honest_go_on();
  fault.fired(arena.board().attacks.load());
  for (auto& each : all) {
    each->kill();
    each->wait();
  }
  arena.judge();
}

}  // namespace
}  // namespace cortado::test
