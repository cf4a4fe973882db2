// A soak: a directory, a crew, a nemesis and a judge, from the first join to the last trace.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../process/scene.hpp"
#include "crew.hpp"
#include "footprint.hpp"
#include "life.hpp"
#include "nemesis.hpp"
#include "soak_judge.hpp"

namespace soak {

class Scene {
 public:
  using clock = std::chrono::steady_clock;

  Scene(std::uint64_t seed, bool keeper, std::chrono::milliseconds patience)
      : directory_(make_directory()), files(directory_) {
    Control& control = *files.control;
    control.seed = seed;
    control.ring_bytes = 4096;
    control.patience_ms = static_cast<std::uint64_t>(patience.count());
    control.keeper = keeper ? 1 : 0;
    control.first_life.store(1);
  }
  ~Scene() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const std::string& directory() const { return directory_; }

  /// Storm, lull and rest by turns; at each rest everything is judged. `kept`: owners have a kept
  /// state.
  void run(Crew& crew, std::chrono::milliseconds duration, bool kept) {
    nemesis = std::make_unique<Nemesis>(crew, files, files.control->seed);
    judge = std::make_unique<Judge>(files, kept);
    const auto begun = clock::now();
    // A first rest after the first messages: what the processes have open then is the measure.
    if (!nemesis->until("messages flow", [&] { return files.control->passes.load() > 1000; }) ||
        !rest(crew)) {
      return;
    }
    const std::chrono::milliseconds longest_round{duration < std::chrono::minutes(5) ? 8000
                                                                                     : 30000};
    for (int round = 0; clock::now() < begun + duration && !::testing::Test::HasFailure();
         ++round) {
      nemesis->go_on();
      const auto left = std::min<clock::duration>(begun + duration - clock::now(), longest_round);
      nemesis->storm(left * 7 / 8, round % 3 == 2);
      nemesis->lull(left / 8);
      if (::testing::Test::HasFailure() || !rest(crew)) return;
    }
  }

  /// A rest, at which everything is judged. False: it does not come about.
  bool rest(Crew& crew) {
    if (!nemesis->rest()) return false;
    judge->judge();
    look_at_footprints(crew);
    return true;
  }

  /// Everybody ends in order, and nothing is left.
  void end(Crew& crew) {
    files.control->finish.store(1);
    EXPECT_TRUE(crew.end()) << "not everybody ended in order";
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/meet")) {
      ADD_FAILURE() << entry.path() << " is left";
    }
  }

  void tell(const char* title, const Crew& crew) const {
    const auto llu = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    const Verdict& verdict = judge->verdict();
    const Control& control = *files.control;
    std::printf(
        "%s: %llu messages in %llu lives; %llu owners; killed: %llu owners, %llu writers, %llu "
        "times the owner with writers, %llu times everybody; stopped: %llu owners, %llu writers\n"
        "  lost %llu, excepted %llu of %llu lives, repeats %llu (flagged), waits %llu, owner's "
        "sleeps %llu, starved %llu, answers that died with their owner %llu\n",
        title, llu(verdict.messages), llu(verdict.lives), llu(control.generation.load()),
        llu(crew.deaths(true)), llu(crew.deaths(false)), llu(nemesis->together()),
        llu(nemesis->everybody()), llu(nemesis->owner_stops()), llu(nemesis->writer_stops()),
        llu(verdict.lost), llu(verdict.excepted), llu(verdict.excepted_lives),
        llu(control.repeats.load()), llu(control.waits.load()), llu(control.sleeps.load()),
        llu(control.starved.load()), llu(control.excused.load()));
    std::printf(" ");
    for (std::size_t i = 0; i < kWrongs; ++i) {
      std::printf(" %s %llu", kWrongNames[i], llu(control.wrong[i].load()));
    }
    std::printf("\n");
    std::fflush(stdout);
  }

 private:
  static std::string make_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cortado-soak-XXXXXX").string();
    const char* made = ::mkdtemp(pattern.data());
    if (made == nullptr) throw std::runtime_error("cannot make " + pattern);
    std::filesystem::create_directory(pattern + "/meet");
    std::filesystem::permissions(pattern + "/meet", std::filesystem::perms::owner_all);
    return pattern;
  }

  /// No writer has a lane now: nobody may have more open or mapped than at the first rest.
  void look_at_footprints(const Crew& crew) {
    std::vector<Footprint> now{Footprint::of(::getpid())};
    for (std::uint32_t who = 0; who <= kOwner; ++who) now.push_back(Footprint::of(crew.pid(who)));
    if (first_.empty()) first_ = now;
    for (std::size_t i = 0; i < now.size(); ++i) {
      const std::string more = now[i].difference(first_[i]);
      if (more.empty()) continue;
      leaks += (i == 0 ? "the keeper: " : i == 1 + kOwner ? "the owner: " : "a writer: ") + more;
    }
  }

  std::string directory_;

 public:
  Files files;
  std::unique_ptr<Nemesis> nemesis;
  std::unique_ptr<Judge> judge;
  std::string leaks;  ///< empty: none

 private:
  std::vector<Footprint> first_;
};

}  // namespace soak
