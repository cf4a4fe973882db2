// Owners that are killed, alone and together with their writers, by number of messages and at any
// moment, also while they take over; with a keeper and without. The judge sees files only.
#include <cortado/group.hpp>
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "../support/fault.hpp"
#include "scene.hpp"

namespace {

using namespace process_test;
using namespace std::chrono_literals;
using cortado::test::Fault;

constexpr std::uint32_t kWriters = 3;
constexpr std::uint64_t kMessages = 6'000;
constexpr const char* kWork = "2000";  ///< ns of each handler: mostly there is a message in hand

/// How far the handlers got with each writer, from their file.
class Progress {
 public:
  explicit Progress(const Scene& scene) : scene_(scene), next_(scene.writers()) {}

  /// Everything that send said `sent` for was handled.
  bool caught_up() {
    const HandlerRecord& file = scene_.handler();
    for (const std::uint64_t count = file.count.load(); seen_ < count; ++seen_) {
      const Entry& entry = file.entries[seen_];
      next_[entry.writer] = std::max(next_[entry.writer], entry.sequence + 1);
    }
    for (std::uint32_t i = 0; i < scene_.writers(); ++i) {
      const WriterRecord& writer = scene_.writer(i);
      if (writer.excused == 0 && next_[i] < writer.sent.load()) return false;
    }
    return true;
  }

 private:
  const Scene& scene_;
  std::uint64_t seen_ = 0;
  std::vector<std::uint64_t> next_;
};

/// When somebody is killed: at a number of handled messages, or some time after now.
class Moment {
 public:
  explicit Moment(std::mt19937_64& random) {
    if (random() % 2 == 0) {
      count_ = random() % (kWriters * kMessages);
    } else {
      time_ = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 40'000);
    }
  }
  static Moment soon(std::mt19937_64& random) {
    Moment moment;
    moment.time_ = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 4'000);
    return moment;
  }
  bool come(const Scene& scene) const {
    return count_ != kNever ? scene.handler().count.load() >= count_
                            : std::chrono::steady_clock::now() >= time_;
  }

 private:
  Moment() = default;
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  std::uint64_t count_ = kNever;
  std::chrono::steady_clock::time_point time_;
};

/// What is published.
struct Figures {
  std::uint64_t rounds = 0, owners_killed = 0, writers_killed = 0, handled = 0, repeats = 0,
                most_repeats = 0;

  void take(const std::string& said) {
    ++rounds;
    handled += figure(said, "handled");
    repeats += figure(said, "repeats");
    most_repeats = std::max(most_repeats, figure(said, "most_repeats"));
  }
  void print(const char* what) const {
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    std::printf(
        "%s: %llu rounds, %llu owners and %llu writers killed, %llu messages handled, %llu "
        "repeats, all flagged, at most %llu at once; lost 0, doubled 0, wrong state 0\n",
        what, number(rounds), number(owners_killed), number(writers_killed), number(handled),
        number(repeats), number(most_repeats));
  }
};

struct Round {
  std::string kind;           ///< of owner: plain, state
  bool with_writers = false;  ///< they are killed, too
  std::string rings;          ///< of the owners, one after the other
};

/// A group whose owner dies up to three times, the last times while it takes over or soon after.
class KeptRound {
 public:
  KeptRound(const Round& round, std::mt19937_64& random)
      : round_(round),
        random_(random),
        scene_(kWriters, kMessages, 16 + static_cast<std::uint32_t>(random() % 100), random()),
        progress_(scene_) {}

  void run(Figures& figures) {
    auto group = cortado::Group::start(options());
    ASSERT_TRUE(group) << group.error().text;
    std::uint64_t kills_left = 1 + random_() % 3;
    Moment moment(random_);
    bool first = true;
    bool stopped = false;
    const auto give_up = std::chrono::steady_clock::now() + 100s;
    while (!group->finished()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "what was sent does not arrive";
      group->wait(kills_left != 0 ? 0ms : 5ms);
      while (auto event = group->next_event()) {
        if (event->kind == cortado::GroupEvent::Kind::gave_up &&
            event->role == cortado::GroupEvent::Role::owner) {
          FAIL() << event->text;
        }
      }
      if (kills_left != 0 && group->owner_pid() != 0 && moment.come(scene_)) {
        ::kill(group->owner_pid(), SIGKILL);
        ++figures.owners_killed;
        --kills_left;
        if (std::exchange(first, false) && round_.with_writers) kill_writers(*group, figures);
        moment = Moment::soon(random_);
      }
      // Handled is not enough: what an owner had in hand when it died comes again, and only then is
      // it in the state. A lane ends when it is drained.
      if (!stopped && kills_left == 0 && no_writer(*group) && group->kept_lanes() == 0 &&
          progress_.caught_up()) {
        group->stop();
        stopped = true;
      }
    }
    std::string said;
    ASSERT_TRUE(scene_.judge(round_.kind, said)) << said;
    figures.take(said);
  }

 private:
  cortado::GroupOptions options() const {
    cortado::GroupOptions chosen;
    chosen.name = "scene";
    chosen.directory = scene_.directory();
    chosen.owner.argv = scene_.owner_command(round_.kind);
    chosen.owner.environment = {{"ACTOR_RING", round_.rings}, {"ACTOR_WORK", kWork}};
    chosen.restart_owner = {cortado::Restart::Policy::on_failure, 1000, 3600s};
    chosen.keep_owner = true;
    for (std::uint32_t i = 0; i < kWriters; ++i) {
      cortado::Program writer;
      writer.argv = scene_.writer_command(i);
      chosen.writers.push_back(std::move(writer));
    }
    return chosen;
  }
  static std::string label(std::uint32_t i) { return "writer-" + std::to_string(i + 1); }
  static void kill_writers(const cortado::Group& group, Figures& figures) {
    for (std::uint32_t i = 0; i < kWriters; ++i) {
      if (const pid_t writer = group.writer_pid(label(i)); writer != 0) {
        ::kill(writer, SIGKILL);
        ++figures.writers_killed;
      }
    }
  }
  static bool no_writer(const cortado::Group& group) {
    for (std::uint32_t i = 0; i < kWriters; ++i) {
      if (group.writer_pid(label(i)) != 0) return false;
    }
    return true;
  }

  const Round& round_;
  std::mt19937_64& random_;
  Scene scene_;
  Progress progress_;
};

/// Owners that follow each other by themselves. Writers that die with one are excused: what they
/// had sent and nobody had taken dies with them, but nothing comes twice or out of order.
void run_unkept(const Round& round, std::mt19937_64& random, Figures& figures) {
  Scene scene(kWriters, kMessages, 16 + static_cast<std::uint32_t>(random() % 100), random());
  Progress progress(scene);
  const auto next_owner = [&] {
    return scene.spawn(scene.owner_command(round.kind),
                       {"ACTOR_RING=" + round.rings, std::string("ACTOR_WORK=") + kWork});
  };
  pid_t owner = next_owner();
  std::vector<pid_t> writers;
  for (std::uint32_t i = 0; i < kWriters; ++i)
    writers.push_back(scene.spawn(scene.writer_command(i)));
  const std::uint64_t kills = 1 + random() % 3;
  for (std::uint64_t n = 0; n < kills; ++n) {
    const Moment moment = n == 0 ? Moment(random) : Moment::soon(random);
    scene.until([&] { return moment.come(scene); });
    if (n == 0 && round.with_writers) {
      for (std::uint32_t i = 0; i < kWriters; ++i) {
        if (i != 0 && random() % 2 != 0) continue;  // some live on
        scene.writer(i).excused = 1;
        ::kill(writers[i], SIGKILL);
        ++figures.writers_killed;
      }
    }
    scene.kill(owner);
    ++figures.owners_killed;
    owner = next_owner();
  }
  for (std::uint32_t i = 0; i < kWriters; ++i) {
    const int status = scene.wait(writers[i]);
    if (scene.writer(i).excused == 0) {
      ASSERT_EQ(status, 0);
    }
  }
  scene.until([&] { return scene.handler().pid.load() == static_cast<std::uint32_t>(owner); });
  ASSERT_TRUE(progress.caught_up());
  ::kill(owner, SIGTERM);
  ASSERT_EQ(scene.wait(owner), 0);
  std::string said;
  ASSERT_TRUE(scene.judge(round.kind, said)) << said;
  figures.take(said);
}

enum class Keeper { no, yes };

void run_rounds(const char* what, Keeper keeper, const Round& round, Fault& fault) {
  std::mt19937_64 random(seed());
  Figures figures;
  for (int n = 0; n < rounds(20); ++n) {
    SCOPED_TRACE("round " + std::to_string(n));
    if (keeper == Keeper::yes) {
      KeptRound(round, random).run(figures);
    } else {
      run_unkept(round, random, figures);
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
  fault.fired(figures.owners_killed);
  figures.print(what);
}

constexpr const char* kOneSize = "8192";
constexpr const char* kManySizes = "4096,262144,8192";

TEST(KilledAtAnyMoment, an_owner_under_a_keeper_is_followed_by_one_that_goes_on) {
  Fault fault("owner-killed-alone");
  run_rounds("alone, under a keeper", Keeper::yes, {"plain", false, kOneSize}, fault);
}

TEST(KilledAtAnyMoment, an_owner_under_a_keeper_leaves_its_state_exact) {
  Fault fault("owner-killed-alone");
  run_rounds("alone, under a keeper, kept state", Keeper::yes, {"state", false, kOneSize}, fault);
}

TEST(KilledAtAnyMoment, an_owner_without_a_keeper_is_followed_by_one_that_gets_every_message) {
  Fault fault("owner-killed-alone");
  run_rounds("alone, no keeper", Keeper::no, {"plain", false, kOneSize}, fault);
}

TEST(KilledTogether, under_a_keeper_what_was_sent_arrives) {
  Fault fault("owner-and-writers-killed");
  run_rounds("all together, under a keeper", Keeper::yes, {"plain", true, kOneSize}, fault);
}

TEST(KilledTogether, under_a_keeper_the_state_is_exact) {
  Fault fault("owner-and-writers-killed");
  run_rounds("all together, under a keeper, kept state", Keeper::yes, {"state", true, kOneSize},
             fault);
}

TEST(KilledTogether, without_a_keeper_the_survivors_lose_nothing) {
  Fault fault("owner-and-writers-killed");
  run_rounds("with some writers, no keeper", Keeper::no, {"plain", true, kOneSize}, fault);
}

TEST(OtherRings, of_the_next_owner_are_for_new_lanes_under_a_keeper) {
  Fault fault("owner-reconfigured");
  run_rounds("other rings, under a keeper", Keeper::yes, {"plain", false, kManySizes}, fault);
}

TEST(OtherRings, that_are_too_small_for_what_a_writer_has_left_are_told) {
  Fault fault("owner-reconfigured");
  Scene scene(0, 0, 0, 0);
  cortado::OwnerOptions options;
  options.directory = scene.directory();
  const auto open = [&](std::size_t ring_bytes) {
    options.ring_bytes = ring_bytes;
    auto owner = cortado::Owner::open("rings", options);
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  };
  cortado::JoinOptions join;
  join.name = "writer";
  std::optional<cortado::Owner> owner(open(65536));
  auto writer = owner->make_writer(join);
  ASSERT_TRUE(writer) << writer.error().text;
  const std::string small = "fits";
  const std::string large(20'000, 'x');
  for (const std::string& text : {small, large, small}) {
    ASSERT_EQ(writer->try_send(text), cortado::SendStatus::sent);
  }
  owner.reset();
  owner.emplace(open(4096));
  fault.fired();

  std::vector<std::string> arrived;
  for (int i = 0; i < 100 && writer->poll() != cortado::SendStatus::quarantined; ++i) {
    owner->wait(0ms);
    owner->drain([&](const cortado::Message& m) { arrived.emplace_back(m.text()); });
  }
  owner->drain([&](const cortado::Message& m) { arrived.emplace_back(m.text()); });
  // What stands before it arrives; nothing overtakes it; and nobody is told that all is well.
  EXPECT_EQ(arrived, std::vector<std::string>{small});
  EXPECT_EQ(writer->try_send(small), cortado::SendStatus::quarantined);
  const auto applied = writer->wait_applied(0ms);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, cortado::Errc::quarantined);
  EXPECT_EQ(writer->close(0ms), 2U);
}

TEST(OtherRings, of_the_next_owner_take_what_the_old_ones_held_without_a_keeper) {
  Fault fault("owner-reconfigured");
  run_rounds("other rings, no keeper", Keeper::no, {"plain", false, kManySizes}, fault);
}

}  // namespace
