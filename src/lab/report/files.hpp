// The files that a report is made of, as they were when this was built; see embed.py.
#pragma once

#include <string_view>

namespace cortado::lab {

std::string_view page_html() noexcept;
std::string_view page_css() noexcept;
std::string_view page_js() noexcept;
/// Chart.js; empty: it was not installed.
std::string_view chart_library() noexcept;

}  // namespace cortado::lab
