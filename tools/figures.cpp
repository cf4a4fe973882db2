#include "figures.hpp"

#include <spdlog/fmt/fmt.h>

#include "lab/wording.hpp"

namespace cortado::tools {
namespace {

/// With as many digits behind the point as it takes, from `most` for a number below 10 downwards.
std::string with_decimals(double number, int most) {
  const int decimals = most - (number >= 9.995 ? 1 : 0) - (number >= 99.95 ? 1 : 0);
  return fmt::format("{:.{}f}", number, decimals > 0 ? decimals : 0);
}

struct Unit {
  double from;
  const char* name;
};

}  // namespace

std::string short_count(double count) {
  for (const Unit unit : {Unit{1e9, " G"}, Unit{1e6, " M"}, Unit{1e3, " k"}}) {
    if (count >= unit.from * 0.9995) return three_digits(count / unit.from) + unit.name;
  }
  return count == static_cast<double>(static_cast<std::uint64_t>(count)) ? fmt::format("{}", count)
                                                                         : three_digits(count);
}

std::string full_count(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string short_time(double ns) {
  for (const lab::TimeUnit unit : lab::kTimeUnits) {
    if (ns >= unit.from * 0.9995) return three_digits(ns / unit.from) + unit.name;
  }
  return fmt::format("{:.0f} ns", ns);
}

std::string three_digits(double number) {
  return with_decimals(number, 2);
}

int decimals_for_two(double number) {
  return number < 0.995 ? 2 : number < 9.95 ? 1 : 0;
}

}  // namespace cortado::tools
