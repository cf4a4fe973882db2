#include "progress.hpp"

#include <algorithm>
#include <cstdio>

#include <unistd.h>

namespace cortado::tools {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetween{100};
constexpr std::size_t kBarWidth = 30;

}  // namespace

Progress::Progress(std::string doing, bool wanted)
    : doing_(std::move(doing)),
      active_(wanted && ::isatty(STDERR_FILENO) == 1),
      began_(steady_clock::now()),
      next_(began_ + std::chrono::seconds(1)) {}

void Progress::show(std::uint64_t count, double part) {
  if (!active_) return;
  const auto now = steady_clock::now();
  if (now < next_) return;
  next_ = now + kBetween;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  std::string bar;
  if (part >= 0) {
    const auto full = static_cast<std::size_t>(std::min(part, 1.0) * double{kBarWidth});
    bar.append("[").append(full, '#').append(kBarWidth - full, '.').append("] ");
  }
  std::fprintf(stderr, "\r\x1b[K%s%llu %s, %.0f/s", bar.c_str(),
               static_cast<unsigned long long>(count), doing_.c_str(),
               static_cast<double>(count) / seconds);
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace cortado::tools
