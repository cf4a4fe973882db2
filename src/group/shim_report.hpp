// What the shim tells the launcher if the program could not be started. Nothing: it runs.
#pragma once

#include <cstdint>

namespace cortado::group {

struct ShimReport {
  enum class Step : std::int32_t {
    bind = 1,     ///< the parent-death signal
    seal = 2,     ///< closing what the program is not to inherit
    execute = 3,  ///< the program itself
  };
  Step step;
  std::int32_t error;  ///< errno
};
static_assert(sizeof(ShimReport) == 8);

}  // namespace cortado::group
