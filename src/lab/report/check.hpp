// Whether the figures of a file follow from what was measured, which stands in the same file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lab/report/study.hpp"

namespace cortado::lab {

struct Checked {
  std::size_t figures = 0;               ///< that were computed once more
  std::vector<std::string> differences;  ///< a line each: where, what stands there, what should
};

/// Of what `compare` or `faults` wrote. Errc::malformed: it is neither; see study_of.
Result<Checked> check_figures(const Figures& figures);

}  // namespace cortado::lab
