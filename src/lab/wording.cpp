#include "lab/wording.hpp"

#include <algorithm>
#include <cstdio>

namespace cortado::lab {
namespace {

std::string printed(const char* format, int decimals, double number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, decimals, number);
  return text.data();
}

}  // namespace

std::string plain_time(double ns) {
  for (const TimeUnit unit : kTimeUnits) {
    if (ns >= unit.from) return printed("%.*g", 6, ns / unit.from) + unit.name;
  }
  return printed("%.*g", 6, ns) + " ns";
}

std::string counted(std::uint64_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string percent(double part) {
  constexpr int kMost = 12;
  int decimals = 1;
  // How far it is from none and from all, in percent: two digits of that count.
  double rest = std::min(part, 1 - part) * 100;
  for (; rest > 0 && rest < 1 && decimals < kMost; rest *= 10) ++decimals;
  return printed("%.*f", decimals, part * 100) + " %";
}

}  // namespace cortado::lab
