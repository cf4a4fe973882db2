// Board: what the processes (or threads) of one run share: its steps, and what each writer notes.
//
//   owner                                 writer
//   open its end, then `may_join` = 1,
//   to a few at a time              --->  make its end; ready + 1
//   `go` = 1, when all are ready    --->  send, until `stop`; note what was sent; finished + 1
//   take until all of it is there
//   `over` = 1                      --->  leave
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cortado::bench {

/// In memory that is shared with children. Every word is 0 before the run.
struct Board {
  struct alignas(64) Notes {
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> cpu_ns{0};
    std::atomic<std::uint32_t> may_join{0};  ///< the owner says so, to a few at a time
  };

  std::atomic<std::uint32_t> peer_open{0};  ///< in a round trip: the other end, too
  std::atomic<std::uint32_t> joined{0};
  std::atomic<std::uint32_t> ready{0};
  std::atomic<std::uint32_t> go{0};
  /// Alone on its line: writers look at it for each message.
  alignas(64) std::atomic<std::uint32_t> stop{0};
  alignas(64) std::atomic<std::uint32_t> finished{0};
  std::atomic<std::uint32_t> over{0};
  std::atomic<std::uint32_t> has_failed{0};
  char why[240] = {};

  static constexpr std::uint32_t kGivenUp = 2;  ///< of `stop`

  /// Whose text comes first is told.
  void fail(const char* text) noexcept;
  /// Throws std::runtime_error if somebody failed.
  void check() const;

  /// The run has failed: whoever waits goes on, and looks at given_up().
  void give_up() noexcept;
  bool given_up() const noexcept { return stop.load(std::memory_order_relaxed) == kGivenUp; }

  static void set(std::atomic<std::uint32_t>& word) noexcept;
  /// Sleeps until it is not 0.
  static void await(const std::atomic<std::uint32_t>& word) noexcept;
};

/// A board with room for the notes of so many writers, in anonymous shared memory.
class SharedBoard {
 public:
  /// Throws std::system_error.
  explicit SharedBoard(std::uint32_t writers);
  ~SharedBoard();
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;

  Board& board() noexcept { return *static_cast<Board*>(memory_); }
  std::span<Board::Notes> notes() noexcept;

 private:
  std::uint32_t writers_;
  std::size_t bytes_;
  void* memory_;
};

/// Anonymous memory that forked children share: what the hand-made rings stand in.
class SharedBlock {
 public:
  /// Throws std::system_error. Every page is there when it returns.
  explicit SharedBlock(std::size_t bytes);
  ~SharedBlock();
  SharedBlock(SharedBlock&& other) noexcept;
  SharedBlock& operator=(SharedBlock&&) = delete;
  SharedBlock(const SharedBlock&) = delete;
  SharedBlock& operator=(const SharedBlock&) = delete;

  std::byte* data() const noexcept { return static_cast<std::byte*>(memory_); }
  std::size_t size() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
  void* memory_;
};

}  // namespace cortado::bench
