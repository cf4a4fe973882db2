#include "modes/host.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <unistd.h>

#include "modes/writer_body.hpp"
#include "os/futex.hpp"

namespace cortado::modes {
namespace {

void wait_until_set(const std::atomic<std::uint32_t>& word) noexcept {
  while (word.load(std::memory_order_acquire) == 0) os::futex_wait(word, 0);
}

std::uint64_t in_ns(const timeval& time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_usec) * 1000;
}

}  // namespace

int refuse(const Stage& stage, const Error& error) noexcept {
  StageHead& head = stage.head();
  if (head.refusals.fetch_add(1, std::memory_order_relaxed) == 0) {
    std::strncpy(head.why_refused, error.text.c_str(), sizeof head.why_refused - 1);
    head.is_refused.store(1, std::memory_order_release);
  }
  return kCannotTakePart;
}

Result<os::PrivateMemory> memory_for_buffer(const Stage& stage, std::size_t in_front) {
  const Workload& workload = stage.workload();
  return os::PrivateMemory::create(in_front +
                                   Buffer::bytes_for(workload.capacity, workload.writers));
}

Buffer make_buffer(const Stage& stage, void* memory) noexcept {
  return Buffer::make(memory, stage.workload().capacity, stage.workload().writers);
}

void announce(const Stage& stage, Buffer buffer) noexcept {
  HostNotes& host = stage.host();
  host.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  host.buffer_address.store(reinterpret_cast<std::uint64_t>(buffer.memory().data()),
                            std::memory_order_relaxed);
  host.ready.store(1, std::memory_order_release);
  os::futex_wake_all(host.ready);
}

void run_threads(const Stage& stage, const std::function<void(std::uint32_t)>& write) {
  std::vector<std::thread> threads;
  try {
    for (std::uint32_t w = 0; w < stage.workload().writers; ++w) threads.emplace_back(write, w);
  } catch (const std::system_error& error) {
    // Those that are there wait for a start that never comes: they end with this process.
    std::_Exit(
        refuse(stage, {Errc::system, "cannot start " + std::to_string(stage.workload().writers) +
                                         " threads: " + error.what() +
                                         "; raise `ulimit -u` or `ulimit -v`, or take fewer"}));
  }
  for (std::thread& thread : threads) thread.join();
}

void wait_for_host(const Stage& stage) noexcept {
  wait_until_set(stage.host().ready);
}

void wait_for_writers(const Stage& stage) noexcept {
  wait_until_set(stage.head().writers_gone);
}

void wait_until_started(const Stage& stage) noexcept {
  wait_until_set(stage.head().start);
}

void introduce(const Stage& stage, std::uint32_t index, const void* buffer) noexcept {
  WriterNotes& notes = stage.writer(index);
  notes.pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
  notes.buffer_address.store(reinterpret_cast<std::uint64_t>(buffer), std::memory_order_relaxed);
}

void wait_for_start(const Stage& stage, std::uint32_t writers) noexcept {
  stage.head().ready.fetch_add(writers, std::memory_order_release);
  wait_until_set(stage.head().start);
}

void leave(const Stage& stage, Buffer buffer) noexcept {
  const auto bytes = buffer.memory();
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(&stage.final_buffer().head()));
  stage.host().finished.store(1, std::memory_order_release);
}

Usage usage_of_thread() noexcept {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  timespec now{};  // exact, where the two parts lag by a tick
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  const std::uint64_t all = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                            static_cast<std::uint64_t>(now.tv_nsec);
  const std::uint64_t in_kernel = std::min(in_ns(used.ru_stime), all);
  return {all - in_kernel, in_kernel, static_cast<std::uint64_t>(used.ru_nvcsw),
          static_cast<std::uint64_t>(used.ru_nivcsw)};
}

/// The kernel tells of its own part by ticks, so that may have grown by more than all of it has.
Usage operator-(const Usage& end, const Usage& begin) noexcept {
  const std::uint64_t all = (end.user_ns + end.system_ns) - (begin.user_ns + begin.system_ns);
  const std::uint64_t in_kernel = std::min(end.system_ns - begin.system_ns, all);
  return {all - in_kernel, in_kernel, end.voluntary - begin.voluntary,
          end.involuntary - begin.involuntary};
}

}  // namespace cortado::modes
