// A scene: a directory, an owner and writers as real processes, and the judge.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "../support/seed.hpp"
#include "records.hpp"

namespace process_test {

using cortado::test::seed;

/// A program of tests/process, which stands in the build folder of that name; this one may stand in
/// another one beside it.
inline std::string sibling(const std::string& program) {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return here.parent_path() / "process" / program;
}

/// Rounds of a test that kills: CORTADO_ROUNDS, or what the quick suite affords.
inline int rounds(int quick) {
  const char* given = std::getenv("CORTADO_ROUNDS");
  return given != nullptr ? std::atoi(given) : quick;
}

class Scene {
 public:
  Scene(std::uint32_t writers, std::uint64_t messages_each, std::uint32_t length,
        std::uint64_t scene_seed)
      : capacity_(writers * messages_each * 2 + 100'000) {
    std::string pattern = (std::filesystem::temp_directory_path() / "cortado-test-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    handler_ = std::make_unique<MappedFile<HandlerRecord>>(handler_file(directory_),
                                                           handler_bytes(capacity_));
    for (std::uint32_t i = 0; i < writers; ++i) {
      auto record = std::make_unique<MappedFile<WriterRecord>>(writer_file(directory_, i),
                                                               sizeof(WriterRecord));
      (*record)->seed = scene_seed;
      (*record)->writer = i;
      (*record)->length = length;
      (*record)->target = messages_each;
      records_.push_back(std::move(record));
    }
  }
  ~Scene() {
    for (const pid_t pid : running_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const std::string& directory() const { return directory_; }
  WriterRecord& writer(std::uint32_t i) const { return **records_[i]; }
  HandlerRecord& handler() const { return **handler_; }
  std::uint64_t capacity() const { return capacity_; }
  std::uint32_t writers() const { return static_cast<std::uint32_t>(records_.size()); }

  std::vector<std::string> owner_command(const std::string& kind) const {
    return {sibling("actor"), "owner", "scene", directory_, kind, std::to_string(capacity_)};
  }
  std::vector<std::string> writer_command(std::uint32_t i) const {
    return {sibling("actor"), "writer", "scene", directory_, std::to_string(i)};
  }

  pid_t spawn(const std::vector<std::string>& command, std::vector<std::string> extra = {}) {
    std::vector<char*> arguments;
    for (const std::string& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
    for (std::string& each : extra) environment.push_back(each.data());
    environment.push_back(nullptr);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, command[0].c_str(), nullptr, nullptr, arguments.data(),
                                    environment.data());
    EXPECT_EQ(error, 0) << command[0];
    running_.push_back(pid);
    return pid;
  }

  /// Exit status, or 128 + signal.
  int wait(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    std::erase(running_, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    EXPECT_EQ(wait(pid), 128 + SIGKILL);
  }

  /// Looks, without sleeping, until the files say so. The watchdog of the test run ends it if
  /// never.
  void until(const std::function<bool()>& condition) const {
    while (!condition()) ::sched_yield();
  }

  /// Runs the judge over the files. True: nothing wrong. Its line is in `said`.
  bool judge(const std::string& kind, std::string& said) const {
    // A lane's turn; what is released by hand may be all that one drain takes.
    const int batch = kind == "manual" ? 4096 : 256;
    std::string command = sibling("judge") + " " + directory_ + " " + std::to_string(writers()) +
                          " " + std::to_string(batch);
    if (kind == "state") command += " --state";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 1024> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr) {
      said += line.data();
    }
    return ::pclose(pipe) == 0;
  }

 private:
  std::uint64_t capacity_;
  std::string directory_;
  std::unique_ptr<MappedFile<HandlerRecord>> handler_;
  std::vector<std::unique_ptr<MappedFile<WriterRecord>>> records_;
  std::vector<pid_t> running_;
};

/// The number after a word in the judge's line.
inline std::uint64_t figure(const std::string& said, const std::string& word) {
  const std::size_t at = said.find(word + " ");
  return at == std::string::npos ? ~std::uint64_t{0}
                                 : std::strtoull(said.c_str() + at + word.size() + 1, nullptr, 10);
}

}  // namespace process_test
