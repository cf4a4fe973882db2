#include "bench/crew.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <system_error>
#include <utility>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <sched.h>
#include <unistd.h>

#include "os/pause.hpp"

namespace cortado::bench {

Crew::~Crew() {
  for (std::thread& each : threads_) each.join();
  for (const pid_t child : children_) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void Crew::do_it(const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (const std::exception& error) {
    board_.fail(error.what());
  } catch (...) {
    board_.fail("a writer failed");
  }
}

void Crew::fork(const std::function<void()>& work) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "start a writer");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() == parent) do_it(work);
    ::_exit(0);
  }
  children_.push_back(child);
}

void Crew::thread(std::function<void()> work) {
  threads_.emplace_back([this, work = std::move(work)] { do_it(work); });
}

void Crew::abandon() noexcept {
  for (const pid_t child : children_) ::kill(child, SIGKILL);
}

std::vector<int> usable_processors() {
  cpu_set_t set;
  std::vector<int> usable;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return usable;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(static_cast<std::size_t>(i), &set)) usable.push_back(i);
  }
  return usable;
}

void pin(const std::vector<int>& processors, std::size_t i) noexcept {
  if (processors.size() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(processors[i % processors.size()]), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

void pin_owner(const std::vector<int>& processors) noexcept {
  pin(processors, 0);
}

void pin_writer(const std::vector<int>& processors, std::uint32_t writer) noexcept {
  if (processors.size() < 2) return;
  pin(processors, 1 + writer % (processors.size() - 1));
}

std::uint64_t process_cpu_ns() noexcept {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(used.tv_nsec);
}

void Backoff::pause() noexcept {
  if (++looks_ < kLooks) return os::cpu_pause();
  looks_ = 0;
  ::sched_yield();
}

}  // namespace cortado::bench
