// A group of real processes under test: a private rendezvous, and a fifo that programs write to.
#pragma once

#include <cortado/group.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "os/descriptor.hpp"

namespace cortado {

using namespace std::chrono_literals;
using Kind = GroupEvent::Kind;
using Role = GroupEvent::Role;

inline constexpr auto kWatchdog = 60s;
inline const std::string kSelf = std::filesystem::read_symlink("/proc/self/exe");

inline Program shell(const std::string& script) {
  Program program;
  program.argv = {"/bin/sh", "-c", script};
  return program;
}

/// Waits for SIGTERM with its default action, in a process that nothing else ends.
inline Program sleeper() {
  return shell("exec sleep 1000");
}

struct GroupTest : testing::Test {
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cortado-group-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    fifo_path = directory + "/fifo";
    ASSERT_EQ(::mkfifo(fifo_path.c_str(), 0600), 0);
    fifo = os::Descriptor(::open(fifo_path.c_str(), O_RDWR | O_CLOEXEC));
    options.name = "orders";
    options.directory = directory + "/rendezvous";
    options.owner = sleeper();
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  /// The next line that a program wrote to the fifo.
  std::string line() {
    std::string text;
    for (;;) {
      pollfd entry{fifo.get(), POLLIN, 0};
      char letter = 0;
      if (::poll(&entry, 1, 60000) != 1 || ::read(fifo.get(), &letter, 1) != 1) {
        ADD_FAILURE() << "no line came; so far: " << text;
        return text;
      }
      if (letter == '\n') return text;
      text += letter;
    }
  }
  /// Adds what happened to `events` until the condition holds.
  void run_until(Group& group, const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + kWatchdog;
    for (;;) {
      while (auto event = group.next_event()) events.push_back(*event);
      if (condition()) return;
      ASSERT_FALSE(group.finished()) << "ended otherwise: " << journal();
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << journal();
      group.wait(100ms);
    }
  }
  void run(Group& group) {
    run_until(group, [&] { return group.finished(); });
  }
  bool happened(Kind kind, const std::string& label) const {
    return std::any_of(events.begin(), events.end(), [&](const GroupEvent& event) {
      return event.kind == kind && event.label == label;
    });
  }
  /// "started owner, started writer-1, ..."
  std::string journal() const {
    std::string text;
    for (const GroupEvent& event : events) {
      if (!text.empty()) text += ", ";
      text += to_string(event.kind);
      if (!event.label.empty()) text += " " + event.label;
    }
    return text;
  }
  const GroupEvent& event(Kind kind, const std::string& label) const {
    for (const GroupEvent& event : events) {
      if (event.kind == kind && event.label == label) return event;
    }
    static const GroupEvent none;
    ADD_FAILURE() << "did not happen: " << to_string(kind) << " " << label << "; but " << journal();
    return none;
  }

  GroupOptions options;
  std::vector<GroupEvent> events;
  std::string directory, fifo_path;
  os::Descriptor fifo;
};

}  // namespace cortado
