// Faults as JSON.
#pragma once

#include <vector>

#include "lab/faults.hpp"
#include "lab/json.hpp"

namespace cortado::lab {

/// `faults`: what each is; `cells`: what became of each in each mode, with its ledger.
Json to_json(const std::vector<FaultCell>& cells);

}  // namespace cortado::lab
