// One cache line that goes to another processor and back: how far apart the two are just now.
#pragma once

#include <vector>

namespace cortado::bench {

/// A round trip in ns, the mean of some thousand. Forks. Of less than two processors: 0.
double bounce(const std::vector<int>& processors);

}  // namespace cortado::bench
