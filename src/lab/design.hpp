// Which points a comparison has.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace cortado::lab {

/// One mode with one number of writers, amount of work, length of orders, and load.
struct Cell {
  std::uint32_t mode = 0;  ///< as Workload::mode
  std::uint32_t writers = 1;
  std::chrono::nanoseconds hold{};  ///< work on each order, while the buffer is in hand
  std::uint32_t payload = 16;
  /// Orders are due at this part of what the same cell without a load does; 0: closed loop.
  double load = 0;

  bool operator==(const Cell&) const = default;
};

/// What somebody asked for: everything with everything.
struct Grid {
  std::vector<std::uint32_t> modes;
  std::vector<std::uint32_t> writers;
  std::vector<std::chrono::nanoseconds> hold;
  std::vector<std::uint32_t> payload;
  std::vector<double> loads;  ///< besides the closed loop
};

/// Hold outermost, then payload, load, modes, writers. Each hold and payload has the ceiling, too:
/// thread-alone, if it is not among the modes.
std::vector<Cell> cells_of(const Grid& grid);

/// What one asks who asks for nothing in particular; not everything with everything, which would
/// take hours, but one thing at a time, beside a reference:
///   writers: 1 to four times the processors, with no further work, in the six modes; what they are
///            held against with few and with many writers;
///   work:    5 ns to 100 us, with as many writers as processors and four times as many, in the
///            safe four;
///   payload: 256 bytes and 4 KiB, with as many writers as processors, in the safe four;
///   load:    50, 80, 95, 110 % of what each of the six does with 1 us of work and as many writers
///            as processors.
std::vector<Cell> tour(std::uint32_t processors);
/// The same in a third of a minute: safe modes, few and many writers, no work and 1 us of it.
std::vector<Cell> quick_tour(std::uint32_t processors);

/// How long each of so many runs may take, so that all take `budget`: 50 ms to 1 s.
std::chrono::nanoseconds time_for(std::uint64_t runs, std::chrono::nanoseconds budget) noexcept;

/// What starting, stopping and checking a run takes, beside its time.
inline constexpr std::chrono::nanoseconds kAround = std::chrono::milliseconds(110);

}  // namespace cortado::lab
