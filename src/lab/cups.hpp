// What four little orders leave in one buffer, in each mode: the story, in short.
#pragma once

#include <cortado/result.hpp>

#include <cstdint>
#include <functional>
#include <vector>

#include "lab/json.hpp"

namespace cortado::lab {

/// Runs it in these modes, letter by letter, interleaved as the seed says: the same cups every
/// time. An array of {mode, cup, by, is_whole}; `by`: a to d, whose letter stands in each cell.
/// Errors: those of run().
Result<Json> fill_cups(const std::vector<std::uint32_t>& modes, std::uint64_t seed,
                       const std::function<bool()>& go_on);

}  // namespace cortado::lab
