// The arena: a real owner process, honest writer processes, and a hostile process with whatever it
// was handed. Each is forked from the test, which has no thread, no owner and no writer of its own.
//
// What every attack is judged by, whatever it is:
//   - the owner lives, and ends when it is told to, with exit status 0;
//   - the honest ones' messages come whole, once, in order: each byte is compared as it arrives,
//     and what each of them sent was applied when it had closed;
//   - they go on *after* the attack: a thousand more messages of each;
//   - what the owner hands to the handler of a hostile message does not change under its eyes.
//
// What the hostile lane must come to, the test says (`Fate`). There is no bound on time: who hangs
// is ended by the alarm of its process, and the test fails.
#pragma once

#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "../process/records.hpp"
#include "../support/seed.hpp"
#include "../support/shared.hpp"
#include "../unit/forked_child.hpp"
#include "../unit/temporary_directory.hpp"

namespace cortado::test {

inline constexpr std::uint32_t kHonest = 2;
inline constexpr std::size_t kReasons = 512;

/// What all processes of an arena share: counters, written by one process each.
struct Board {
  struct alignas(128) Honest {
    std::atomic<std::uint64_t> sent;     ///< the writer: send said `sent`
    std::atomic<std::uint64_t> applied;  ///< the owner: this many arrived, whole and in order
    std::atomic<std::uint64_t> wrong;    ///< the owner: torn, lost, doubled or out of order
  };
  std::array<Honest, kHonest> honest;
  std::atomic<bool> enough;          ///< honest writers close
  std::atomic<bool> end_owner;       ///< the owner closes, and ends when it is drained
  std::atomic<bool> ready;           ///< the owner is open
  std::atomic<std::uint64_t> waits;  ///< sleeps of the owner that came to an end

  std::atomic<std::uint64_t> attacks;      ///< the hostile one: delivered
  std::atomic<std::uint64_t> hostile;      ///< the owner: hostile messages handled
  std::atomic<std::uint64_t> changed;      ///< ... whose bytes changed while they were looked at
  std::atomic<std::uint64_t> dropped;      ///< ... answers that found no room
  std::atomic<std::uint64_t> left;         ///< hostile lanes that ended
  std::atomic<std::uint64_t> quarantined;  ///< ... by quarantine
  std::atomic<std::uint64_t> nameless;     ///< ... without a reason
  std::array<std::array<char, 96>, kReasons> reasons;  ///< by `quarantined`

  std::string reason(std::uint64_t n) const { return reasons[n % kReasons].data(); }
};

/// How often a test repeats its attack: `quick`, or ten times CORTADO_ROUNDS / 20 of it.
inline std::uint64_t rounds(std::uint64_t quick) {
  const char* given = std::getenv("CORTADO_ROUNDS");
  return given == nullptr
             ? quick
             : std::max<std::uint64_t>(1, quick * std::strtoull(given, nullptr, 10) / 20);
}

/// Called by the owner for each hostile message, after it was looked at.
using HostileHandler = std::function<void(const Message&, Board&)>;

namespace detail {

inline std::uint32_t honest_length(std::uint64_t the_seed, std::uint32_t writer,
                                   std::uint64_t number) {
  return 16 + static_cast<std::uint32_t>(process_test::mix(the_seed + writer * 77 + number) % 300);
}

/// Sends until it is enough: now and then a burst, so that the owner sleeps and works by turns.
inline int be_honest(Board& board, std::uint32_t index, const std::string& directory,
                     std::uint64_t the_seed) {
  JoinOptions options;
  options.directory = directory;
  options.name = "honest-" + std::to_string(index);
  options.timeout = std::chrono::seconds(60);
  auto writer = Writer::join("arena", options);
  if (!writer) return std::fprintf(stderr, "honest: %s\n", writer.error().text.c_str()), 1;
  std::vector<std::byte> bytes;
  Board::Honest& mine = board.honest[index];
  for (std::uint64_t n = 0; !board.enough.load(); ++n) {
    bytes.resize(honest_length(the_seed, index, n));
    process_test::make_message(the_seed, index, n, bytes);
    const SendStatus status =
        writer->send(std::span<const std::byte>(bytes), Writer::time_point::max());
    if (status != SendStatus::sent)
      return std::fprintf(stderr, "honest: %s\n", to_string(status)), 2;
    mine.sent.store(n + 1);
    if (n % 32 == 31) ::usleep(200);
  }
  return writer->close(Writer::time_point::max()) == 0 ? 0 : 3;
}

/// The handler's eyes.
class Judge {
 public:
  Judge(Board& board, std::uint64_t the_seed) : board_(board), seed_(the_seed) {}

  void look_at(const Message& message, const HostileHandler& hostile) {
    constexpr std::string_view kName = "honest-";
    if (message.writer().starts_with(kName)) {
      look_at_honest(message, static_cast<std::uint32_t>(message.writer()[kName.size()] - '0'));
      return;
    }
    const std::uint64_t before = process_test::digest_of(message.bytes());
    seen_.assign(message.bytes().begin(), message.bytes().end());
    if (process_test::digest_of(message.bytes()) != before ||
        !std::equal(seen_.begin(), seen_.end(), message.bytes().begin(), message.bytes().end())) {
      board_.changed.fetch_add(1);
    }
    if (hostile) hostile(message, board_);
    board_.hostile.fetch_add(1);
  }

 private:
  void look_at_honest(const Message& message, std::uint32_t writer) {
    Board::Honest& board = board_.honest.at(writer);
    const std::uint64_t n = board.applied.load();
    expected_.resize(honest_length(seed_, writer, n));
    process_test::make_message(seed_, writer, n, expected_);
    const bool whole = std::equal(expected_.begin(), expected_.end(), message.bytes().begin(),
                                  message.bytes().end());
    if (!whole || message.sequence() != n || message.redelivered()) board.wrong.fetch_add(1);
    board.applied.store(n + 1);
  }

  Board& board_;
  std::uint64_t seed_;
  std::vector<std::byte> expected_, seen_;
};

inline void note(Board& board, const Event& event) {
  if (event.kind != Event::Kind::left || event.writer.starts_with("honest-")) return;
  if (event.how == Left::quarantined) {
    const std::uint64_t n = board.quarantined.load();
    auto& reason = board.reasons[n % kReasons];
    reason = {};
    std::memcpy(reason.data(), event.reason.data(),
                std::min(event.reason.size(), reason.size() - 1));
    if (event.reason.empty()) board.nameless.fetch_add(1);
    board.quarantined.store(n + 1);
  }
  board.left.fetch_add(1);
}

inline int be_owner(Board& board, const OwnerOptions& options, std::uint64_t the_seed,
                    const HostileHandler& hostile) {
  auto owner = Owner::open("arena", options);
  if (!owner) return std::fprintf(stderr, "owner: %s\n", owner.error().text.c_str()), 1;
  board.ready.store(true);
  Judge judge(board, the_seed);
  bool closing = false;
  while (!closing || !owner->drained()) {
    const std::size_t handled =
        owner->drain([&](const Message& message) { judge.look_at(message, hostile); });
    if (options.manual_release) owner->release_all();
    while (auto event = owner->next_event()) note(board, *event);
    if (!closing && board.end_owner.load()) {
      owner->close();
      closing = true;
    }
    if (handled == 0) {
      owner->wait(std::chrono::milliseconds(50));
      board.waits.fetch_add(1);
    }
  }
  return 0;
}

}  // namespace detail

class Arena {
 public:
  explicit Arena(OwnerOptions options = {}, HostileHandler hostile = {}) {
    options.directory = directory_.path();
    const std::uint64_t the_seed = seed();
    owner_.emplace(
        [&, options](Line&) { return detail::be_owner(*board_, options, the_seed, hostile); });
    until([&] { return board_->ready.load(); });
    for (std::uint32_t i = 0; i < kHonest; ++i) {
      honest_.push_back(std::make_unique<ForkedChild>(
          [&, i](Line&) { return detail::be_honest(*board_, i, directory_.path(), the_seed); }));
    }
    until_each_applied(1);
  }

  Board& board() const { return *board_; }
  pid_t owner() const { return owner_->pid(); }
  const std::string& directory() const { return directory_.path(); }

  /// A hostile process; its exit status is 0 if it did all that it wanted to do.
  [[nodiscard]] std::unique_ptr<ForkedChild> start(const std::function<int(Board&)>& body) const {
    return std::make_unique<ForkedChild>([&](Line&) { return body(*board_); });
  }
  /// The same, to its end. Returns how many attacks it delivered.
  std::uint64_t attack(const std::function<int(Board&)>& body) const {
    const std::uint64_t before = board_->attacks.load();
    EXPECT_EQ(start(body)->wait(), 0) << "the hostile process";
    return board_->attacks.load() - before;
  }

  /// Returns when each honest writer has had a thousand messages more applied.
  void let_honest_go_on() const {
    std::array<std::uint64_t, kHonest> goal{};
    for (std::uint32_t i = 0; i < kHonest; ++i) goal[i] = board_->honest[i].applied.load() + 1000;
    for (std::uint32_t i = 0; i < kHonest; ++i) {
      until([&] { return board_->honest[i].applied.load() >= goal[i]; });
    }
  }

  /// The end of it, and the verdict on everybody but the hostile one.
  void judge() {
    let_honest_go_on();
    board_->enough.store(true);
    for (auto& writer : honest_) EXPECT_EQ(writer->wait(), 0) << "an honest writer";
    board_->end_owner.store(true);
    EXPECT_EQ(owner_->wait(), 0) << "the owner";
    for (const Board::Honest& each : board_->honest) {
      EXPECT_EQ(each.wrong.load(), 0U);
      EXPECT_EQ(each.applied.load(), each.sent.load());
    }
    EXPECT_EQ(board_->changed.load(), 0U) << "a handler's bytes changed while it looked";
    EXPECT_EQ(board_->nameless.load(), 0U) << "quarantined without a reason";
  }

  /// Looks, without sleeping, until it is so. The owner's alarm ends it if never.
  void until(const std::function<bool()>& condition) const {
    while (!condition()) {
      if (::kill(owner_->pid(), 0) != 0 || gone(owner_->pid())) {
        ADD_FAILURE() << "the owner is gone";
        std::abort();
      }
      ::sched_yield();
    }
  }

 private:
  static bool gone(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
  }
  void until_each_applied(std::uint64_t count) const {
    for (std::uint32_t i = 0; i < kHonest; ++i) {
      until([&] { return board_->honest[i].applied.load() >= count; });
    }
  }

  TemporaryDirectory directory_;
  Shared<Board> board_;
  std::optional<ForkedChild> owner_;
  std::vector<std::unique_ptr<ForkedChild>> honest_;
};

}  // namespace cortado::test
