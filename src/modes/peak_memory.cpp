#include "modes/peak_memory.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace cortado::modes {

// Not ru_maxrss of getrusage: after an exec that still counts what the parent had.
std::uint64_t peak_memory() {
  constexpr std::uint64_t kKilobyte = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmHWM:")) continue;
    std::istringstream number(line.substr(sizeof "VmHWM:" - 1));
    std::uint64_t kilobytes = 0;
    number >> kilobytes;
    return kilobytes * kKilobyte;
  }
  return 0;
}

}  // namespace cortado::modes
