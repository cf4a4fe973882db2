// Running a comparison for a command: with its progress, until a signal comes.
#pragma once

#include "interrupt.hpp"
#include "lab/compare.hpp"

namespace cortado::tools {

/// Shows how long it still takes. Throws Refused.
lab::Comparison run_plan(lab::Plan& plan, Interrupt& interrupt);

/// Modes that should be safe, at points where they were not clean, hung, or lost a writer; empty:
/// none.
std::string failures_of(const lab::Comparison& comparison);

}  // namespace cortado::tools
