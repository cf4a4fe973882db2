// Crew: the writers of one run, as processes or as threads; and on which processor one runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "bench/board.hpp"

namespace cortado::bench {

class Crew {
 public:
  explicit Crew(Board& board) noexcept : board_(board) {}
  /// Waits for all.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// `work` in a child of its own, which ends with this process. What it throws is told on the
  /// board. Throws std::system_error.
  void fork(const std::function<void()>& work);
  void thread(std::function<void()> work);
  /// Ends the children. Threads must come to an end by themselves.
  void abandon() noexcept;

 private:
  void do_it(const std::function<void()>& work) noexcept;

  Board& board_;
  std::vector<pid_t> children_;
  std::vector<std::thread> threads_;
};

/// Of this process: those that it may use.
std::vector<int> usable_processors();
/// The calling thread runs there only: on the i-th of them, or the one before the first writer's.
/// With fewer than two, anywhere.
void pin(const std::vector<int>& processors, std::size_t i) noexcept;
/// Owners have the first processor, writers the others in turn.
void pin_owner(const std::vector<int>& processors) noexcept;
void pin_writer(const std::vector<int>& processors, std::uint32_t writer) noexcept;

/// What this process (all its threads) used of the processors, in ns.
std::uint64_t process_cpu_ns() noexcept;

/// Between two looks at something that is not there yet: a moment, and when that was often, the
/// processor for somebody else.
class Backoff {
 public:
  void pause() noexcept;
  void reset() noexcept { looks_ = 0; }

 private:
  static constexpr int kLooks = 100;
  int looks_ = 0;
};

}  // namespace cortado::bench
