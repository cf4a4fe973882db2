#include "os/poller.hpp"

#include <atomic>
#include <cerrno>
#include <ctime>
#include <limits>

#include "os/error.hpp"

namespace cortado::os {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

/// Not before `left` has passed: whole milliseconds, rounded up.
int round_up_to_milliseconds(nanoseconds left) noexcept {
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  constexpr int longest = std::numeric_limits<int>::max();
  return whole > longest ? longest : static_cast<int>(whole);
}

/// epoll_pwait2 where there is one: a short wait should not last a whole millisecond.
int wait_for(int epoll, std::span<epoll_event> events, nanoseconds left) noexcept {
  static std::atomic<bool> coarse{false};
  const int room = static_cast<int>(events.size());
  if (!coarse.load(std::memory_order_relaxed)) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec timeout{static_cast<time_t>(seconds.count()),
                           static_cast<long>((left - seconds).count())};
    const int count = ::epoll_pwait2(epoll, events.data(), room, &timeout, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    coarse.store(true, std::memory_order_relaxed);
  }
  return ::epoll_wait(epoll, events.data(), room, round_up_to_milliseconds(left));
}

}  // namespace

Result<Poller> Poller::create() {
  Poller poller;
  poller.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!poller.epoll_) return system_error(errno, "create", "an epoll");
  return poller;
}

Result<void> Poller::add(int descriptor, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) == 0) return {};
  const int cause = errno;
  return system_error(cause, "watch", "descriptor " + std::to_string(descriptor),
                      cause == ENOSPC ? "raise the sysctl fs.epoll.max_user_watches" : "");
}

void Poller::remove(int descriptor) noexcept {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

int Poller::wait(std::span<epoll_event> events,
                 std::optional<Clock::time_point> deadline) noexcept {
  for (;;) {
    int count = 0;
    bool last = false;
    if (!deadline) {
      count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    } else {
      const auto now = Clock::now();
      last = *deadline <= now;
      count = wait_for(epoll_.get(), events, last ? nanoseconds::zero() : *deadline - now);
    }
    if (count > 0 || (count == 0 && last)) return count;
    if (count < 0 && errno != EINTR) return -errno;
  }
}

}  // namespace cortado::os
