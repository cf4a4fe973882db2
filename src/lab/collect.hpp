// From the stage of a run that is over to its result.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "lab/result.hpp"

namespace cortado::lab {

/// What is not on the stage.
struct Collected {
  Outcome outcome = Outcome::finished;
  modes::Buffer buffer;  ///< none: it died with its host
  int host_signal = 0;
  std::map<std::uint32_t, int> writer_signal;
  int intruder_signal = 0;
};

/// go_on: see make_ledger.
RunResult collect(const modes::Stage& stage, const modes::Mode& mode, const Collected& collected,
                  const std::function<bool()>& go_on);

/// A number that grows as long as anybody gets on.
std::uint64_t progress_of(const modes::Stage& stage) noexcept;

/// Jain's index of these shares: 1 if they are equal, 1/n if one has all.
double fairness_jain(const std::vector<double>& shares);

}  // namespace cortado::lab
