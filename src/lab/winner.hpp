// Who is fastest, where one can tell.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "lab/compare.hpp"

namespace cortado::lab {

/// Among the modes with the same writers, work and payload, in a closed loop.
struct Winner {
  std::uint32_t writers = 0;
  std::chrono::nanoseconds hold{};
  std::uint32_t payload = 0;
  /// The safe mode whose interval lies above that of every other safe mode, and all whose runs were
  /// clean. Null: the intervals overlap, or there are too few repetitions for any.
  const modes::Mode* mode = nullptr;
};

/// Of all points that have two modes to choose from. The ceiling takes no part, nor do races.
std::vector<Winner> winners_of(const std::vector<Point>& points);

}  // namespace cortado::lab
