// A run in sentences: where its buffer was, who reached for it, what happened and why.
#pragma once

#include <string>

#include "lab/result.hpp"
#include "story.hpp"

namespace cortado::tools {

/// What a mode is, in one phrase.
std::string phrase_of(const modes::Mode& mode);

/// Lines that begin with the columns of `wrapped`.
std::string where_it_was(const lab::RunResult& result);
/// Empty: nobody did.
std::string who_reached_for_it(const lab::RunResult& result);
std::string why_so(const lab::RunResult& result, const Cast& cast);
std::string ledger_of(const lab::RunResult& result);

/// "garbled in 3 of 5 runs ...", with what that says of all runs.
std::string rate_of(const modes::Mode& mode, const Tally& tally);

}  // namespace cortado::tools
