// Limits of this process that programs lift; the library never changes them.
#pragma once

#include <cortado/result.hpp>

namespace cortado::os {

/// Raises the soft limit of descriptors to the hard one. For programs, at their start; children
/// inherit it.
Result<void> raise_descriptor_limit();

}  // namespace cortado::os
