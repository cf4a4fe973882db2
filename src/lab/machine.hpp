// Where a measurement was made, and with what: without that, a figure says nothing.
#pragma once

#include <cstdint>
#include <string>

namespace cortado::lab {

struct Machine {
  std::uint32_t processors = 1;  ///< that this process may use
  std::string cpu;
  std::string kernel;
  std::string compiler;  ///< of this build
  std::string boost;     ///< its version
  /// Whether its interprocess_mutex tells the next one that its holder died.
  bool has_robust_mutex = false;
  std::string version;  ///< of cortado
  std::string commit;   ///< of its source; the version, where there is no repository
};

Machine this_machine();

/// As a person would name it, on one line.
std::string to_string(const Machine& machine);

/// The command line of this process, as a shell would take it.
std::string command_line();

}  // namespace cortado::lab
