// Bytes of orders and cups, for a terminal: no control character gets there, columns stay columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cortado::tools {

/// One byte of the buffer: itself, a blank for 0, or \xNN if it is no printable ASCII. A letter is
/// a byte, so one of a character of several bytes means nothing by itself.
std::string cell_text(char byte);

/// An order in a sentence. Characters of several bytes stay what they are, except for bytes that
/// are no UTF-8, and for characters that steer a terminal: these are \xNN.
std::string order_text(std::string_view order);

/// `text` in lines of at most `columns` (a longer word has a line of its own), each behind
/// `indent` blanks but the first, which stands behind `label`.
std::string wrapped(std::string label, std::string_view text, std::size_t indent,
                    std::size_t columns = 96);

}  // namespace cortado::tools
