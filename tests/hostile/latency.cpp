// What a hostile writer costs the honest ones: the latency of their messages, from the send to the
// handler, beside one that attacks, beside a process that is as busy and no writer (idle owner),
// and beside an honest writer that sends as fast as it can (busy owner).
//
// One owner process and two honest writer processes all the time: each honest one sends 64 bytes
// every millisecond, on its own clock (open loop), with the time in them. Slices alternate: idle
// owner, busy owner, attack, idle owner ... for each attack, so that all share the same minutes of
// the machine. The process that makes the difference is pinned to the last processor, and nobody
// else is pinned: on two processors a busy process takes half of the machine, and a busy owner the
// other half, whoever it is that keeps it busy. So there are two ratios: what the attack costs
// those who had a machine to themselves, and what it costs beyond what any busy writer does.
//
// On a machine that others use, the scheduler's slices (milliseconds) hide what the owner does. So
// beside it stands what it works between two looks at the rings, in its own processor time: that is
// what an attack can add to the latency of others where a processor is free.
//
//   latency [SLICES [MILLISECONDS [WORD]]]      a table, of the attacks with that word; no verdict
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include <sched.h>
#include <unistd.h>

#include "../support/shared.hpp"
#include "../unit/forked_child.hpp"
#include "../unit/temporary_directory.hpp"
#include "hostile.hpp"
#include "knock.hpp"

namespace {

using namespace cortado;
using namespace cortado::test;

constexpr std::uint32_t kHonest = 2;
constexpr std::size_t kHonestBytes = 64;
constexpr std::size_t kMost = 1 << 20;

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

struct Table {
  std::atomic<bool> ready;
  std::atomic<bool> end;
  std::atomic<std::uint64_t> count;          ///< of `latency`
  std::array<std::uint32_t, kMost> latency;  ///< nanoseconds, a ring
  std::atomic<std::uint64_t> sleeps;         ///< of the owner
  std::atomic<std::uint64_t> rounds;
  std::array<std::uint32_t, kMost>
      work;  ///< of the owner, from drain to drain; nanoseconds, a ring
  std::atomic<std::uint64_t> attacks;
};

int own(Table& table, const std::string& directory) {
  OwnerOptions options;
  options.directory = directory;
  auto owner = Owner::open("arena", options);
  if (!owner) return std::fprintf(stderr, "owner: %s\n", owner.error().text.c_str()), 1;
  table.ready.store(true);
  std::uint64_t looked = now_ns(CLOCK_THREAD_CPUTIME_ID);
  while (!table.end.load(std::memory_order_relaxed)) {
    const std::size_t handled = owner->drain([&](const Message& message) {
      if (message.writer()[0] != 'w') return;
      std::uint64_t sent = 0;
      std::memcpy(&sent, message.bytes().data(), sizeof sent);
      const std::uint64_t n = table.count.load(std::memory_order_relaxed);
      table.latency[n % kMost] = static_cast<std::uint32_t>(now_ns() - sent);
      table.count.store(n + 1, std::memory_order_release);
    });
    while (owner->next_event()) {
    }
    if (handled == 0) {
      owner->wait(std::chrono::milliseconds(100));
      table.sleeps.fetch_add(1, std::memory_order_relaxed);
    }
    const std::uint64_t before = std::exchange(looked, now_ns(CLOCK_THREAD_CPUTIME_ID));
    const std::uint64_t round = table.rounds.load(std::memory_order_relaxed);
    table.work[round % kMost] = static_cast<std::uint32_t>(looked - before);
    table.rounds.store(round + 1, std::memory_order_release);
  }
  return 0;
}

int send_now_and_then(const Table& table, const std::string& directory, std::uint32_t index) {
  JoinOptions options;
  options.directory = directory;
  options.name = std::string{'w', static_cast<char>('0' + index)};
  auto writer = Writer::join("arena", options);
  if (!writer) return 1;
  constexpr std::uint64_t kPeriod = 1'000'000;
  std::uint64_t due = now_ns() + index * kPeriod / kHonest;
  while (!table.end.load(std::memory_order_relaxed)) {
    due += kPeriod;
    const timespec until{static_cast<time_t>(due / 1'000'000'000),
                         static_cast<long>(due % 1'000'000'000)};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    std::array<std::uint64_t, kHonestBytes / 8> message{now_ns()};
    if (writer->send(std::as_bytes(std::span(message)), Writer::time_point::max()) !=
        SendStatus::sent) {
      return 2;
    }
  }
  return 0;
}

/// One turn of an attack; called without end.
using Turn = std::function<void()>;
struct Attack {
  const char* name;
  /// Called in the hostile process.
  std::function<Turn(const std::string& directory)> begin;
};

Turn harmless(const std::string&) {
  const int event = ::eventfd(0, EFD_NONBLOCK);
  return [event] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
  };
}

std::shared_ptr<Hostile> joined(const std::string& directory) {
  return std::make_shared<Hostile>(directory, "");
}

/// Messages as fast as the ring takes them, by the public class.
Turn flood(const std::string& directory, std::size_t bytes) {
  JoinOptions options;
  options.directory = directory;
  auto writer = std::make_shared<Writer>(std::move(*Writer::join("arena", options)));
  return [writer, text = std::string(bytes, 'x')] { static_cast<void>(writer->try_send(text)); };
}

std::vector<Attack> attacks() {
  std::vector<Attack> all;
  all.push_back({"doorbell in a loop", [](const std::string& directory) -> Turn {
                   return [hostile = joined(directory)] { hostile->ring_bell(); };
                 }});
  all.push_back({"doorbell, a message each 50", [](const std::string& directory) -> Turn {
                   return [hostile = joined(directory), n = 0]() mutable {
                     if (++n % 50 == 0) hostile->put_honest("x");
                     hostile->ring_bell();
                   };
                 }});
  all.push_back({"doorbell, a message each", [](const std::string& directory) -> Turn {
                   return [hostile = joined(directory)] { hostile->put_honest("x"); };
                 }});
  all.push_back({"messages of 1 byte", [](const std::string& d) { return flood(d, 1); }});
  all.push_back({"messages of 4000 bytes", [](const std::string& d) { return flood(d, 4000); }});
  all.push_back({"questions, never heard", [](const std::string& directory) -> Turn {
                   return [hostile = joined(directory), n = 0U]() mutable {
                     const std::uint64_t ahead =
                         hostile->position() - hostile->control().released.load();
                     if (ahead > hostile->capacity() / 2) return;
                     hostile->control().reply_wait.store(++n);
                     hostile->put({0, 0, hostile->sequence(), ring::flag::ask},
                                  std::string_view("\0\1\0\0\0\0\0\0", 8));
                   };
                 }});
  all.push_back({"connections, silent", [](const std::string& directory) -> Turn {
                   return [directory] { connect_by_hand(directory); };
                 }});
  all.push_back({"hellos of garbage", [](const std::string& directory) -> Turn {
                   return [directory] {
                     const os::Descriptor connection = connect_by_hand(directory);
                     say(connection.get(), std::as_bytes(std::span("garbage")));
                   };
                 }});
  all.push_back({"joins, at once left", [](const std::string& directory) -> Turn {
                   return [directory] {
                     os::Descriptor connection = connect_by_hand(directory);
                     say(connection.get(), hello_of(""));
                     hear(std::move(connection));
                   };
                 }});
  all.push_back({"joins, not waited for", [](const std::string& directory) -> Turn {
                   return [directory] {
                     const os::Descriptor connection = connect_by_hand(directory);
                     say(connection.get(), hello_of(""));
                   };
                 }});
  return all;
}

void pin_to_last_processor() {
  cpu_set_t last;
  CPU_ZERO(&last);
  CPU_SET(static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN) - 1), &last);
  ::sched_setaffinity(0, sizeof last, &last);
}

/// What was noted while something went on.
struct Figures {
  std::vector<std::uint32_t> latency, work;
  std::uint64_t attacks = 0, sleeps = 0;
};

/// Those entries of a ring that were made between two counts; no more than it holds.
void take(std::vector<std::uint32_t>& to, const std::array<std::uint32_t, kMost>& ring,
          std::uint64_t from, std::uint64_t until) {
  for (std::uint64_t i = until - from < kMost ? from : until - kMost; i < until; ++i) {
    to.push_back(ring[i % kMost]);
  }
}

void add_slice(Figures& figures, Table& table, const std::string& directory, const Attack& attack,
               std::uint64_t milliseconds) {
  ForkedChild hostile([&](Line& line) {
    pin_to_last_processor();
    const Turn turn = attack.begin(directory);
    line.tell('b');
    for (;;) {
      turn();
      table.attacks.fetch_add(1, std::memory_order_relaxed);
    }
    return 0;
  });
  hostile.line().hear();
  const std::uint64_t messages = table.count.load(), rounds = table.rounds.load();
  figures.attacks -= table.attacks.load();
  figures.sleeps -= table.sleeps.load();
  ::usleep(static_cast<useconds_t>(milliseconds * 1000));
  figures.attacks += table.attacks.load();
  figures.sleeps += table.sleeps.load();
  take(figures.latency, table.latency, messages, table.count.load());
  take(figures.work, table.work, rounds, table.rounds.load());
}

double microseconds_at(std::vector<std::uint32_t> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
  return values[at] / 1000.0;
}

struct Row {
  Figures idle, busy, attack;
};

void print_head() {
  std::printf(
      "%-26s %13s %13s %21s %13s %20s\n%-26s %6s %6s %6s %6s %6s %6s %7s %6s %6s %6s %6s %6s %10s "
      "%7s\n",
      "", "idle owner", "busy owner", "attack", "ratio of 99%", "owner's work, a round", "", "50%",
      "99%", "50%", "99%", "50%", "99%", "99.9%", "idle", "busy", "busy", "attack", "99.9%",
      "attacks/s", "wakes/s");
}

void print(const char* name, const Row& row, double seconds) {
  const auto latency = [](const Figures& of, double part) {
    return microseconds_at(of.latency, part);
  };
  const auto work = [](const Figures& of, double part) { return microseconds_at(of.work, part); };
  const double worst = latency(row.attack, 0.99);
  std::printf(
      "%-26s %6.0f %6.0f %6.0f %6.0f %6.0f %6.0f %7.0f %6.2f %6.2f %6.0f %6.0f %6.0f %10.0f "
      "%7.0f\n",
      name, latency(row.idle, 0.5), latency(row.idle, 0.99), latency(row.busy, 0.5),
      latency(row.busy, 0.99), latency(row.attack, 0.5), worst, latency(row.attack, 0.999),
      worst / latency(row.idle, 0.99), worst / latency(row.busy, 0.99), work(row.busy, 0.99),
      work(row.attack, 0.99), work(row.attack, 0.999),
      static_cast<double>(row.attack.attacks) / seconds,
      static_cast<double>(row.attack.sleeps) / seconds);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t slices = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5;
  const std::uint64_t milliseconds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 500;
  const std::string word = argc > 3 ? argv[3] : "";
  const TemporaryDirectory directory;
  const Attack calm{"", harmless};
  const Attack honest{"", [](const std::string& d) { return flood(d, kHonestBytes); }};
  std::printf(
      "Microseconds from send to handler, of honest messages; %llu slices of %llu ms each.\n",
      static_cast<unsigned long long>(slices), static_cast<unsigned long long>(milliseconds));
  print_head();
  for (const Attack& attack : attacks()) {
    if (std::string_view(attack.name).find(word) == std::string_view::npos) continue;
    // An owner and writers for each: what one leaves behind is not the next one's.
    const Shared<Table> table;
    const ForkedChild owner([&](Line&) { return own(*table, directory.path()); });
    while (!table->ready.load()) ::sched_yield();
    std::vector<std::unique_ptr<ForkedChild>> writers;
    for (std::uint32_t i = 0; i < kHonest; ++i) {
      writers.push_back(std::make_unique<ForkedChild>(
          [&](Line&) { return send_now_and_then(*table, directory.path(), i); }));
    }
    while (table->count.load() < 100) ::sched_yield();
    Row row;
    for (std::uint64_t i = 0; i < slices; ++i) {
      add_slice(row.idle, *table, directory.path(), calm, milliseconds);
      add_slice(row.busy, *table, directory.path(), honest, milliseconds);
      add_slice(row.attack, *table, directory.path(), attack, milliseconds);
    }
    table->end.store(true);
    print(attack.name, row, static_cast<double>(slices * milliseconds) / 1000);
  }
  return 0;
}
