// Hostile processes at the door: connections that say nothing, half of it, garbage, or too much;
// hundreds at a time; and joins without end. Others join and send meanwhile, and nothing is left.
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "arena.hpp"
#include "knock.hpp"
#include "lane/segment.hpp"
#include "ring/ring.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

OwnerOptions small_rings(std::uint32_t writers = 1024, std::uint32_t of_one_user = 0) {
  OwnerOptions options;
  options.ring_bytes = options.reply_bytes = ring::kMinCapacity;
  options.max_writers = writers;
  options.max_writers_per_user = of_one_user;
  return options;
}

/// Somebody else joins, sends, and closes when it is applied.
void let_another_join(const Arena& arena, const std::string& name) {
  const auto another = arena.start([&](Board&) {
    JoinOptions options;
    options.directory = arena.directory();
    options.name = name;
    options.timeout = 60s;
    auto writer = Writer::join("arena", options);
    if (!writer) return std::fprintf(stderr, "another: %s\n", writer.error().text.c_str()), 1;
    if (writer->send("hello", 60s) != SendStatus::sent) return 2;
    return writer->close(60s) == 0 ? 0 : 3;
  });
  EXPECT_EQ(another->wait(), 0) << "somebody else wants to join";
}

/// All that was opened for it is closed again.
void expect_no_trace(const Arena& arena, std::size_t descriptors) {
  arena.until([&] { return open_descriptors(arena.owner()) <= descriptors; });
}

/// Until the owner hung up on each.
void await_hang_ups(const std::vector<os::Descriptor>& connections) {
  for (const os::Descriptor& each : connections) {
    std::byte nothing[512];
    for (;;) {
      await(each.get());
      const ssize_t got = ::recv(each.get(), nothing, sizeof nothing, MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) break;
    }
  }
}

TEST(BadHandshakes, that_say_nothing_are_dropped_and_others_join) {
  Fault fault("bad-handshakes");
  Arena arena(small_rings());
  const std::size_t descriptors = open_descriptors(arena.owner());
  const auto silent = arena.start([&](Board& board) {
    std::vector<os::Descriptor> connections;
    for (int i = 0; i < 400; ++i) {
      connections.push_back(connect_by_hand(arena.directory()));
      board.attacks.fetch_add(1);
    }
    await_hang_ups(connections);
    return 0;
  });
  arena.until([&] { return arena.board().attacks.load() >= 300; });
  let_another_join(arena, "in-the-crowd");
  EXPECT_EQ(silent->wait(), 0);
  fault.fired(arena.board().attacks.load());
  expect_no_trace(arena, descriptors);
  arena.judge();
}

/// Bytes of every length, from nothing that is right to all but one bit.
std::vector<std::vector<std::byte>> garbage() {
  std::vector<std::vector<std::byte>> all;
  std::uint64_t state = seed();
  const auto random = [&] { return static_cast<std::byte>(state = process_test::mix(state)); };
  for (const std::size_t length :
       {std::size_t{1}, std::size_t{7}, std::size_t{8}, sizeof(lane::Hello) - 1,
        sizeof(lane::Hello), sizeof(lane::Hello) + 1, std::size_t{4096}, std::size_t{100'000}}) {
    auto& bytes = all.emplace_back(length);
    for (std::byte& each : bytes) each = random();
  }
  const auto add = [&](const auto& change) {
    lane::Hello hello = hello_of("bad");
    change(hello);
    const auto bytes = std::as_bytes(std::span(&hello, 1));
    all.emplace_back(bytes.begin(), bytes.end());
  };
  add([](lane::Hello& hello) { hello.magic ^= 1; });
  add([](lane::Hello& hello) { hello.protocol_version = ~0U; });
  add([](lane::Hello& hello) { hello.layout_version = 0; });
  add([](lane::Hello& hello) { hello.attempts = ~0U; });
  add([](lane::Hello& hello) { hello.schema_count = ~0U; });
  add([](lane::Hello& hello) { hello.schema_count = 16; });
  add([](lane::Hello& hello) { std::memset(hello.name, 'n', sizeof hello.name); });
  add([](lane::Hello& hello) { std::memset(hello.name, '\n', sizeof hello.name); });
  add([](lane::Hello& hello) {
    hello.schema_count = 1;
    std::memset(&hello.schemas, 0xff, sizeof hello.schemas);
  });
  add([](lane::Hello& hello) { lane::set_text(hello.name, "honest-0"); });
  return all;
}

TEST(BadHandshakes, of_garbage_are_refused_or_dropped) {
  Fault fault("bad-handshakes");
  Arena arena(small_rings());
  const std::size_t descriptors = open_descriptors(arena.owner());
  for (std::uint64_t round = 0; round < rounds(20); ++round) {
    fault.fired(arena.attack([&](Board& board) {
      for (const auto& bytes : garbage()) {
        os::Descriptor connection = connect_by_hand(arena.directory());
        if (say(connection.get(), bytes) != 0) return 1;
        say(connection.get(), bytes);  // once more, if the owner did not hang up already
        const auto heard = hear(std::move(connection));
        if (heard && (heard->welcome.refused == 0 || !heard->descriptors.empty())) return 2;
        board.attacks.fetch_add(1);
      }
      return 0;
    }));
  }
  let_another_join(arena, "bad");
  expect_no_trace(arena, descriptors);
  arena.judge();
}

TEST(BadHandshakes, broken_off_at_any_point_leave_nothing) {
  Fault fault("bad-handshakes");
  Arena arena(small_rings());
  const std::size_t descriptors = open_descriptors(arena.owner());
  fault.fired(arena.attack([&](Board& board) {
    for (std::uint64_t i = 0; i < rounds(1000); ++i) {
      os::Descriptor connection = connect_by_hand(arena.directory());
      const lane::Hello hello = hello_of("broken-off");
      switch (i % 4) {
        case 0:  // at once
          break;
        case 1:
          ::shutdown(connection.get(), SHUT_WR);
          break;
        case 2:  // a Hello, and gone before or after the Welcome
          say(connection.get(), hello);
          break;
        case 3:  // no ear for the Welcome
          ::shutdown(connection.get(), SHUT_RD);
          say(connection.get(), hello);
          break;
      }
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  let_another_join(arena, "broken-off");
  expect_no_trace(arena, descriptors);
  arena.judge();
}

/// Sequences that no honest writer of a first lane has: they are its own affair.
TEST(BadHandshakes, with_a_sequence_at_the_end_of_numbers_are_served) {
  Fault fault("bad-handshakes");
  Arena arena(small_rings());
  fault.fired(arena.attack([&](Board& board) {
    for (const std::uint64_t first :
         {~std::uint64_t{0}, ~std::uint64_t{1}, std::uint64_t{1} << 63}) {
      lane::Hello hello = hello_of("far-ahead");
      hello.first_sequence = first;
      const Handed handed = join_by_hand(arena.directory(), hello);
      auto sizes = lane::read_lane_sizes(handed.descriptors.at(0).get());
      auto memory = lane::LaneMemory::map(handed.descriptors.at(0).get(), *sizes);
      std::atomic<std::uint64_t> released{(*memory)->control().released.load()};
      ring::Producer there((*memory)->ring(), sizes->ring_bytes, released.load(), &released);
      for (std::uint64_t n = 0; n < 5; ++n) {
        const std::byte text[8] = {};
        if (!there.write(text, {0, 0, static_cast<std::uint8_t>(first + n), 0})) return 1;
      }
      const std::uint64_t one = 1;
      if (::write(handed.descriptors.at(1).get(), &one, sizeof one) != sizeof one) return 2;
      while ((*memory)->control().released.load() != there.position()) ::sched_yield();
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  EXPECT_EQ(arena.board().hostile.load(), 15U);
  arena.judge();
}

/// Joins and leaves in a loop; how it leaves differs.
TEST(TooManyWriters, that_come_and_go_leave_the_others_alone) {
  Fault fault("too-many-writers");
  Arena arena(small_rings());
  const std::size_t descriptors = open_descriptors(arena.owner());
  const std::uint64_t joins = rounds(1500);
  fault.fired(arena.attack([&](Board& board) {
    for (std::uint64_t i = 0; i < joins; ++i) {
      // No name, its own, or one of five that may still be read.
      lane::Hello hello = hello_of(i % 3 == 0   ? ""
                                   : i % 3 == 1 ? "number-" + std::to_string(i)
                                                : "again-" + std::to_string(i % 5));
      const Handed handed = join_by_hand(arena.directory(), hello);
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  EXPECT_EQ(fault.count(), joins);
  arena.until([&] { return arena.board().left.load() == joins; });
  let_another_join(arena, "at-last");
  expect_no_trace(arena, descriptors);
  arena.judge();
}

/// Joins beyond a limit; each is refused, and named.
void exceed(Fault& fault, std::uint32_t writers, std::uint32_t of_one_user, Errc code,
            const std::string& limit) {
  Arena arena(small_rings(writers, of_one_user));
  const std::uint64_t joins = rounds(4250);
  fault.fired(arena.attack([&](Board& board) {
    std::vector<Handed> taken;
    for (std::uint32_t i = kHonest; i < 12; ++i) {
      taken.push_back(join_by_hand(arena.directory(), hello_of("")));
    }
    for (std::uint64_t i = 0; i < joins; ++i) {
      os::Descriptor connection = connect_by_hand(arena.directory());
      if (say(connection.get(), hello_of("")) != 0) return 1;
      const auto heard = hear(std::move(connection));
      if (!heard) continue;  // too many at a time
      if (heard->welcome.refused != 1 + static_cast<std::uint32_t>(code)) return 2;
      if (std::string(heard->welcome.text).find(limit) == std::string::npos) return 3;
      board.attacks.fetch_add(1);
    }
    return 0;
  }));
  EXPECT_EQ(fault.count() % joins, 0U) << "each was answered";
  arena.until([&] { return arena.board().left.load() == 12 - kHonest; });
  let_another_join(arena, "at-last");
  arena.judge();
}

TEST(TooManyWriters, are_refused_by_the_name_of_the_limit) {
  Fault fault("too-many-writers");
  exceed(fault, 12, 0, Errc::too_many_writers, "raise max_writers");
  exceed(fault, 100, 12, Errc::quota, "raise max_writers_per_user");
}

}  // namespace
}  // namespace cortado::test
