// Names: one owner each, however many start at once and whatever the one is doing; one live writer
// each, and the next one's messages behind the last one's.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "../process/scene.hpp"
#include "../support/keep.hpp"
#include "../support/shared.hpp"
#include "meeting.hpp"

namespace {

using namespace identity;
using cortado::test::Shared;
using process_test::rounds;

class OwnerName : public Meeting {
 public:
  /// As an owner leaves it that was killed: socket and lock file.
  void leave_files_of_a_dead_owner() const {
    ForkedChild dead([this](Line& line) {
      auto owner = open();
      line.tell('o');
      line.hear();
      return 0;
    });
    EXPECT_EQ(dead.line().hear(), 'o');
    dead.kill();
    dead.wait();
    EXPECT_TRUE(std::filesystem::exists(directory_ + "/setting.sock"));
  }
};

constexpr int kRacers = 20;

/// What racers share. Each step is a count that only grows, so that nobody can be a lap behind.
struct Race {
  std::atomic<int> round{0};     ///< racers go when this is theirs
  std::atomic<int> answered{0};  ///< of all rounds
  std::atomic<int> got{0};       ///< of this round
  std::atomic<int> taken{0};     ///< of this round
  std::atomic<int> release{0};   ///< the winner of this round may go
  std::atomic<int> released{0};  ///< of all rounds
  std::atomic<int> unlike{0};    ///< other answers, lanes that did not work
};

bool lane_works(cortado::Owner& owner, cortado::Writer& writer) {
  std::size_t handled = 0;
  for (int i = 0; i < 3; ++i) {
    if (writer.try_send("x") != SendStatus::sent) return false;
    handled += owner.drain([](const cortado::Message&) {});
  }
  return handled == 3 && writer.poll() == SendStatus::sent;
}

TEST_F(OwnerName, goes_to_exactly_one_of_many_that_start_at_once) {
  Fault fault("two-owners-start");
  const int races = std::max(200, rounds(200));
  Shared<Race> race;
  const auto body = [&](Line&) {
    ::alarm(300);
    for (int round = 1; round <= races; ++round) {
      while (race->round.load() < round) ::sched_yield();
      auto owner = cortado::Owner::open("setting", options());
      std::optional<cortado::Writer> writer;
      if (owner) {
        ++race->got;
        writer = writer_of(*owner, "racer");
        if (!lane_works(*owner, *writer)) ++race->unlike;  // while the others are being refused
      } else if (owner.error().code == Errc::name_taken) {
        ++race->taken;
      } else {
        std::fprintf(stderr, "%s\n", owner.error().text.c_str());
        ++race->unlike;
      }
      ++race->answered;
      if (!owner) continue;
      while (race->release.load() < round) ::sched_yield();
      if (!lane_works(*owner, *writer)) ++race->unlike;
      writer.reset();
      owner = cortado::Error{};
      ++race->released;
    }
    return 0;
  };
  std::vector<std::unique_ptr<ForkedChild>> racers;
  for (int i = 0; i < kRacers; ++i) racers.push_back(std::make_unique<ForkedChild>(body));
  for (int round = 1; round <= races; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    if (round % 4 == 0) leave_files_of_a_dead_owner();
    race->got = race->taken = 0;
    race->round = round;
    while (race->answered.load() < round * kRacers) ::sched_yield();
    ASSERT_EQ(race->got.load(), 1);
    ASSERT_EQ(race->taken.load(), kRacers - 1);
    ASSERT_EQ(race->unlike.load(), 0);
    ASSERT_TRUE(std::filesystem::exists(directory_ + "/setting.sock")) << "the winner's";
    race->release = round;
    while (race->released.load() < round) ::sched_yield();
    ASSERT_TRUE(std::filesystem::is_empty(directory_));
    fault.fired();
  }
  for (auto& racer : racers) EXPECT_EQ(racer->wait(), 0);
  std::printf("%d races of %d owners: one winner each\n", races, kRacers);
}

TEST_F(OwnerName, of_a_stopped_owner_is_taken_and_its_lanes_are_not_touched) {
  Fault fault("owner-stopped-second-starts");
  ForkedChild first([this](Line& line) {
    auto owner = open();
    line.tell('o');
    serve_for_ever(owner);
    return 0;
  });
  ASSERT_EQ(first.line().hear(), 'o');
  cortado::Writer writer = joined("w");
  ASSERT_EQ(writer.try_send("before"), SendStatus::sent);
  ASSERT_TRUE(writer.wait_applied(kWatchdog));
  first.stop();
  ASSERT_EQ(writer.try_send("while it is stopped"), SendStatus::sent);
  for (int i = 0; i < 20; ++i) {
    ForkedChild second([this](Line&) {
      const auto owner = cortado::Owner::open("setting", options());
      return !owner && owner.error().code == Errc::name_taken ? 0 : 1;
    });
    ASSERT_EQ(second.wait(), 0) << "told at once, though nobody answers";
    fault.fired();
  }
  EXPECT_EQ(writer.poll(), SendStatus::sent) << "it is stopped, not dead";
  EXPECT_EQ(writer.unreleased(), 1U);
  first.resume();
  EXPECT_TRUE(writer.wait_applied(kWatchdog));
  EXPECT_EQ(writer.stats().rejoins, 0U);
  cortado::Writer late = joined("late");
  EXPECT_EQ(late.try_send("x"), SendStatus::sent);
  EXPECT_TRUE(late.wait_applied(kWatchdog));
}

TEST_F(OwnerName, of_an_owner_that_outlives_its_keeper_is_joined_as_before) {
  Fault fault("keeper-killed");
  using namespace cortado;
  ForkedChild keeping([this](Line& line) {
    auto rendezvous = Rendezvous::bind("setting", directory_);
    if (!rendezvous) return kBroken;
    lane::KeeperEnd keeper("setting", rendezvous->listener(), 4);
    auto link = keeper.begin_generation();
    if (!link) return kBroken;
    if (::fork() == 0) {
      ::alarm(60);
      ::close(keeper.fd());  // as exec would do
      const std::string value = std::to_string(link->release()) + ":setting";
      ::setenv(lane::kKeeperVariable, value.c_str(), 1);
      auto owner = open();
      line.tell('o');
      bool lost = false;
      serve_until(owner, [&] {
        for (const Event& event : came) lost |= event.kind == Event::Kind::keeper_lost;
        return lost;
      });
      line.tell('l');
      serve_until_left(owner, 1);
      ::_exit(0);
    }
    link->reset();
    while (keeper.fd() >= 0) {
      pollfd waits{keeper.fd(), POLLIN, 0};
      ::poll(&waits, 1, -1);
      static_cast<void>(keeper.serve());
    }
    return kBroken;
  });
  ASSERT_EQ(keeping.line().hear(), 'o');
  keeping.kill();
  keeping.wait();
  ASSERT_EQ(keeping.line().hear(), 'l');
  fault.fired();
  cortado::Writer writer = joined("w");
  EXPECT_EQ(writer.try_send("x"), SendStatus::sent);
  EXPECT_EQ(writer.close(identity::kWatchdog), 0U);
}

class WriterName : public Meeting {};

TEST_F(WriterName, of_a_live_writer_is_refused_to_a_second_and_the_first_does_not_notice) {
  Fault fault("name-taken-twice");
  auto owner = open();
  ForkedChild first([this](Line& line) {
    cortado::Writer writer = joined("w");
    line.tell('j');
    for (int i = 0; line.hear() == 's'; ++i) {
      if (writer.try_send(std::to_string(i)) != SendStatus::sent) return 1;
      line.tell('.');
    }
    return writer.stats().rejoins == 0 && writer.close(kWatchdog) == 0 ? 0 : 2;
  });
  serve_until(owner, [&] { return owner.writers() == 1; });
  ASSERT_EQ(first.line().hear(), 'j');
  const auto send_one = [&] {
    first.line().tell('s');
    EXPECT_EQ(first.line().hear(), '.');
    serve_until_heard(owner, heard.size() + 1);
  };
  const auto refuse_one = [&] {
    ForkedChild second([this](Line& line) {
      const auto writer = cortado::Writer::join("setting", as("w"));
      line.tell(!writer && writer.error().code == Errc::name_in_use ? 'r' : '?');
      return 0;
    });
    serve_until(owner, [&] { return second.line().ready(); });
    EXPECT_EQ(second.line().hear(), 'r');
    fault.fired();
  };
  for (int i = 0; i < 20; ++i) {
    send_one();
    refuse_one();
  }
  first.stop();  // a stopped one is a live one
  refuse_one();
  first.resume();
  send_one();
  ASSERT_EQ(heard.size(), 21U);
  for (std::size_t i = 0; i < heard.size(); ++i) EXPECT_EQ(heard[i], "w: " + std::to_string(i));
  EXPECT_EQ(left.size(), 0U);
  first.line().tell('e');
  serve_until_left(owner, 1);
  EXPECT_EQ(left[0].how, Left::closed);
  EXPECT_EQ(first.wait(), 0);
}

struct Lives {
  std::atomic<std::uint64_t> sent{0};  ///< in this life
};

TEST_F(WriterName, that_comes_again_and_again_has_the_old_lane_read_first_and_order_in_each_life) {
  Fault fault("name-comes-again");
  auto owner = open();
  std::mt19937_64 random(process_test::seed());
  Shared<Lives> lives;
  std::uint64_t all = 0;
  for (int life = 0; life < rounds(100); ++life) {
    SCOPED_TRACE("life " + std::to_string(life));
    heard.clear();
    left.clear();
    lives->sent = 0;
    ForkedChild child([&](Line&) {
      // Not a wait for the name: whoever had it is dead, and reaped.
      auto chosen = as("w");
      chosen.timeout = kWatchdog;
      auto writer = cortado::Writer::join("setting", chosen);
      if (!writer) return kBroken;
      for (std::uint64_t i = 0;; ++i) {
        const std::string text = std::to_string(life) + "." + std::to_string(i);
        if (writer->send(text, kWatchdog) != SendStatus::sent) return kBroken;
        lives->sent = i + 1;
      }
    });
    const std::uint64_t enough = random() % 2000;
    // The messages of the last life, if any were unread, come before the first of this one.
    serve_until(owner, [&] { return lives->sent.load() > enough; });
    child.kill();
    ASSERT_EQ(child.wait(), -1) << "it could not join or send";
    fault.fired();
    if (life % 2 == 0) {
      serve_until_left(owner, 1);
    } else {
      // The next one is there before the owner looks.
      ForkedChild next([&](Line&) {
        cortado::Writer writer = joined("w");
        return writer.try_send("next") == SendStatus::sent && writer.close(kWatchdog) == 0 ? 0 : 1;
      });
      serve_until_left(owner, 2);
      EXPECT_EQ(next.wait(), 0);
      ASSERT_EQ(left[1].how, Left::closed);
      ASSERT_EQ(heard.back(), "w: next");
      heard.pop_back();
    }
    ASSERT_EQ(left[0].how, Left::died);
    ASSERT_GE(heard.size(), lives->sent.load()) << "sent is sent, though it was killed";
    for (std::size_t i = 0; i < heard.size(); ++i) {
      ASSERT_EQ(heard[i], "w: " + std::to_string(life) + "." + std::to_string(i));
    }
    all += heard.size();
  }
  std::printf("%d lives of one name: %llu messages, none lost\n", rounds(100),
              static_cast<unsigned long long>(all));
}

}  // namespace
