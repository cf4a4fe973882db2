// What came out of a run, in words.
#pragma once

#include <string>

#include "lab/result.hpp"

namespace cortado::tools {

/// Finished, with no writer that ended before its time, unless it had a --fault; a safe mode also
/// with a clean ledger.
bool is_as_expected(const lab::RunResult& result) noexcept;
/// Of one that is not: what happened, and what to do, on one line.
std::string what_failed(const lab::RunResult& result);

/// Several lines: what happened, cup, ledger, rate, latency, processors.
std::string describe(const lab::RunResult& result);
/// The same on one line, for one of many.
std::string describe_briefly(const lab::RunResult& result);

/// What is in the buffer, if it is short and can be printed; else nothing.
std::string cup_text(const lab::RunResult& result);
/// "4,000 sent, 3,999 applied, 1 lost; it does not balance"
std::string ledger_text(const lab::Ledger& ledger);

}  // namespace cortado::tools
