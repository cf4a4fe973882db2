// From errno to an Error: one line that says what to do.
#pragma once

#include <cortado/result.hpp>

#include <string>
#include <string_view>

#include <sys/stat.h>

namespace cortado::os {

/// "cannot ATTEMPTED ON_WHAT: strerror (ENAME); what to do". The code follows from the errno:
/// EMFILE and ENFILE are descriptors, ENOMEM, ENOSPC and EFBIG no_memory, EACCES and EPERM
/// permission, ENOSYS unsupported, all others system. Without `what_to_do` the text has the remedy
/// of the code.
Error system_error(int errno_value, std::string_view attempted, std::string_view on_what,
                   std::string_view what_to_do = {});

/// "PATH (owner 1000, mode 0700)".
std::string described(const std::string& path, const struct stat& status);

}  // namespace cortado::os
