// The processes of a soak: one owner and kProcesses writers, whoever of them dies is started again;
// by a Group (KeptCrew) or by hand, without a keeper (LooseCrew).
#pragma once

#include <cortado/group.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "life.hpp"

namespace soak {

/// One of these processes, by number: 0 to kProcesses - 1 are writers.
inline constexpr std::uint32_t kOwner = kProcesses;

inline std::vector<std::string> actor(const std::string& role, const std::string& directory,
                                      const std::string& what) {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return {here / "soak_actor", role, directory, what};
}

/// A process from its start to its end. Its pid does not name it: the kernel gives each one out
/// again, within the minutes that a soak takes to start as many processes as there are pids.
struct Incarnation {
  std::uint32_t who = 0;
  pid_t pid = 0;             ///< 0: it did not run
  std::uint64_t number = 0;  ///< how many of that `who` have ended before
  auto operator<=>(const Incarnation&) const = default;
};

class Crew {
 public:
  virtual ~Crew() = default;
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// 0: it does not run now. A pid stays its own until look() is called, and no longer.
  virtual pid_t pid(std::uint32_t who) const = 0;
  Incarnation incarnation(std::uint32_t who) const { return {who, pid(who), ended_[who]}; }
  /// False once it has been reaped, also if the next one has its pid.
  bool runs(const Incarnation& one) const { return one.pid != 0 && ended_[one.who] == one.number; }
  /// Waits for that long at most; reaps who died and starts them again.
  virtual void look(std::chrono::nanoseconds at_most) = 0;
  /// After Control::finish: until everybody has ended. False: they do not.
  virtual bool end() = 0;
  /// Descriptors that this process holds for the crew's lanes.
  virtual std::size_t kept_lanes() const { return 0; }

  /// True once it has been reaped and SIGKILL had ended it.
  bool died_of_kill(const Incarnation& one) const { return killed_.contains(one); }
  std::uint64_t deaths(bool of_owner) const { return of_owner ? owners_killed_ : writers_killed_; }

 protected:
  void note_death(std::uint32_t who, pid_t pid, int exit_status, int signal, bool asked) {
    const Incarnation ended{who, pid, ended_[who]++};
    if (signal == SIGKILL) {
      killed_.insert(ended);
      ++(who == kOwner ? owners_killed_ : writers_killed_);
    } else if (signal != 0 || (exit_status != 0 && exit_status != kDeserted) ||
               (who == kOwner && !asked)) {
      ADD_FAILURE() << (who == kOwner ? "the owner" : "a writer") << " ended by itself: status "
                    << exit_status << ", signal " << signal;
    }
  }

 private:
  std::array<std::uint64_t, kProcesses + 1> ended_{};
  std::set<Incarnation> killed_;
  std::uint64_t owners_killed_ = 0;
  std::uint64_t writers_killed_ = 0;
};

class KeptCrew final : public Crew {
 public:
  explicit KeptCrew(const std::string& directory) {
    cortado::GroupOptions options;
    options.name = "soak";
    options.directory = directory + "/meet";
    options.owner.argv = actor("owner", directory, "kept");
    for (std::uint32_t i = 0; i < kProcesses; ++i) {
      options.writers.emplace_back().argv = actor("writer", directory, std::to_string(i));
    }
    const cortado::Restart always{cortado::Restart::Policy::on_failure, 1'000'000,
                                  std::chrono::seconds(60)};
    options.restart_owner = options.restart_writers = always;
    options.writers_grace = options.owner_grace = std::chrono::seconds(120);
    auto group = cortado::Group::start(options);
    EXPECT_TRUE(group) << group.error().text;
    if (group) group_.emplace(std::move(*group));
    look({});
  }

  pid_t pid(std::uint32_t who) const override {
    return who == kOwner ? group_->owner_pid() : group_->writer_pid(label(who));
  }
  void look(std::chrono::nanoseconds at_most) override {
    if (!group_) return;
    group_->wait(at_most);
    while (const auto event = group_->next_event()) {
      using Kind = cortado::GroupEvent::Kind;
      if (event->kind == Kind::ended) {
        std::uint32_t who = kOwner;
        if (event->role == cortado::GroupEvent::Role::writer) {
          for (who = 0; label(who) != event->label;) ++who;
        }
        note_death(who, event->pid, event->exit_status, event->signal, event->expected);
      } else if (event->kind == Kind::gave_up ||
                 (event->kind == Kind::keeper && !event->expected)) {
        ADD_FAILURE() << event->label << " " << event->text;
      }
    }
  }
  bool end() override {
    const auto watchdog = std::chrono::steady_clock::now() + std::chrono::seconds(150);
    while (group_ && !group_->finished() && std::chrono::steady_clock::now() < watchdog) {
      look(std::chrono::milliseconds(100));
    }
    const bool ended = group_ && group_->finished() && group_->exit_status() == 0;
    group_.reset();
    return ended;
  }
  std::size_t kept_lanes() const override { return group_->kept_lanes(); }

 private:
  static std::string label(std::uint32_t who) { return "writer-" + std::to_string(who + 1); }

  std::optional<cortado::Group> group_;
};

class LooseCrew final : public Crew {
 public:
  /// `kinds`: of the owners, in turn.
  LooseCrew(std::string directory, std::vector<std::string> kinds)
      : directory_(std::move(directory)), kinds_(std::move(kinds)) {
    for (std::uint32_t who = 0; who <= kOwner; ++who) start(who);
  }
  ~LooseCrew() override {
    for (const pid_t pid : pids_) {
      if (pid == 0) continue;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

  pid_t pid(std::uint32_t who) const override { return pids_[who]; }
  void look(std::chrono::nanoseconds at_most) override {
    if (!reap()) {
      std::this_thread::sleep_for(
          std::min<std::chrono::nanoseconds>(at_most, std::chrono::milliseconds(1)));
      reap();
    }
    for (std::uint32_t who = 0; who <= kOwner && !ending_; ++who) {
      if (pids_[who] == 0) start(who);
    }
  }
  bool end() override {
    ending_ = true;
    const auto watchdog = std::chrono::steady_clock::now() + std::chrono::seconds(150);
    const auto running = [&] {
      return std::any_of(pids_.begin(), pids_.end(), [](pid_t pid) { return pid != 0; });
    };
    while (running() && std::chrono::steady_clock::now() < watchdog) {
      look(std::chrono::milliseconds(1));
    }
    return !running();
  }
  /// The next time that the owner ends by itself, it was asked to.
  void ask_owner_to_end() {
    asked_ = true;
    ::kill(pids_[kOwner], SIGTERM);
  }

 private:
  void start(std::uint32_t who) {
    std::vector<std::string> command =
        who == kOwner ? actor("owner", directory_, kinds_[owners_++ % kinds_.size()])
                      : actor("writer", directory_, std::to_string(who));
    std::vector<char*> arguments;
    for (std::string& each : command) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    const int error =
        ::posix_spawn(&pids_[who], arguments[0], nullptr, nullptr, arguments.data(), environ);
    ASSERT_EQ(error, 0) << command[0];
    if (who == kOwner) asked_ = false;
  }
  /// True: somebody died.
  bool reap() {
    bool any = false;
    int status = 0;
    for (pid_t dead = 0; (dead = ::waitpid(-1, &status, WNOHANG)) > 0; any = true) {
      const auto which = std::find(pids_.begin(), pids_.end(), dead);
      if (which == pids_.end()) continue;
      *which = 0;
      note_death(static_cast<std::uint32_t>(which - pids_.begin()), dead,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0, asked_ || ending_);
    }
    return any;
  }

  std::string directory_;
  std::vector<std::string> kinds_;
  std::array<pid_t, kProcesses + 1> pids_{};
  std::uint64_t owners_ = 0;
  bool asked_ = false;
  bool ending_ = false;
};

}  // namespace soak
