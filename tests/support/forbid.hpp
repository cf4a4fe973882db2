// A system call filter, as sandboxes have it: a call that fails from here on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

namespace cortado::test {

/// What a process ends with that may not have a filter.
inline constexpr int kNotPermitted = 77;

/// An argument of a call, and what its lower half is (little-endian).
struct Argument {
  unsigned index;
  std::uint32_t value;
};

/// From here on, in this process and its children, the call fails with `error`; `only`: if it has
/// that argument. False: filters are not permitted here.
inline bool forbid(long call, int error, std::optional<Argument> only = {}) {
  const auto argument = only.value_or(Argument{});
  const auto place = static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                                argument.index * sizeof(std::uint64_t));
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument.value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  if (!only) program[3].jf = 0;
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace cortado::test
