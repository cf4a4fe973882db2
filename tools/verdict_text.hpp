// A verdict for people.
#pragma once

#include <string>

#include "lab/json.hpp"
#include "lab/verdict.hpp"

namespace cortado::tools {

/// The sentence, the map of writers and work, where who is ahead, and where it was measured.
/// figures: the file's.
std::string text_of(const lab::Verdict& verdict, const lab::Json& figures);

}  // namespace cortado::tools
