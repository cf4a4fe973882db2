// Figures as a person reads them.
#pragma once

#include <cstdint>
#include <string>

namespace cortado::tools {

/// "12.3 M", "820 k", "17": three digits that count.
std::string short_count(double count);
/// "1,234,567"
std::string full_count(std::uint64_t count);
/// "850 ns", "1.2 us", "3.4 ms", "12 s", "3 min"
std::string short_time(double ns);
/// Three digits that count, as a plain number.
std::string three_digits(double number);
/// Digits behind the point that show two digits that count, at most two.
int decimals_for_two(double number);

}  // namespace cortado::tools
