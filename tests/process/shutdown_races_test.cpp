// Writers join, send and leave as fast as they can while one owner after the other closes, ends and
// is followed by the next.
//
// Invariant: each join is a lane or an error of one line; each send is `sent`, or wrote nothing;
// and what was `sent` is handled once and in order by this owner or a later one.
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "../failpoint/party.hpp"
#include "../support/fault.hpp"
#include "scene.hpp"

namespace cortado::test {
namespace {

using process_test::rounds;
using process_test::seed;

/// Besides the board: how the lives of the writers went.
struct Lives {
  std::atomic<std::uint64_t> joined, refused, sent, turned_away;
  std::atomic<std::uint32_t> over;  ///< no life begins any more
};

/// One writer after the other under one name, each for a few messages.
int live_again_and_again(Who who, const std::string& directory, std::uint64_t chosen, Board& board,
                         Lives& lives) {
  std::mt19937_64 random(chosen + who);
  const auto fail = [&](const std::string& what) {
    board.complain(std::string(kNames[who]) + ": " + what);
    return 1;
  };
  while (lives.over == 0) {
    JoinOptions options;
    options.name = kNames[who];
    options.directory = directory;
    options.timeout = kPatience;
    auto writer = Writer::join(kOwnerName, options);
    if (!writer) {
      ++lives.refused;
      const std::string fault = fault_of_text(writer.error().text);
      const Errc code = writer.error().code;
      const bool passing =
          code == Errc::no_owner || code == Errc::closing || code == Errc::try_again;
      if (!fault.empty() || !passing) return fail(fault + writer.error().text);
      ::usleep(static_cast<useconds_t>(random() % 300));
      continue;
    }
    ++lives.joined;
    board.begin_life(who);
    for (std::uint64_t n = random() % 8; n > 0; --n) {
      const std::size_t length = 24 + random() % 900;
      SendStatus status = SendStatus::closing;
      // Turned away by one owner, it is welcome to the next.
      const bool sent = until([&] {
        status = board.post(*writer, who, patiently(), length);
        const bool away = status == SendStatus::closing || status == SendStatus::no_owner;
        lives.turned_away += away ? 1 : 0;
        return !away;
      });
      if (!sent || status != SendStatus::sent) {
        return fail(std::string("a send says ") + to_string(status));
      }
      ++lives.sent;
    }
    if (const std::uint64_t left = writer->close(kPatience); left != 0) {
      return fail("close leaves " + std::to_string(left) + " messages");
    }
    if (const std::string fault = board.fault_of(who, true); !fault.empty()) return fail(fault);
  }
  return 0;
}

/// Serves for a moment, closes, takes some of what is there or nothing, and ends.
void serve_and_end(AnyOwner& owner, std::mt19937_64& random) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3'000);
  while (std::chrono::steady_clock::now() < end) {
    if (owner.drain() == 0) owner->wait_until(end);
  }
  owner->close();
  for (std::uint64_t n = random() % 3; n > 0; --n) owner.drain({1 + random() % 4});
}

/// The last one: until nobody is left.
void serve_to_the_end(AnyOwner& owner, Lives& lives) {
  lives.over = 1;
  while (owner->writers() != 0 || lives.over < 1 + kWriters) {
    if (owner.drain() == 0) owner->wait(1ms);
  }
}

class ShutdownTest : public ::testing::Test {
 protected:
  void SetUp() override { ::alarm(500); }
  void TearDown() override { ::alarm(0); }

  Serving serving() const { return {directory_.path()}; }
  void begin() {
    board_->dies_at = Board::kNever;
    const std::uint64_t chosen = seed();
    for (const Who who : {bystander, subject, other}) {
      writers_[who].emplace([this, who, chosen] {
        const int status = live_again_and_again(who, directory_.path(), chosen, *board_, *lives_);
        ++lives_->over;
        return status;
      });
    }
  }
  void conclude(const char* what, std::uint64_t owners) {
    for (auto& writer : writers_) EXPECT_EQ(writer->wait(), 0) << board_->complaint;
    for (const Who who : {bystander, subject, other}) EXPECT_EQ(board_->fault_of(who, true), "");
    EXPECT_GT(lives_->joined.load(), owners) << "the owners ended, and hardly a writer met them";
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    std::printf(
        "%s: %llu owners closed and ended; %llu joins, %llu refused; %llu messages sent and "
        "handled, %llu turned away\n",
        what, number(owners), number(lives_->joined), number(lives_->refused), number(lives_->sent),
        number(lives_->turned_away));
  }

  TemporaryDirectory directory_;
  Shared<Board> board_;
  Shared<Lives> lives_;
  std::array<std::optional<Role>, kWriters> writers_;
};

using ShutdownRaces = ShutdownTest;

TEST_F(ShutdownRaces, without_a_keeper_meets_joins_and_sends_and_loses_nothing) {
  Fault fault("join-meets-shutdown");
  begin();
  const auto owners = static_cast<std::uint64_t>(rounds(50)) * 20;
  Role owner([&] {
    std::mt19937_64 random(seed());
    for (std::uint64_t n = 0; n <= owners; ++n) {
      AnyOwner opened(serving(), *board_);
      if (!opened) {
        board_->complain(opened.error());
        return 1;
      }
      if (n == owners) {
        serve_to_the_end(opened, *lives_);
      } else {
        serve_and_end(opened, random);
      }
    }
    return 0;
  });
  EXPECT_EQ(owner.wait(), 0) << board_->complaint;
  conclude("no keeper", owners);
  EXPECT_TRUE(directory_.empty()) << files_in(directory_.path());
  fault.fired(owners);
}

TEST_F(ShutdownRaces, under_a_keeper_meets_joins_and_sends_and_loses_nothing) {
  Fault fault("join-meets-shutdown");
  Keeper keeper(directory_.path());
  begin();
  const auto owners = static_cast<std::uint64_t>(rounds(20)) * 10;
  std::mt19937_64 random(seed());
  for (std::uint64_t n = 0; n <= owners; ++n) {
    os::Descriptor link = keeper.begin_generation();
    const std::uint64_t chosen = random();
    Role owner(
        [&] {
          std::mt19937_64 own(chosen);
          inherit_link();
          AnyOwner opened(serving(), *board_);
          if (!opened) {
            board_->complain(opened.error());
            return 1;
          }
          if (n == owners) {
            serve_to_the_end(opened, *lives_);
          } else {
            serve_and_end(opened, own);
          }
          return 0;
        },
        link.get());
    link.reset();
    ASSERT_TRUE(until([&] { return keeper.tend(), owner.over(); })) << "an owner hangs";
    ASSERT_EQ(owner.wait(), 0) << board_->complaint;
  }
  conclude("under a keeper", owners);
  EXPECT_EQ(keeper.tend(), "");
  EXPECT_EQ(keeper.lanes(), 0U);
  fault.fired(owners);
}

}  // namespace
}  // namespace cortado::test
