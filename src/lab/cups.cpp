#include "lab/cups.hpp"

#include <string>
#include <utility>

#include "lab/run.hpp"

namespace cortado::lab {
namespace {

const std::vector<std::string>& orders() {
  static const std::vector<std::string> kOrders{"Choca", "Mocha with Milk", "Banana Shake",
                                                "Tea no sugar"};
  return kOrders;
}

RunSpec spec_of(std::uint32_t mode, std::uint64_t seed) {
  RunSpec spec;
  spec.listed = orders();
  spec.workload.mode = mode;
  spec.workload.writers = static_cast<std::uint32_t>(orders().size());
  spec.workload.orders = orders().size();
  spec.workload.capacity = 16;
  spec.workload.letter_delay_ns = 100'000;
  spec.workload.takes_turns = 1;
  spec.workload.seed = seed;
  return spec;
}

/// Whoever wrote last into each cell.
std::string writers_of(const RunResult& result) {
  std::string by(result.cup.size(), ' ');
  for (const modes::Stroke& stroke : result.strokes) {
    if (stroke.cell < by.size()) by[stroke.cell] = static_cast<char>('a' + stroke.writer);
  }
  return by;
}

}  // namespace

Result<Json> fill_cups(const std::vector<std::uint32_t>& modes, std::uint64_t seed,
                       const std::function<bool()>& go_on) {
  Json cups = Json::array();
  for (const std::uint32_t mode : modes) {
    RunSpec spec = spec_of(mode, seed);
    spec.go_on = go_on;
    const auto result = run(std::move(spec));
    if (!result) return result.error();
    cups.push_back({{"mode", result->mode->name},
                    {"cup", result->cup},
                    {"by", writers_of(*result)},
                    {"is_whole", result->is_whole}});
  }
  return cups;
}

}  // namespace cortado::lab
