// Orders applied per second: N writer processes to one owner, each order copied into the buffer.
//
//   throughput [--writers 1,2,4,8] [--bytes 16] [--seconds 1] [--repeat 5]
//
// Per line: median, lowest and highest of the repetitions, interleaved over the writer counts; and
// what one cache line bounced between two processes took just before, because the processors of a
// virtual machine drift apart. The clock runs from the first order applied to the last.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>

#include <sched.h>
#include <spawn.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

/// What is stored there counts as looked at: the compiler may not leave the store out.
void keep(const void* stored) {
  asm volatile("" : : "r"(stored) : "memory");
}

int write_orders(const char* name, std::uint64_t bytes) {
  auto writer = cortado::Writer::join(name);
  if (!writer) {
    std::fprintf(stderr, "throughput: %s\n", writer.error().text.c_str());
    return 1;
  }
  std::vector<std::byte> order(bytes, std::byte{'x'});
  for (std::uint64_t n = 0;; ++n) {
    std::memcpy(order.data(), &n, std::min<std::size_t>(sizeof n, order.size()));
    const auto status =
        writer->send(std::span<const std::byte>(order), cortado::Writer::time_point::max());
    if (status == cortado::SendStatus::closing) break;
    if (status != cortado::SendStatus::sent) return 1;
  }
  writer->close(60s);
  return 0;
}

/// Half a round trip of one cache line between two pinned processes, in ns.
double bounce() {
  auto* line = static_cast<std::atomic<std::uint32_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  constexpr std::uint32_t kRounds = 20'000;
  const auto pin = [](int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::sched_setaffinity(0, sizeof set, &set);
  };
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  const pid_t child = ::fork();
  if (child == 0) {
    pin(1);
    for (std::uint32_t i = 1; i <= kRounds; ++i) {
      while (line->load(std::memory_order_acquire) != 2 * i - 1) {
      }
      line->store(2 * i, std::memory_order_release);
    }
    ::_exit(0);
  }
  pin(0);
  const auto start = clock_type::now();
  for (std::uint32_t i = 1; i <= kRounds; ++i) {
    line->store(2 * i - 1, std::memory_order_release);
    while (line->load(std::memory_order_acquire) != 2 * i) {
    }
  }
  const double ns = std::chrono::duration<double, std::nano>(clock_type::now() - start).count();
  ::waitpid(child, nullptr, 0);
  ::sched_setaffinity(0, sizeof before, &before);
  ::munmap(line, 4096);
  return ns / kRounds;
}

struct Run {
  double per_second = 0;
  double bounce_ns = 0;
  std::uint64_t out_of_order = 0;
};

Run run_once(std::uint32_t writers, std::uint64_t bytes, std::chrono::duration<double> length) {
  Run run;
  run.bounce_ns = bounce();
  const std::string name = "throughput-" + std::to_string(::getpid());
  auto owner = cortado::Owner::open(name);
  if (!owner) {
    std::fprintf(stderr, "throughput: %s\n", owner.error().text.c_str());
    std::exit(1);
  }
  std::vector<pid_t> pids(writers);
  const std::string size = std::to_string(bytes);
  for (pid_t& pid : pids) {
    const char* arguments[] = {"throughput", "--as-writer", name.c_str(), size.c_str(), nullptr};
    if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, const_cast<char* const*>(arguments),
                      environ) != 0) {
      std::exit(1);
    }
  }
  // The buffer: an order replaces the one before; the sequence that comes next, for each writer.
  struct {
    std::uint64_t length = 0;
    std::byte content[1 << 16]{};
  } buffer;
  std::vector<std::uint64_t> next(writers);
  std::uint64_t applied = 0;
  const auto apply = [&](const cortado::Message& m) {
    const auto order = m.bytes();
    buffer.length = order.size();
    std::memcpy(buffer.content, order.data(), std::min(order.size(), sizeof buffer.content));
    keep(&buffer);
    std::uint64_t& expected = next[m.receipt().slot];
    run.out_of_order += m.sequence() != expected ? 1U : 0U;
    expected = m.sequence() + 1;
    ++applied;
  };
  while (owner->writers() < writers || applied == 0) {
    if (owner->drain(apply) == 0) owner->wait(1s);
  }
  const std::uint64_t applied_before = applied;
  const auto start = clock_type::now();
  auto now = start;
  while (now - start < length) {
    if (owner->drain(apply) == 0) owner->wait(1s);
    now = clock_type::now();
  }
  run.per_second = static_cast<double>(applied - applied_before) /
                   std::chrono::duration<double>(now - start).count();
  owner->close();
  while (owner->writers() != 0) {
    if (owner->drain(apply) == 0) owner->wait(1s);
  }
  for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
  return run;
}

std::vector<std::uint32_t> numbers(const char* text) {
  std::vector<std::uint32_t> all;
  for (char* at = const_cast<char*>(text); *at != '\0'; at += *at == ',' ? 1 : 0) {
    all.push_back(static_cast<std::uint32_t>(std::strtoul(at, &at, 10)));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--as-writer") == 0) {
    return write_orders(argv[2], std::strtoull(argv[3], nullptr, 10));
  }
  std::vector<std::uint32_t> writers{1, 2, 4, 8};
  std::uint64_t bytes = 16;
  double seconds = 1;
  int repeat = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--writers") writers = numbers(argv[i + 1]);
    if (option == "--bytes") bytes = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seconds") seconds = std::strtod(argv[i + 1], nullptr);
    if (option == "--repeat") repeat = std::atoi(argv[i + 1]);
  }
  std::vector<std::vector<Run>> runs(writers.size());
  for (int i = 0; i < repeat; ++i) {
    for (std::size_t w = 0; w < writers.size(); ++w) {
      runs[w].push_back(run_once(writers[w], bytes, std::chrono::duration<double>(seconds)));
    }
  }
  std::uint64_t out_of_order = 0;
  for (std::size_t w = 0; w < writers.size(); ++w) {
    std::sort(runs[w].begin(), runs[w].end(),
              [](const Run& a, const Run& b) { return a.per_second < b.per_second; });
    std::vector<double> bounces;
    for (const Run& run : runs[w]) {
      bounces.push_back(run.bounce_ns);
      out_of_order += run.out_of_order;
    }
    std::sort(bounces.begin(), bounces.end());
    std::printf(
        "%3u writers, %llu bytes: %7.1f M/s  (%.1f to %.1f), cache line there and back %.0f ns\n",
        writers[w], static_cast<unsigned long long>(bytes),
        runs[w][runs[w].size() / 2].per_second / 1e6, runs[w].front().per_second / 1e6,
        runs[w].back().per_second / 1e6, bounces[bounces.size() / 2]);
  }
  std::printf("out of order: %llu\n", static_cast<unsigned long long>(out_of_order));
  return out_of_order == 0 ? 0 : 1;
}
