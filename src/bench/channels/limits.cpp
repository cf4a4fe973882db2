// The machine's own limits: a line bounced, bytes copied, a sleeper woken. No queue, no promise.
#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>

#include <sys/eventfd.h>

#include <sched.h>
#include <unistd.h>

#include "bench/bounce.hpp"
#include "bench/contestant.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"
#include "os/futex.hpp"

namespace cortado::bench {
namespace {

/// Looks without a pause, as fast as it goes; with one processor somebody else must have it, too.
inline void await_value(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  constexpr int kLooks = 20'000;
  for (int i = 0; word.load(std::memory_order_acquire) != value; ++i) {
    if (i >= kLooks) ::sched_yield();
  }
}

// A bounce: we pass, the other side awaits it and passes back, we await that. `value` counts both
// steps, from 0 on either side.

/// One word there and back: an even number is ours to raise, an odd one the other's.
class LineBounce {
 public:
  void pass(std::uint32_t& value) noexcept { word_->store(++value, std::memory_order_release); }
  void await(std::uint32_t& value) noexcept { await_value(*word_, ++value); }

 private:
  SharedBlock block_{4096};
  std::atomic<std::uint32_t>* word_ = new (block_.data()) std::atomic<std::uint32_t>(0);
};

class EventBounce {
 public:
  EventBounce() : there_(make()), back_(make()) {}
  ~EventBounce() {
    ::close(there_);
    ::close(back_);
  }
  EventBounce(const EventBounce&) = delete;
  EventBounce& operator=(const EventBounce&) = delete;

  void pass(std::uint32_t& value) { signal(line_of(value++)); }
  void await(std::uint32_t& value) { wait(line_of(value++)); }

 private:
  int line_of(std::uint32_t value) const noexcept { return value % 2 == 0 ? there_ : back_; }
  static int make() {
    const int descriptor = ::eventfd(0, EFD_CLOEXEC);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "make an eventfd");
    return descriptor;
  }
  static void signal(int descriptor) {
    const std::uint64_t one = 1;
    if (::write(descriptor, &one, sizeof one) != sizeof one) {
      throw std::system_error(errno, std::generic_category(), "write to an eventfd");
    }
  }
  static void wait(int descriptor) {
    std::uint64_t count = 0;
    if (::read(descriptor, &count, sizeof count) != sizeof count) {
      throw std::system_error(errno, std::generic_category(), "read an eventfd");
    }
  }

  int there_;
  int back_;
};

class FutexBounce {
 public:
  void pass(std::uint32_t& value) noexcept {
    word_->store(++value, std::memory_order_release);
    os::futex_wake_all(*word_);
  }
  void await(std::uint32_t& value) noexcept {
    ++value;
    for (;;) {
      const std::uint32_t seen = word_->load(std::memory_order_acquire);
      if (seen == value) return;
      os::futex_wait(*word_, seen);
    }
  }

 private:
  SharedBlock block_{4096};
  std::atomic<std::uint32_t>* word_ = new (block_.data()) std::atomic<std::uint32_t>(0);
};

template <class Bounce>
Figures bounce_to_and_fro(const Setting& setting) {
  SharedBoard shared(1);
  Board& board = shared.board();
  Bounce line;
  Times times;
  Figures figures;
  Crew crew(board);
  crew.fork([&] {
    pin_writer(setting.processors, 0);
    Board::set(board.ready);
    for (std::uint32_t value = 0;;) {
      line.await(value);
      // Looked at only here: between two passes it may be set before the last one comes.
      if (board.stop.load(std::memory_order_relaxed) != 0) return;
      line.pass(value);
    }
  });
  try {
    pin_owner(setting.processors);
    Board::await(board.ready);
    Course course(setting, times);
    std::uint32_t value = 0;
    do {
      line.pass(value);
      line.await(value);
    } while (course.go_on());
    times.close(figures);
    figures.sent = figures.validated = course.done();
    Board::set(board.stop);
    line.pass(value);
  } catch (...) {
    crew.abandon();
    throw;
  }
  return figures;
}

/// Bytes copied from one place to the next place of a buffer as large as a ring.
Figures copy_memory(const Setting& setting) {
  pin_owner(setting.processors);
  const std::size_t bytes = setting.bytes();
  const std::size_t slots = std::max<std::size_t>(1, setting.ring_bytes / bytes);
  std::vector<std::byte> to(slots * bytes);
  Pen pen(bytes, 0);
  if (setting.spoils) pen.spoil();
  Checker checker(bytes, 1);
  const std::uint64_t most = setting.most_messages != 0 ? setting.most_messages : ~std::uint64_t{0};
  Figures figures;
  std::size_t slot = 0;
  const auto begin = Clock::now();
  auto now = begin;
  const std::size_t per_look = std::clamp<std::size_t>((std::size_t{1} << 16) / bytes, 1, kPerLook);
  do {
    for (std::size_t i = 0; i < per_look && figures.sent < most; ++i) {
      std::byte* const at = to.data() + slot * bytes;
      copy_bytes(at, pen.next().data(), bytes);
      asm volatile("" : : "r"(at) : "memory");  // the copy is made
      checker.look({at, bytes});
      if (++slot == slots) slot = 0;
      ++figures.sent;
    }
    now = Clock::now();
  } while (setting.most_messages != 0 ? figures.sent < most : now - begin < setting.duration);
  figures.validated = checker.all() - checker.wrong();
  figures.wrong = checker.wrong();
  figures.ns_per_message = std::chrono::duration<double, std::nano>(now - begin).count() /
                           static_cast<double>(std::max<std::uint64_t>(1, figures.sent));
  return figures;
}

Contestant::Run run_line(const Point& point) {
  const bool can = point.kind == Kind::round_trip && point.waiting == Waiting::polling;
  return can ? bounce_to_and_fro<LineBounce> : nullptr;
}

template <class Bounce>
Contestant::Run run_sleepers(const Point& point) {
  const bool can = point.kind == Kind::round_trip && point.waiting == Waiting::sleeping;
  return can ? bounce_to_and_fro<Bounce> : nullptr;
}

Contestant::Run run_copy(const Point& point) {
  return point.kind == Kind::throughput ? copy_memory : nullptr;
}

}  // namespace

double bounce(const std::vector<int>& processors) {
  if (processors.size() < 2) return 0;
  Setting setting;
  setting.processors = processors;
  // By time, not by number: on a busy machine each may wait for both processors.
  setting.duration = std::chrono::milliseconds(3);
  cpu_set_t before;
  const bool is_known = ::sched_getaffinity(0, sizeof before, &before) == 0;
  const double ns = bounce_to_and_fro<LineBounce>(setting).ns_per_message;
  if (is_known) ::sched_setaffinity(0, sizeof before, &before);
  return ns;
}

std::span<const Contestant> limit_contestants() {
  static constexpr Contestant kAll[] = {
      {"cache-line", "one word bounced between two processes", Role::limit, run_line},
      {"memcpy", "one copy, by one process, through as many bytes as a ring has", Role::limit,
       run_copy},
      {"eventfd", "two sleepers wake each other by eventfds", Role::limit,
       run_sleepers<EventBounce>},
      {"futex", "two sleepers wake each other by a futex", Role::limit, run_sleepers<FutexBounce>},
  };
  return kAll;
}

}  // namespace cortado::bench
