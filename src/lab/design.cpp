#include "lab/design.hpp"

#include <algorithm>
#include <array>

#include "modes/mode.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::uint32_t kPayload = 16;
constexpr std::array kLoads{0.5, 0.8, 0.95, 1.1};

std::uint32_t index_of(const modes::Mode& mode) {
  const auto known = modes::known_modes();
  return static_cast<std::uint32_t>(std::find(known.begin(), known.end(), &mode) - known.begin());
}

std::vector<std::uint32_t> indices_of(const std::vector<const modes::Mode*>& some) {
  std::vector<std::uint32_t> indices;
  indices.reserve(some.size());
  for (const modes::Mode* mode : some) indices.push_back(index_of(*mode));
  return indices;
}

std::vector<std::uint32_t> six() {
  const auto all = modes::all_modes();
  return indices_of({all.begin(), all.end()});
}
std::vector<std::uint32_t> safe_four() {
  return indices_of(
      {&modes::kThreadMutex, &modes::kThreadRing, &modes::kProcessMutex, &modes::kProcessRing});
}
std::vector<std::uint32_t> held_against() {
  return indices_of(
      {&modes::kProcessRobustMutex, &modes::kProcessMessageQueue, &modes::kProcessPipe});
}

/// Each once, in the order in which they come first.
void add(std::vector<Cell>& to, const std::vector<Cell>& more) {
  for (const Cell& cell : more) {
    if (std::find(to.begin(), to.end(), cell) == to.end()) to.push_back(cell);
  }
}

/// 1, 2, 4, ... up to four times the processors, but no more than five of them.
std::vector<std::uint32_t> numbers_of_writers(std::uint32_t processors) {
  std::vector<std::uint32_t> writers{1};
  for (const std::uint32_t many : {2U, processors, 2 * processors, 4 * processors}) {
    if (many > writers.back()) writers.push_back(many);
  }
  return writers;
}

}  // namespace

std::vector<Cell> cells_of(const Grid& grid) {
  const std::uint32_t alone = index_of(modes::kThreadAlone);
  const bool has_ceiling =
      std::find(grid.modes.begin(), grid.modes.end(), alone) != grid.modes.end();
  std::vector<double> loads{0};
  loads.insert(loads.end(), grid.loads.begin(), grid.loads.end());
  std::vector<Cell> cells;
  for (const nanoseconds hold : grid.hold) {
    for (const std::uint32_t payload : grid.payload) {
      if (!has_ceiling) cells.push_back({alone, 1, hold, payload, 0});
      for (const double load : loads) {
        for (const std::uint32_t mode : grid.modes) {
          for (const std::uint32_t writers : grid.writers) {
            cells.push_back({mode, writers, hold, payload, load});
          }
        }
      }
    }
  }
  return cells;
}

std::vector<Cell> tour(std::uint32_t processors) {
  const std::uint32_t cores = std::max(processors, 2U);
  const auto loads = std::vector<double>(kLoads.begin(), kLoads.end());
  std::vector<Cell> cells = cells_of({six(), numbers_of_writers(cores), {0ns}, {kPayload}, {}});
  add(cells, cells_of({held_against(), {1, 2 * cores}, {0ns}, {kPayload}, {}}));
  for (const nanoseconds hold : {5ns, 30ns, 100ns}) {
    add(cells, cells_of({safe_four(), {cores, 4 * cores}, {hold}, {kPayload}, {}}));
  }
  add(cells, cells_of({six(), {cores}, {1us}, {kPayload}, loads}));
  for (const nanoseconds hold : std::array<nanoseconds, 3>{1us, 10us, 100us}) {
    add(cells, cells_of({safe_four(), {cores, 4 * cores}, {hold}, {kPayload}, {}}));
  }
  add(cells, cells_of({safe_four(), {cores}, {0ns}, {256, 4096}, {}}));
  return cells;
}

std::vector<Cell> quick_tour(std::uint32_t processors) {
  const std::uint32_t cores = std::max(processors, 2U);
  std::vector<Cell> cells = cells_of({safe_four(), {1, cores, 4 * cores}, {0ns}, {kPayload}, {}});
  add(cells, cells_of({safe_four(), {cores}, {1us}, {kPayload}, {}}));
  add(cells, cells_of({indices_of({&modes::kThreadMutex, &modes::kProcessRing}),
                       {cores},
                       {1us},
                       {kPayload},
                       {0.8}}));
  return cells;
}

nanoseconds time_for(std::uint64_t runs, nanoseconds budget) noexcept {
  const nanoseconds each = budget / static_cast<std::int64_t>(std::max<std::uint64_t>(runs, 1));
  return std::clamp<nanoseconds>(each - kAround, 50ms, 1s);
}

}  // namespace cortado::lab
