// Numbers in sentences.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace cortado::lab {

/// A unit of time, from so many ns on.
struct TimeUnit {
  double from;
  const char* name;
};
/// The largest first; ns below them.
inline constexpr std::array kTimeUnits{TimeUnit{60e9, " min"}, TimeUnit{1e9, " s"},
                                       TimeUnit{1e6, " ms"}, TimeUnit{1e3, " us"}};

/// Of a time that somebody chose: "200 ns", "1.5 us".
std::string plain_time(double ns);

/// "1 writer", "2 writers"
std::string counted(std::uint64_t n, const std::string& what);

/// "45.1 %". What is neither none nor all has enough digits not to look like it: "0.0030 %".
std::string percent(double part);

}  // namespace cortado::lab
