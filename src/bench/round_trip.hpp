// Round trip: one message there and back, over two channels of one contestant. See stream.hpp for
// what a Channel is.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "bench/board.hpp"
#include "bench/crew.hpp"
#include "bench/figures.hpp"
#include "bench/message.hpp"
#include "bench/point.hpp"

namespace cortado::bench {

/// The cheapest clock there is: a call of steady_clock would be a fifth of a round trip.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// The times of round trips, each from the end of the one before.
class Times {
 public:
  /// Touches its memory, so that no page fault falls into a sample.
  Times() {
    samples_.resize(kMost);
    samples_.clear();
  }

  void begin() noexcept {
    samples_.clear();
    begun_ = std::chrono::steady_clock::now();
    first_ = last_ = ticks();
  }
  /// One more is back. False: there is no room for another.
  bool add() {
    const std::uint64_t now = ticks();
    samples_.push_back(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(now - last_, ~std::uint32_t{0})));
    last_ = now;
    return samples_.size() < kMost;
  }
  void close(Figures& figures) {
    const auto took =
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun_);
    if (samples_.empty()) return;
    const double tick_ns =
        took.count() / static_cast<double>(std::max<std::uint64_t>(1, ticks() - first_));
    const std::span<std::uint32_t> all(samples_);
    figures.p50_ns = tick_ns * percentile(all, 0.5);
    figures.p99_ns = tick_ns * percentile(all, 0.99);
    figures.p99_9_ns = tick_ns * percentile(all, 0.999);
    figures.ns_per_message = took.count() / static_cast<double>(samples_.size());
  }

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 21;
  std::vector<std::uint32_t> samples_;
  std::chrono::steady_clock::time_point begun_;
  std::uint64_t first_ = 0;
  std::uint64_t last_ = 0;
};

/// How long a round trip is measured; the first ones are not.
class Course {
 public:
  Course(const Setting& setting, Times& times) : setting_(setting), times_(times) {
    begin_ = std::chrono::steady_clock::now();
    times_.begin();
  }
  /// After each round trip. False: it is over.
  bool go_on() {
    const bool has_room = times_.add();
    ++done_;
    if (setting_.most_messages != 0) return done_ < setting_.most_messages && has_room;
    // Where both only sleep, 64 may take long; else a look at the clock would be a part of what is
    // measured.
    const bool is_quick = setting_.point.waiting != Waiting::sleeping;
    if (done_ % kPerClock != 0 && is_quick && has_room) return true;
    const auto now = std::chrono::steady_clock::now();
    if (!is_warm_ && now - begin_ >= setting_.duration / 5) {
      is_warm_ = true;
      begin_ = now;
      times_.begin();
      return true;
    }
    return (!is_warm_ || now - begin_ < setting_.duration) && (has_room || !is_warm_);
  }
  std::uint64_t done() const noexcept { return done_; }

 private:
  static constexpr std::uint64_t kPerClock = 64;
  const Setting& setting_;
  Times& times_;
  std::chrono::steady_clock::time_point begin_;
  std::uint64_t done_ = 0;
  bool is_warm_ = false;
};

/// Before the first message: for who must answer a sender that joins. Others would sleep.
template <class Receiver>
void serve(Receiver& receiver) {
  if constexpr (requires { receiver.serve(); }) receiver.serve();
}

template <class Channel>
void answer_messages(Channel& ping, Channel& pong, const Setting& setting, Board& board) {
  pin_writer(setting.processors, 0);
  typename Channel::Receiver receiver(ping);
  Board::set(board.peer_open);
  Backoff backoff;
  while (board.joined.load(std::memory_order_acquire) == 0) {
    serve(receiver);
    backoff.pause();
  }
  typename Channel::Sender sender(pong, 0);
  board.ready.store(1, std::memory_order_release);
  const auto send_back = [&](std::span<const std::byte> message) {
    // The last message only says that it is over.
    if (board.stop.load(std::memory_order_relaxed) != 0) return;
    while (!sender.try_send(message)) {
      if (board.given_up()) return;
      backoff.pause();
    }
    sender.flush();
  };
  while (board.stop.load(std::memory_order_relaxed) == 0) {
    if (receiver.drain(send_back) != 0) continue;
    if (setting.sleeps()) {
      receiver.wait();
    } else if (setting.is_crowded()) {
      backoff.pause();
    }
  }
  board.finished.store(1, std::memory_order_release);
  // Senders of some kinds take unsent messages along when they end.
  Board::await(board.over);
}

template <class Channel>
Figures round_trip(const Setting& setting) {
  SharedBoard shared(1);
  Board& board = shared.board();
  Figures figures;
  Channel ping(setting, "ping");
  Channel pong(setting, "pong");
  Times times;
  Crew crew(board);
  const auto work = [&] { answer_messages(ping, pong, setting, board); };
  Channel::kThreads ? crew.thread(work) : crew.fork(work);
  try {
    pin_owner(setting.processors);
    typename Channel::Receiver receiver(pong);
    while (board.peer_open.load(std::memory_order_acquire) == 0) {
      board.check();
      std::this_thread::yield();
    }
    typename Channel::Sender sender(ping, 0);
    Board::set(board.joined);
    Backoff backoff;
    while (board.ready.load(std::memory_order_acquire) == 0) {
      serve(receiver);
      board.check();
      backoff.pause();
    }
    Pen pen(setting.bytes(), 0);
    if (setting.spoils) pen.spoil();
    Checker checker(setting.bytes(), 1);
    const auto look = [&](std::span<const std::byte> message) { checker.look(message); };
    const auto send = [&] {
      const auto message = pen.next();
      while (!sender.try_send(message)) {
        board.check();
        backoff.pause();
      }
      sender.flush();
    };
    Course course(setting, times);
    do {
      send();
      while (receiver.drain(look) == 0) {
        if (setting.sleeps()) {
          receiver.wait();
        } else if (setting.is_crowded()) {
          backoff.pause();
        }
      }
    } while (course.go_on());
    times.close(figures);
    figures.sent = course.done();
    figures.validated = checker.all() - checker.wrong();
    figures.wrong = checker.wrong();
    Board::set(board.stop);
    send();
    while (board.finished.load(std::memory_order_acquire) == 0) backoff.pause();
    Board::set(board.over);
  } catch (...) {
    board.give_up();
    crew.abandon();
    throw;
  }
  return figures;
}

}  // namespace cortado::bench
