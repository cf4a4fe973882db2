// Hostile messages that are well-formed records: typed ones that declare more than they bring, and
// one that kills whoever handles it. This program is also the processes of a group: see main().
#include <cortado/typed.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "../support/allocations.hpp"
#include "../support/fault.hpp"
#include "../support/group_fixture.hpp"
#include "../unit/typed_samples.hpp"
#include "arena.hpp"
#include "hostile.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;
using samples::Box;
using samples::Order;
using samples::Tree;

/// What was asked for while one message was decoded, at most.
struct Decoded {
  std::atomic<std::uint64_t> tried;
  std::atomic<std::uint64_t> accepted;
  std::atomic<std::uint64_t> most_bytes;  ///< allocated for one message
};

template <class T>
void decode(const Message& message, Decoded& decoded) {
  if (!message.is<T>()) return;
  const std::size_t before = allocated_bytes();
  const bool good = static_cast<bool>(message.as<T>());
  const std::uint64_t asked = allocated_bytes() - before;
  decoded.tried.fetch_add(1);
  if (good) decoded.accepted.fetch_add(1);
  if (asked > decoded.most_bytes) decoded.most_bytes = asked;
}

using Names = Box<std::vector<std::string>>;

/// One after the other; each on a lane that goes on, for their bytes are no rule of the ring.
template <class T>
int throw_bombs(Board& board, const std::string& directory, const std::string& name) {
  Hostile hostile(directory, name);
  const auto send = [&](const samples::Bytes& bytes) {
    hostile.put({0, tag_of<T>(), hostile.sequence(), 0},
                {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    board.attacks.fetch_add(1);
    return hostile.fate() == Fate::goes_on;
  };
  std::mt19937_64 random(seed());
  // Sizes without the bytes, at every offset that a size may stand at.
  for (const std::uint64_t size :
       {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{1} << 40, std::uint64_t{1} << 32,
        (std::uint64_t{1} << 32) - 1, std::uint64_t{1} << 16}) {
    for (std::size_t at = 0; at < 64; ++at) {
      samples::Bytes bytes(at + sizeof size + random() % 64);
      if (!send(bytes)) return 1;
      for (std::size_t i = 0; i < at; ++i) bytes[i] = static_cast<std::byte>(random() % 3);
      std::memcpy(bytes.data() + at, &size, sizeof size);
      if (!send(bytes)) return 1;
    }
  }
  for (std::uint64_t i = 0; i < rounds(5000); ++i) {
    samples::Bytes bytes(random() % 300);
    for (std::byte& each : bytes) each = static_cast<std::byte>(random() >> (random() % 2 * 56));
    if (!send(bytes)) return 1;
  }
  // Trees as deep as the bytes allow: each level is one child.
  samples::Bytes deep;
  for (int level = 0; level < 20'000; ++level) {
    deep.push_back(std::byte{1});
    const samples::Bytes one_child = samples::size_tag(1);
    deep.insert(deep.end(), one_child.begin(), one_child.end());
  }
  return send(deep) ? 0 : 2;
}

TEST(ArchiveBombs, are_refused_before_anything_is_allocated_for_them) {
  Fault fault("archive-bombs");
  const Shared<Decoded> decoded;
  Arena arena({}, [&](const Message& message, Board&) {
    decode<Order>(message, *decoded);
    decode<Tree>(message, *decoded);
    decode<Names>(message, *decoded);
  });
  fault.fired(arena.attack(
      [&](Board& board) { return throw_bombs<Order>(board, arena.directory(), "order"); }));
  fault.fired(arena.attack(
      [&](Board& board) { return throw_bombs<Tree>(board, arena.directory(), "tree"); }));
  fault.fired(arena.attack(
      [&](Board& board) { return throw_bombs<Names>(board, arena.directory(), "names"); }));
  arena.judge();
  EXPECT_EQ(decoded->tried.load(), fault.count());
  EXPECT_LT(decoded->accepted.load(), fault.count()) << "bombs are refused";
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
  // 180,000 bytes are a tree of at most 20,000 nodes; a size that is believed would be gigabytes.
  EXPECT_LT(decoded->most_bytes.load(), std::uint64_t{16} << 20);
  std::printf("%llu bombs, %llu of them decodable; at most %llu bytes allocated for one\n",
              static_cast<unsigned long long>(fault.count()),
              static_cast<unsigned long long>(decoded->accepted.load()),
              static_cast<unsigned long long>(decoded->most_bytes.load()));
}

constexpr int kMessages = 300;

struct PoisonMessage : GroupTest {
  std::vector<std::string> lines_of(const std::string& file) const {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
};

TEST_F(PoisonMessage, ends_three_owners_and_its_own_lane_while_others_go_on) {
  Fault fault("poison-message");
  const std::string output = directory + "/output";
  options.owner.argv = {kSelf, "--owner"};
  options.owner.stdout_path = output;
  options.restart_owner = {Restart::Policy::on_failure, 10, 60s};
  options.writers.resize(3);
  options.writers[0].argv = {kSelf, "--poisoner"};
  options.writers[1].argv = {kSelf, "--honest", "anna"};
  options.writers[2].argv = {kSelf, "--honest", "ben"};
  auto group = Group::start(options);
  ASSERT_TRUE(group) << group.error().text;
  run(*group);
  for (const GroupEvent& event : events) {
    if (event.kind == Kind::ended && event.role == Role::owner && event.signal == SIGABRT) {
      fault.fired();
    }
  }
  EXPECT_EQ(fault.count(), 3U) << journal();
  EXPECT_EQ(group->exit_status(), 0) << journal();
  std::array<int, 2> next{};
  int quarantined = 0;
  for (const std::string& line : lines_of(output)) {
    quarantined += line == "quarantined poisoner: poison: the handler failed 3 times at the same "
                           "message" ||
                           line == "quarantined poisoner: the last owner had quarantined it"
                       ? 1
                       : 0;
    for (std::size_t who = 0; who < 2; ++who) {
      const std::string name = who == 0 ? "anna " : "ben ";
      if (!line.starts_with(name)) continue;
      EXPECT_EQ(line, name + std::to_string(next[who])) << "lost, doubled or out of order";
      ++next[who];
    }
  }
  EXPECT_EQ(next[0], kMessages);
  EXPECT_EQ(next[1], kMessages);
  EXPECT_EQ(quarantined, 1);
}

volatile sig_atomic_t asked_to_end = 0;

int own() {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(SIGTERM, [](int) { asked_to_end = 1; });
  OwnerOptions owner_options;
  owner_options.directory = std::getenv("CORTADO_DIRECTORY");
  auto owner = Owner::open(std::getenv("CORTADO_NAME"), owner_options);
  if (!owner) return std::fprintf(stderr, "%s\n", owner.error().text.c_str()), 1;
  const auto tell = [](const std::string& line) {
    return ::write(STDOUT_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  };
  bool closing = false;
  while (!closing || !owner->drained()) {
    const std::size_t handled = owner->drain([&](const Message& message) {
      if (message.text() == "poison") std::abort();
      if (!tell(std::string(message.text()) + "\n")) std::_Exit(2);
    });
    while (auto event = owner->next_event()) {
      if (event->kind == Event::Kind::left && event->how == Left::quarantined) {
        tell("quarantined " + event->writer + ": " + event->reason + "\n");
      }
    }
    if (asked_to_end != 0 && !closing) {
      owner->close();
      closing = true;
    }
    if (handled == 0) owner->wait(20ms);
  }
  return 0;
}

Result<Writer> join(const char* name) {
  JoinOptions join_options;
  join_options.directory = std::getenv("CORTADO_DIRECTORY");
  join_options.name = name;
  join_options.timeout = 50s;
  return Writer::join(std::getenv("CORTADO_NAME"), join_options);
}

/// Ends when its lane is quarantined.
int poison() {
  auto writer = join("poisoner");
  if (!writer || writer->send("poison", 50s) != SendStatus::sent) return 1;
  // It goes on with what is harmless; none of it may arrive.
  while (writer->send("behind it", 50s) == SendStatus::sent) ::usleep(1000);
  return writer->poll() == SendStatus::quarantined ? 0 : 2;
}

int be_honest(const char* name) {
  auto writer = join(name);
  if (!writer) return 1;
  for (int i = 0; i < kMessages; ++i) {
    const std::string text = std::string(name) + " " + std::to_string(i);
    if (writer->send(text, 50s) != SendStatus::sent) return 2;
    // Spread over the deaths of the owners.
    ::usleep(1000);
  }
  return writer->close(50s) == 0 ? 0 : 3;
}

}  // namespace
}  // namespace cortado::test

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "--owner") return cortado::test::own();
  if (role == "--poisoner") return cortado::test::poison();
  if (role == "--honest") return cortado::test::be_honest(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
