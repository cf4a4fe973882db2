// A process that reaches for the owner's buffer.
#pragma once

#include "modes/stage.hpp"

namespace cortado::modes {

/// Looks whether its own memory map has the address of the buffer, notes the answer, and reads from
/// there all the same. Where the buffer is another process's alone, the kernel ends this one by
/// SIGSEGV; else it returns 0.
int intrude(const Stage& stage);

}  // namespace cortado::modes
