// Throughput: writers send as fast as they can, one owner takes.
//
// A Channel is what a contestant gives:
//
//   struct Channel {
//     static constexpr bool kThreads;           // its ends are threads of one process
//     explicit Channel(const Setting&, const char* name);  // before anybody is forked
//     std::uint64_t batch() const;              // published or taken at a time, at most
//     struct Sender {
//       Sender(Channel&, std::uint32_t writer); // blocks until it can send; the owner drains then
//       bool try_send(std::span<const std::byte>);  // false: no room; the same message comes again
//       void flush();                           // all that was sent can be taken
//     };
//     struct Receiver {
//       explicit Receiver(Channel&);
//       template <class F> std::size_t drain(F&& look);  // look(span) for each; how many
//       void wait();                            // only if the setting sleeps: until one is there
//     };
//   };
//
// Constructors throw std::exception, whose text is told.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/board.hpp"
#include "bench/crew.hpp"
#include "bench/figures.hpp"
#include "bench/memory.hpp"
#include "bench/message.hpp"
#include "bench/point.hpp"

namespace cortado::bench {

using Clock = std::chrono::steady_clock;

/// Messages between two looks at the clock.
inline constexpr std::uint64_t kPerLook = 1024;

template <class Channel>
void write_stream(Channel& channel, const Setting& setting, Board& board, Board::Notes& notes,
                  std::uint32_t number) {
  pin_writer(setting.processors, number);
  Board::await(notes.may_join);
  typename Channel::Sender sender(channel, number);
  Pen pen(setting.bytes(), number);
  if (setting.spoils) pen.spoil();
  const std::uint64_t most = setting.most_messages != 0 ? setting.most_messages : ~std::uint64_t{0};
  board.ready.fetch_add(1, std::memory_order_acq_rel);
  Board::await(board.go);
  const std::uint64_t cpu = process_cpu_ns();
  std::uint64_t sent = 0;
  Backoff backoff;
  while (sent < most && board.stop.load(std::memory_order_relaxed) == 0) {
    const auto message = pen.next();
    if (!sender.try_send(message)) [[unlikely]] {
      // Not given up when it is over: a contestant may have sent a part of it.
      do {
        backoff.pause();
        if (board.given_up()) return;
      } while (!sender.try_send(message));
      backoff.reset();
    }
    ++sent;
  }
  sender.flush();
  notes.cpu_ns.store(process_cpu_ns() - cpu, std::memory_order_relaxed);
  notes.sent.store(sent, std::memory_order_relaxed);
  board.finished.fetch_add(1, std::memory_order_acq_rel);
  Board::await(board.over);
}

/// The owner's part, while it goes on.
template <class Receiver>
class Taking {
 public:
  Taking(Receiver& receiver, Checker& checker, Board& board) noexcept
      : receiver_(receiver), checker_(checker), board_(board) {}

  /// Takes until `is_over`, which is asked now and then. Returns when that was.
  template <class IsOver>
  Clock::time_point until(IsOver is_over) {
    Backoff backoff;
    std::uint64_t next_look = checker_.all() + kPerLook;
    for (;;) {
      const std::size_t taken =
          receiver_.drain([this](std::span<const std::byte> message) { checker_.look(message); });
      if (taken == 0) {
        backoff.pause();
      } else if (checker_.all() < next_look) {
        continue;
      }
      next_look = checker_.all() + kPerLook;
      const auto now = Clock::now();
      board_.check();
      if (is_over(now)) return now;
    }
  }

 private:
  Receiver& receiver_;
  Checker& checker_;
  Board& board_;
};

/// Everything that stream() measures between two moments.
class Window {
 public:
  Window(const Checker& checker, std::uint32_t writers, Clock::time_point begin)
      : checker_(checker), begin_(begin), cpu_(process_cpu_ns()), seen_(writers) {
    for (std::uint32_t w = 0; w < writers; ++w) seen_[w] = checker.seen_of(w);
    all_ = checker.all();
  }

  std::uint64_t taken() const noexcept { return checker_.all() - all_; }
  void close(Clock::time_point end, Figures& figures) {
    const auto took = std::chrono::duration<double, std::nano>(end - begin_).count();
    if (taken() > 0) figures.ns_per_message = took / static_cast<double>(taken());
    std::vector<double> shares;
    for (std::uint32_t w = 0; w < seen_.size(); ++w) {
      shares.push_back(static_cast<double>(checker_.seen_of(w) - seen_[w]));
    }
    figures.fairness_jain = jain(shares);
  }
  /// Of this process, for each message taken since the begin.
  double cpu_ns_per_message() const noexcept {
    return static_cast<double>(process_cpu_ns() - cpu_) /
           static_cast<double>(std::max<std::uint64_t>(taken(), 1));
  }

 private:
  const Checker& checker_;
  Clock::time_point begin_;
  std::uint64_t cpu_;
  std::uint64_t all_ = 0;
  std::vector<std::uint64_t> seen_;
};

/// Lets writers come, so that never more than a few are about to: a thousand that knock at one door
/// would keep each other from it.
class Admission {
 public:
  explicit Admission(std::span<Board::Notes> notes) noexcept : notes_(notes) {}

  /// Called again and again. True: all are there.
  bool all_are_ready(const Board& board) noexcept {
    constexpr std::size_t kAtATime = 16;
    const std::size_t ready = board.ready.load(std::memory_order_acquire);
    for (; admitted_ < std::min(ready + kAtATime, notes_.size()); ++admitted_) {
      Board::set(notes_[admitted_].may_join);
    }
    return ready == notes_.size();
  }
  void let_all_go() noexcept {
    for (Board::Notes& each : notes_) Board::set(each.may_join);
  }

 private:
  std::span<Board::Notes> notes_;
  std::size_t admitted_ = 0;
};

template <class Channel>
Figures stream(const Setting& setting) {
  const std::uint32_t writers = setting.writers();
  SharedBoard shared(writers);
  Board& board = shared.board();
  const auto notes = shared.notes();
  Figures figures;
  Admission admission(notes);
  Channel channel(setting, "stream");
  Crew crew(board);
  for (std::uint32_t w = 0; w < writers; ++w) {
    const auto work = [&, w] { write_stream(channel, setting, board, notes[w], w); };
    Channel::kThreads ? crew.thread(work) : crew.fork(work);
  }
  try {
    pin_owner(setting.processors);
    const double memory = held_bytes();
    typename Channel::Receiver receiver(channel);
    Checker checker(setting.bytes(), writers);
    Taking taking(receiver, checker, board);
    taking.until([&](auto) { return admission.all_are_ready(board); });
    Board::set(board.go);
    const auto warm = Clock::now() + setting.duration / 5;
    const auto all_finished = [&] {
      return board.finished.load(std::memory_order_acquire) == writers;
    };
    // With a number of messages to send, the window is all of it. On a busy machine the first one
    // may take longer than a whole window.
    const auto begin = setting.most_messages != 0 ? Clock::now() : taking.until([&](auto now) {
      return now >= warm && checker.all() > 0;
    });
    Window window(checker, writers, begin);
    const auto end = taking.until([&](auto now) {
      if (setting.most_messages != 0) return all_finished();
      return now - begin >= setting.duration && window.taken() > 0;
    });
    window.close(end, figures);
    figures.cpu_ns_per_message = window.cpu_ns_per_message();
    Board::set(board.stop);
    taking.until([&](auto) { return all_finished(); });
    for (const Board::Notes& each : notes) figures.sent += each.sent.load();
    taking.until([&](auto) { return checker.all() >= figures.sent; });
    figures.memory_bytes = held_bytes() - memory;
    figures.validated = checker.all() - checker.wrong();
    figures.wrong = checker.wrong();
    figures.batch = channel.batch();
    if (!Channel::kThreads) {
      std::uint64_t cpu = 0;
      for (const Board::Notes& each : notes) cpu += each.cpu_ns.load();
      figures.cpu_ns_per_message +=
          static_cast<double>(cpu) / static_cast<double>(std::max<std::uint64_t>(figures.sent, 1));
    }
    Board::set(board.over);
  } catch (...) {
    board.give_up();
    admission.let_all_go();
    crew.abandon();
    throw;
  }
  return figures;
}

}  // namespace cortado::bench
