// What a keeper does: it launches an owner and two writers, hands their lanes to the next owner
// when that one is killed, and sees them to their end. The programs are those of ../process, and
// its judge says what became of their messages.
#pragma once

#include <cortado/group.hpp>
#include <cortado/owner.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "../process/scene.hpp"
#include "injectors.hpp"

namespace cortado::test {

/// This process inherits the children of those that die: it sees who is left behind.
inline void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}
/// Empty: every child, and child of a child, has ended.
inline std::string somebody_left() {
  const bool alone = until([] {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
  });
  return alone ? "" : "a process of the group is left";
}

class Launch : public Operation {
 public:
  static constexpr std::uint32_t kMembers = 2;
  static constexpr std::uint64_t kMessages = 300;

  Launch() : scene_(kMembers, kMessages, 64, process_test::seed()), options_(options()) {
    adopt_orphans();
  }

  std::string name() const override { return "launching a group and handing its lanes over"; }
  std::string run() override {
    begin_anew();
    auto group = Group::start(options_);
    if (!group) return group.error().text;
    bool to_be_killed = true;
    std::string told;
    while (!group->finished()) {
      group->wait(5ms);
      if (to_be_killed && scene_.handler().count.load() > kMessages / 2 &&
          group->owner_pid() != 0) {
        ::kill(group->owner_pid(), SIGKILL);
        to_be_killed = false;
      }
      while (auto event = group->next_event()) {
        const bool bad = event->kind == GroupEvent::Kind::gave_up ||
                         (event->kind == GroupEvent::Kind::keeper && !event->expected);
        if (bad && told.empty()) told = event->text;
      }
    }
    if (group->exit_status() != 0 && told.empty()) told = "a program of the group failed";
    if (group->exit_status() != 0) return told;
    for (std::uint32_t i = 0; i < kMembers; ++i) {
      if (scene_.writer(i).finished.load() == 0) return "a writer did not finish";
    }
    return {};
  }
  std::string progress() override {
    // As long as there is an owner that is not stopped, its writers get on.
    const auto idle = [&] {
      const auto owner = static_cast<pid_t>(scene_.handler().pid.load());
      std::uint64_t sent = 0;
      for (std::uint32_t i = 0; i < kMembers; ++i) sent += scene_.writer(i).sent.load();
      return owner == 0 || ::kill(owner, 0) != 0 || !asleep_or_running(owner) ||
             scene_.handler().count.load() >= sent;
    };
    return until(idle) ? "" : "the owner does not take what was sent";
  }
  std::string judge(Ended how) override {
    if (auto left = somebody_left(); !left.empty()) return left;
    std::string said;
    const bool good = scene_.judge("plain", said);
    for (const char* fault : {"torn", "reordered", "doubled", "phantom"}) {
      if (process_test::figure(said, fault) != 0) return said;
    }
    if (how == Ended::completed && !good) return said;
    return name_is_free();
  }
  void begin() override { begin_anew(); }

 private:
  /// Not a zombie.
  static bool asleep_or_running(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const std::size_t behind_name = text.rfind(')');
    return behind_name != std::string::npos && text.compare(behind_name, 3, ") Z") != 0;
  }
  void begin_anew() {
    scene_.handler().count = 0;
    scene_.handler().generations = 0;
    scene_.handler().pid = 0;
    for (std::uint32_t i = 0; i < kMembers; ++i) {
      process_test::WriterRecord& writer = scene_.writer(i);
      writer.sent = writer.started = 0;
      writer.finished = writer.pid = 0;
    }
  }
  GroupOptions options() const {
    GroupOptions chosen;
    chosen.name = "scene";
    chosen.directory = scene_.directory();
    chosen.owner.argv = scene_.owner_command("plain");
    chosen.restart_owner = {Restart::Policy::on_failure, 10, 3600s};
    chosen.writers_grace = 300ms;
    chosen.owner_grace = 3s;
    for (std::uint32_t i = 0; i < kMembers; ++i) {
      Program writer;
      writer.argv = scene_.writer_command(i);
      // What a writer says of an owner that never comes is not of interest here.
      writer.stderr_path = "/dev/null";
      chosen.writers.push_back(std::move(writer));
    }
    chosen.owner.stderr_path = "/dev/null";
    return chosen;
  }
  std::string name_is_free() const {
    OwnerOptions chosen;
    chosen.directory = scene_.directory();
    {
      auto owner = Owner::open("scene", chosen);
      if (!owner) return "the name is not free: " + owner.error().text;
    }
    const std::string names = files_in(scene_.directory());
    for (const char* file : {"scene.sock", "scene.lock"}) {
      if (names.find(file) != std::string::npos) return "files are left: " + names;
    }
    return {};
  }

  process_test::Scene scene_;
  GroupOptions options_;
};

}  // namespace cortado::test
