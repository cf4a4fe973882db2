// Crash points, each of them: a child performs one operation on shared memory and is stepped
// through it, one instruction at a time. What stands in the shared memory after an instruction is
// what a kill at that instruction leaves behind (a kill is a precise exception: stores before it
// are complete, stores after it never happen). Each distinct image is kept, for a fresh judge.
//
//   setup -> fork -> [ step, compare, step, compare ... ] -> judge(image), for each distinct image
//                     ^ child: prepare()   marks 1   run()   marks 2
//
// What it cannot show: a peer that moves meanwhile. Random kills of live processes do that.
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <sched.h>
#include <unistd.h>

namespace cortado::test {

/// One operation whose crash points are judged.
struct Operation {
  std::string name;
  /// Puts the shared memory into the state before, and says where it is. Called in the parent.
  std::function<std::vector<std::span<std::byte>>()> setup;
  /// Makes a child ready for the operation, before its first step. May be left out.
  std::function<void()> prepare;
  /// The operation. Called once, in a child; only what it does to the shared memory remains.
  std::function<void()> run;
  /// Looks at an image: the regions of `setup`, one after the other. Empty: nothing is wrong.
  std::function<std::string(std::span<const std::byte> image)> judge;
  /// Likewise, for the image that the complete operation leaves.
  std::function<std::string(std::span<const std::byte> image)> judge_complete;
  /// False: the operation is expected to leave the shared memory as it was.
  bool changes = true;
};

/// What stepping through one operation showed.
struct Stepped {
  std::string refused;           ///< not empty: this machine does not let us step, and why
  std::string broken;            ///< not empty: the child did not complete, and how it ended
  std::uint64_t boundaries = 0;  ///< instructions of the operation
  std::unordered_set<std::string> images;  ///< distinct, the one before the operation included
  std::string last;
};

/// Parent and child on one processor: two of them, taking turns, mostly wait for each other's wake.
class OnOneProcessor {
 public:
  OnOneProcessor() {
    sched_getaffinity(0, sizeof before_, &before_);
    const int here = sched_getcpu();
    if (here < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(here), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneProcessor() { sched_setaffinity(0, sizeof before_, &before_); }
  OnOneProcessor(const OnOneProcessor&) = delete;
  OnOneProcessor& operator=(const OnOneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

class Stepper {
 public:
  static constexpr std::uint64_t kToTheEnd = std::numeric_limits<std::uint64_t>::max();

  /// Steps through the operation in a child; after `kill_after` instructions of it the child is
  /// killed.
  static Stepped step(const Operation& operation, std::uint64_t kill_after = kToTheEnd) {
    const OnOneProcessor pinned;
    Stepper stepper(operation.setup());
    stepper.child_ = fork();
    if (stepper.child_ < 0) {
      stepper.result_.refused = std::string("fork: ") + std::strerror(errno);
      return stepper.result_;
    }
    if (stepper.child_ == 0) stepper.perform(operation);
    stepper.watch(kill_after);
    return std::move(stepper.result_);
  }

 private:
  enum Mark : int { before = 0, inside = 1, behind = 2 };
  static constexpr int kNotPermitted = 77;

  explicit Stepper(std::vector<std::span<std::byte>> regions) : regions_(std::move(regions)) {
    void* page = mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) std::abort();
    mark_ = new (page) std::atomic<int>(before);
  }
  ~Stepper() { munmap(mark_, sizeof(std::atomic<int>)); }
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  [[noreturn]] void perform(const Operation& operation) {
    if (operation.prepare) operation.prepare();
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNotPermitted);
    std::raise(SIGSTOP);
    mark_->store(inside);
    operation.run();
    mark_->store(behind);
    _exit(0);
  }

  /// Waits for the child to stop. False: it is gone, and the result says how.
  bool stopped() {
    if (waitpid(child_, &status_, 0) != child_) {
      result_.broken = std::string("waitpid: ") + std::strerror(errno);
      return false;
    }
    if (WIFSTOPPED(status_)) return true;
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == kNotPermitted) {
      result_.refused = "a child may not be traced here (PTRACE_TRACEME)";
    } else {
      result_.broken = "the child ended with wait status " + std::to_string(status_);
    }
    return false;
  }

  void watch(std::uint64_t kill_after) {
    if (!stopped()) return;
    keep_image();
    ptrace(PTRACE_SETOPTIONS, child_, nullptr, PTRACE_O_EXITKILL);
    int signal = 0;  // the SIGSTOP has done its work
    while (mark_->load() != behind && result_.boundaries < kill_after) {
      if (ptrace(PTRACE_SINGLESTEP, child_, nullptr, signal) != 0) {
        result_.refused = std::string("PTRACE_SINGLESTEP: ") + std::strerror(errno);
        break;
      }
      if (!stopped()) return;
      signal = WSTOPSIG(status_) == SIGTRAP ? 0 : WSTOPSIG(status_);
      if (mark_->load() != inside) continue;
      ++result_.boundaries;
      keep_image();
    }
    kill(child_, SIGKILL);
    waitpid(child_, &status_, 0);
    keep_image();
  }

  /// Adds what stands in the regions now, if it is not what stood there before.
  void keep_image() {
    if (!result_.images.empty() && same_as_last()) return;
    result_.last.clear();
    for (const auto& region : regions_) {
      result_.last.append(reinterpret_cast<const char*>(region.data()), region.size());
    }
    result_.images.insert(result_.last);
  }

  bool same_as_last() const {
    std::size_t at = 0;
    for (const auto& region : regions_) {
      if (std::memcmp(result_.last.data() + at, region.data(), region.size()) != 0) return false;
      at += region.size();
    }
    return true;
  }

  std::vector<std::span<std::byte>> regions_;
  std::atomic<int>* mark_ = nullptr;
  pid_t child_ = -1;
  int status_ = 0;
  Stepped result_;
};

/// Sums over the operations of a test; what it prints is the figure that is published.
struct Figures {
  std::string refused;
  std::uint64_t boundaries = 0;
  std::uint64_t distinct = 0;
  std::uint64_t bad = 0;
  std::vector<std::string> complaints;  ///< the first few

  void complain(const std::string& what) {
    ++bad;
    if (complaints.size() < 10) complaints.push_back(what);
  }
};

/// Steps through the operation and has each distinct image judged.
inline void judge_crash_points(const Operation& operation, Figures& figures) {
  const Stepped stepped = Stepper::step(operation);
  if (!stepped.refused.empty()) {
    figures.refused = stepped.refused;
    return;
  }
  const auto complain = [&](const std::string& what) {
    if (!what.empty()) figures.complain(operation.name + ": " + what);
  };
  const auto bytes = [](const std::string& image) { return std::as_bytes(std::span(image)); };
  figures.boundaries += stepped.boundaries;
  figures.distinct += stepped.images.size();
  complain(stepped.broken);
  if (stepped.boundaries == 0) complain("no instruction was stepped");
  if (operation.changes != (stepped.images.size() > 1)) {
    complain(std::to_string(stepped.images.size()) + " distinct images");
  }
  for (const std::string& image : stepped.images) complain(operation.judge(bytes(image)));
  if (stepped.broken.empty()) complain(operation.judge_complete(bytes(stepped.last)));
}

}  // namespace cortado::test
