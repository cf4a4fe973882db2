// The nemesis: kills, stops and continues the processes of a crew at random, and lets them rest.
//
// It keeps to the two promises that end somewhere:
//   - three deaths of owners at the same message condemn its lane as poison, rightly: so after two
//     kills in a row it waits until the owner has been through its lanes;
//   - without a keeper, what a writer has not handed to a living owner dies with the writer. Before
//     such a writer is killed, its life is marked as excepted; all others are judged in full, and
//     the owner is spared until it has read what the dead one left.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "crew.hpp"
#include "life.hpp"
#include "soak_judge.hpp"

namespace soak {

class Nemesis {
 public:
  using clock = std::chrono::steady_clock;

  Nemesis(Crew& crew, const Files& files, std::uint64_t seed)
      : crew_(crew), files_(files), control_(*files.control), random_(seed) {}

  std::uint64_t owner_stops() const { return owner_stops_; }
  std::uint64_t writer_stops() const { return writer_stops_; }
  std::uint64_t together() const { return together_; }
  std::uint64_t everybody() const { return everybody_; }

  /// Does its worst for that long, and first of all everything once. `spare_owner`: it is stopped,
  /// but never killed.
  void storm(clock::duration duration, bool spare_owner) {
    if (everybody_ == 0) do_everything_once();
    const auto end = clock::now() + duration;
    bench();
    const std::uint64_t longest_pause = std::uint64_t{2000} << (random_() % 7);
    while (clock::now() < end && !::testing::Test::HasFailure()) {
      const auto next = clock::now() + std::chrono::microseconds(random_() % longest_pause);
      for (auto now = clock::now(); now < next; now = clock::now()) {
        crew_.look(std::min<clock::duration>(next - now, std::chrono::milliseconds(1)));
        continue_stopped(now);
      }
      act(spare_owner);
    }
    continue_stopped(clock::time_point::max());
  }

  /// Nobody but one process writes, and nobody is killed: a wake-up that goes missing is made good
  /// neither by another writer nor by a death, and the rest that follows finds who sleeps.
  void lull(clock::duration duration) {
    const auto end = clock::now() + duration;
    control_.benched.store(((1U << kProcesses) - 1) & ~(1U << any_writer()));
    control_.lull.store(1);
    until("the lull is over", [&] { return clock::now() >= end; });
    control_.lull.store(0);
  }

  /// Everybody goes on, ends what it is at, and parks. True: they did, and all is at rest.
  bool rest() {
    const std::uint64_t number = control_.rest.load() == 0 ? ++rests_ : rests_;
    control_.rest.store(number);
    return until("every writer finishes and parks",
                 [&] {
                   return std::all_of(control_.parked.begin(), control_.parked.end(),
                                      [&](const auto& parked) { return parked.load() == number; });
                 }) &&
           (control_.publish.store(number), true) && until("the owner has nothing left", [&] {
             return control_.published.load() == number && crew_.kept_lanes() == 0;
           });
  }
  void go_on() {
    control_.benched.store(0);
    control_.rest.store(0);
  }

  /// Looks after the crew until it is so. False: it never is.
  bool until(const char* what, const std::function<bool()>& condition) {
    ::alarm(400);  // should even this hang
    const auto watchdog = clock::now() + std::chrono::seconds(180);
    while (!condition()) {
      if (clock::now() > watchdog) {
        ADD_FAILURE() << "it does not come about that " << what;
        return false;
      }
      crew_.look(std::chrono::milliseconds(1));
      continue_stopped(clock::now());
    }
    return true;
  }

 private:
  struct Stopped {
    Incarnation process;
    clock::time_point until;
  };

  /// Now and then only one or two write.
  void bench() {
    std::uint32_t away = 0;
    if (random_() % 2 == 0) away = (1U << kProcesses) - 1;
    for (int present = 0; present < 2; ++present) away &= ~(1U << any_writer());
    control_.benched.store(away);
  }

  void do_everything_once() {
    std::vector<std::uint32_t> all;
    for (std::uint32_t who = 0; who <= kOwner; ++who) all.push_back(who);
    until("everything was done once", [&] {
      if (writer_stops_ == 0) stop(any_writer());
      if (owner_stops_ == 0) stop(kOwner);
      if (together_ == 0) kill({kOwner, any_writer()});
      if (everybody_ == 0) kill(all);
      return everybody_ != 0 && together_ != 0 && owner_stops_ != 0 && writer_stops_ != 0;
    });
  }

  std::uint32_t any_writer() { return static_cast<std::uint32_t>(random_() % kProcesses); }

  void act(bool spare_owner) {
    const std::uint64_t draw = random_() % 32;
    if (draw < 5) {
      stop(any_writer());
    } else if (draw < 8) {
      stop(kOwner);
    } else if (draw < 18 || spare_owner) {
      kill({any_writer()});
    } else if (draw < 20) {
      end_owner();
    } else if (draw < 26) {
      kill_owner(random_() % 4 == 0);
    } else if (draw < 31) {
      std::vector<std::uint32_t> victims{kOwner};
      for (std::uint64_t n = 1 + random_() % 3; n-- > 0;) victims.push_back(any_writer());
      kill(victims);
    } else {
      std::vector<std::uint32_t> victims;
      for (std::uint32_t who = 0; who <= kOwner; ++who) victims.push_back(who);
      kill(victims);
    }
  }

  /// True: it stands still now.
  bool halt(pid_t pid) {
    siginfo_t what{};
    return pid != 0 && ::kill(pid, SIGSTOP) == 0 &&
           ::waitid(P_PID, static_cast<id_t>(pid), &what, WSTOPPED | WEXITED | WNOWAIT) == 0 &&
           what.si_code == CLD_STOPPED;
  }

  void stop(std::uint32_t who) {
    const Incarnation process = crew_.incarnation(who);
    if (!halt(process.pid)) return;
    ++(who == kOwner ? owner_stops_ : writer_stops_);
    const std::chrono::microseconds duration{random_() %
                                             (std::uint64_t{1} << (8 + random_() % 11))};
    stopped_.push_back({process, clock::now() + duration});
  }
  void continue_stopped(clock::time_point now) {
    std::erase_if(stopped_, [&](const Stopped& each) {
      if (each.until > now) return false;
      if (crew_.runs(each.process)) ::kill(each.process.pid, SIGCONT);
      return true;
    });
  }
  void continue_owner() {
    std::erase_if(stopped_, [&](const Stopped& each) {
      if (each.process.who != kOwner) return false;
      if (crew_.runs(each.process)) ::kill(each.process.pid, SIGCONT);
      return true;
    });
  }

  /// An owner that took the name after the last kill, and has been through its lanes.
  bool owner_is_up() const {
    return control_.generation.load() > killed_generation_ &&
           control_.passes.load() >= control_.passes_at_open.load() + 3;
  }
  bool wait_for_owner() {
    continue_owner();
    return until("an owner goes through its lanes", [&] { return owner_is_up(); });
  }

  /// Kills them at one blow, once an owner is up.
  void kill(std::vector<std::uint32_t> victims) {
    std::sort(victims.begin(), victims.end());
    victims.erase(std::unique(victims.begin(), victims.end()), victims.end());
    const bool owner_too = victims.back() == kOwner;
    if (owner_too && !wait_for_owner()) return;
    const std::uint64_t generation = control_.generation.load();
    std::vector<Incarnation> processes;
    for (const std::uint32_t who : victims) {
      processes.push_back(crew_.incarnation(who));
      if (who != kOwner && control_.keeper == 0) mark_excepted(who, owner_too);
    }
    for (const Incarnation& each : processes) {
      if (each.pid != 0) ::kill(each.pid, SIGKILL);
    }
    if (owner_too) killed_generation_ = generation;
    until("the dead are reaped", [&] {
      return std::none_of(processes.begin(), processes.end(),
                          [&](const Incarnation& each) { return crew_.runs(each); });
    });
    if (owner_too && victims.size() > 1 &&
        std::all_of(processes.begin(), processes.end(),
                    [&](const Incarnation& each) { return crew_.died_of_kill(each); })) {
      ++(victims.size() == kProcesses + 1 ? everybody_ : together_);
    }
    if (!owner_too && !to_be_read_.empty()) wait_until_read();
  }

  /// From outside, at any instruction, or by its own hand with a message in it. `again`: the next
  /// one, too, a moment later, wherever it is by then.
  void kill_owner(bool again) {
    if (random_() % 2 != 0 || !strike_owner()) kill({kOwner});
    if (!again) return;
    crew_.look(std::chrono::microseconds(random_() % 4000));
    const Incarnation next = crew_.incarnation(kOwner);
    if (halt(next.pid)) {  // so that it is known whether it had opened
      killed_generation_ = control_.generation.load();
      ::kill(next.pid, SIGKILL);
      until("the owner is reaped", [&] { return !crew_.runs(next); });
    }
    wait_for_owner();
  }

  /// The owner kills itself inside its handler. False: no message came soon enough.
  bool strike_owner() {
    if (!wait_for_owner()) return false;
    const Incarnation owner = crew_.incarnation(kOwner);
    const std::uint64_t generation = control_.generation.load();
    control_.strike.store(1 + random_() % 64);
    const auto enough = clock::now() + std::chrono::milliseconds(50);
    until("the owner strikes itself or is given up",
          [&] { return !crew_.runs(owner) || clock::now() > enough; });
    control_.strike.store(0);
    if (!crew_.died_of_kill(owner)) return false;
    killed_generation_ = generation;
    return true;
  }

  /// Without a keeper an owner may also end in order and be followed by the next.
  void end_owner() {
    auto* loose = dynamic_cast<LooseCrew*>(&crew_);
    if (loose == nullptr || !wait_for_owner()) return;
    killed_generation_ = control_.generation.load();
    const Incarnation owner = crew_.incarnation(kOwner);
    loose->ask_owner_to_end();
    until("the owner ends in order", [&] { return !crew_.runs(owner); });
  }

  /// Stops the writer and marks those of its lives that it cannot have handed over. With the owner
  /// dying, too: all.
  void mark_excepted(std::uint32_t who, bool owner_too) {
    if (!halt(crew_.pid(who))) return;
    const std::uint64_t generation = owner_is_up() ? control_.generation.load() : ~std::uint64_t{0};
    for (std::uint32_t i = 0; i < slots_of(who); ++i) {
      const std::uint64_t number = control_.current[first_slot(who) + i].load();
      Life* life = files_.life(number);
      if (number == 0 || life == nullptr || life->ended.load() != 0) continue;
      if (owner_too || life->settled.load() != generation) {
        life->excepted.store(1);
      } else {
        to_be_read_.push_back(number);
      }
    }
  }
  /// The owner, which lives, has what the dead writer left it.
  void wait_until_read() {
    continue_owner();
    until("the owner reads what a killed writer left", [&] {
      std::erase_if(to_be_read_, [&](std::uint64_t number) {
        return files_.record(number).high.load() >= files_.life(number)->sent.load();
      });
      return to_be_read_.empty();
    });
  }

  Crew& crew_;
  const Files& files_;
  Control& control_;
  std::mt19937_64 random_;
  std::vector<Stopped> stopped_;
  std::vector<std::uint64_t> to_be_read_;
  std::uint64_t rests_ = 0;
  std::uint64_t killed_generation_ = 0;
  std::uint64_t owner_stops_ = 0, writer_stops_ = 0, together_ = 0, everybody_ = 0;
};

}  // namespace soak
