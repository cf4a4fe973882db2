// Figures in sentences and cells.
#include <array>
#include <cstdio>

#include "lab/report/report.hpp"
#include "lab/wording.hpp"

namespace cortado::lab {
namespace {

/// Three digits that count; of what is less than one, two.
std::string three_digits(double number) {
  std::array<char, 32> text{};
  if (number > 0 && number < 0.995) {
    std::snprintf(text.data(), text.size(), "%.2g", number);
    return text.data();
  }
  const int decimals = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

}  // namespace

std::string rate_text(double per_second) {
  if (per_second >= 0.9995e6) return three_digits(per_second / 1e6) + " M";
  if (per_second >= 0.9995e3) return three_digits(per_second / 1e3) + " k";
  return three_digits(per_second);
}

std::string time_text(double ns) {
  for (const TimeUnit unit : kTimeUnits) {
    if (ns >= unit.from * 0.9995) return three_digits(ns / unit.from) + unit.name;
  }
  return three_digits(ns) + " ns";
}

std::string work_text(std::uint64_t hold_ns) {
  return hold_ns == 0 ? "no further work" : plain_time(static_cast<double>(hold_ns)) + " of work";
}

}  // namespace cortado::lab
