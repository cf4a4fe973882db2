// A line on a terminal that tells how far a long command is.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cortado::tools {

/// Shows nothing in the first second, nor if standard error is no terminal. Removes its line when
/// destroyed.
class Progress {
 public:
  /// doing: what is counted, as in "lines sent".
  Progress(std::string doing, bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// From now on it counts something else.
  void now(const char* doing) { doing_ = doing; }
  bool active() const noexcept { return active_; }
  /// `part` of the whole between 0 and 1; below 0: unknown. Writes at most ten times a second.
  void show(std::uint64_t count, double part = -1);
  /// For what is no count: how far it is, in words.
  void show(const std::string& standing, double part);
  /// Before anything else is written to standard error.
  void clear();

 private:
  bool due();
  void write(const std::string& standing, double part);

  std::string doing_;
  bool active_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace cortado::tools
