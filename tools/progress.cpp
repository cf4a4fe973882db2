#include "progress.hpp"

#include <algorithm>
#include <cmath>
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
  if (!due()) return;
  const double seconds = std::chrono::duration<double>(steady_clock::now() - began_).count();
  const double rate = static_cast<double>(count) / seconds;
  write(std::to_string(count) + " " + doing_ + ", " + std::to_string(std::llround(rate)) + "/s",
        part);
}

void Progress::show(const std::string& standing, double part) {
  if (due()) write(standing, part);
}

bool Progress::due() {
  if (!active_) return false;
  const auto now = steady_clock::now();
  if (now < next_) return false;
  next_ = now + kBetween;
  return true;
}

void Progress::write(const std::string& standing, double part) {
  shown_ = true;
  std::string bar;
  if (part >= 0) {
    const auto full = static_cast<std::size_t>(std::min(part, 1.0) * double{kBarWidth});
    bar.append("[").append(full, '#').append(kBarWidth - full, '.').append("] ");
  }
  std::fprintf(stderr, "\r\x1b[K%s%s", bar.c_str(), standing.c_str());
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace cortado::tools
