// Bytes as text that JSON and terminals can hold.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cortado::lab {

/// Bytes of the UTF-8 character at the begin of `text`, which is not empty; 0: there is none.
std::size_t character_at(std::string_view text) noexcept;

/// "\x1b"
std::string escaped(char byte);

/// Text that JSON can hold, whatever the bytes are: a backslash is doubled, and \xNN stands for
/// each control character and each byte that is not UTF-8.
std::string escaped(std::string_view bytes);

}  // namespace cortado::lab
