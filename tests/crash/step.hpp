// Crash points, each of them: a child performs one operation on shared memory and is stepped
// through it, one instruction at a time. What stands in the shared memory after an instruction is
// what a kill at that instruction leaves behind (a kill is a precise exception: stores before it
// are complete, stores after it never happen). Each distinct image is kept, for a fresh judge.
//
//   setup -> fork -> [ step, compare, step, compare ... ] -> judge(image), for each distinct image
//                     ^ child: prepare()   marks 1   run()   marks 2
//
// If the operation waits for a peer, that one acts in the parent, while the child sleeps
// (Operation::asleep) or between two of its instructions (Operation::observe). What it cannot show
// is a peer that moves at each single instruction: replay.hpp does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "clock.hpp"
#include "traced_child.hpp"

namespace cortado::test {

/// A point between two instructions of an operation, and how to come back to it.
struct CrashPoint {
  std::uint64_t address = 0;           ///< of the instruction that comes next
  std::uint64_t hit = 0;               ///< how often the child has come to it by then
  const std::string* image = nullptr;  ///< in Stepped::images
};

/// What stepping through one operation showed.
struct Stepped {
  std::string refused;           ///< not empty: this machine does not let us step, and why
  std::string broken;            ///< not empty: the child did not complete, and how it ended
  std::uint64_t boundaries = 0;  ///< instructions of the operation
  std::unordered_set<std::string> images;  ///< distinct, the one before the operation included
  std::string last;
  std::vector<CrashPoint> points;  ///< if they were asked for: one for each boundary
};

/// All bytes of the regions, one after the other.
inline std::string image_of(const std::vector<std::span<std::byte>>& regions) {
  std::string image;
  for (const auto& region : regions) {
    image.append(reinterpret_cast<const char*>(region.data()), region.size());
  }
  return image;
}

class Stepper {
 public:
  /// Steps through the operation in a child. `with_points`: so that a replay can come back.
  static Stepped step(const Operation& operation, bool with_points = false) {
    const OnOneProcessor pinned;
    const TestClock clock;
    TracedChild child(operation);
    Stepper stepper(operation, child, with_points);
    stepper.watch();
    stepper.result_.refused = child.refused();
    stepper.result_.broken = child.broken();
    return std::move(stepper.result_);
  }

 private:
  Stepper(const Operation& operation, TracedChild& child, bool with_points)
      : operation_(operation), child_(child), with_points_(with_points) {}

  void watch() {
    if (!child_.refused().empty() || !child_.broken().empty()) return;
    keep_image();
    while (!child_.behind()) {
      if (!child_.resume(PTRACE_SINGLESTEP)) return;
      count_point();
      if (!child_.inside()) continue;
      ++result_.boundaries;
      if (operation_.observe) operation_.observe();
      keep_image();
      if (with_points_) result_.points.back().image = image_;
    }
    child_.end();
    keep_image();
  }

  void count_point() {
#if defined(__x86_64__)
    if (!with_points_) return;
    const std::uint64_t address = child_.address();
    const CrashPoint point{address, ++hits_[address], nullptr};
    if (child_.inside()) result_.points.push_back(point);
#endif
  }

  /// Adds what stands in the regions now, if it is not what stood there before.
  void keep_image() {
    if (!result_.images.empty() && same_as_last()) return;
    result_.last = image_of(child_.regions());
    image_ = &*result_.images.insert(result_.last).first;
  }

  bool same_as_last() const {
    std::size_t at = 0;
    for (const auto& region : child_.regions()) {
      if (std::memcmp(result_.last.data() + at, region.data(), region.size()) != 0) return false;
      at += region.size();
    }
    return true;
  }

  const Operation& operation_;
  TracedChild& child_;
  bool with_points_;
  std::unordered_map<std::uint64_t, std::uint64_t> hits_;
  const std::string* image_ = nullptr;
  Stepped result_;
};

/// Sums over the operations of a test; what it prints is the figure that is published.
struct Figures {
  std::string refused;
  std::uint64_t operations = 0;
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
  if (!figures.refused.empty()) return;
  const Stepped stepped = Stepper::step(operation);
  if (!stepped.refused.empty()) {
    figures.refused = stepped.refused;
    return;
  }
  const auto complain = [&](const std::string& what) {
    if (!what.empty()) figures.complain(operation.name + ": " + what);
  };
  const auto bytes = [](const std::string& image) { return std::as_bytes(std::span(image)); };
  ++figures.operations;
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
