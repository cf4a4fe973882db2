// What a spinning core does between two looks.
#pragma once

namespace cortado::os {

/// Tells the core that this is a spin loop: less power, and the sibling thread runs.
inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield" ::: "memory");
#else
  asm volatile("" ::: "memory");
#endif
}

}  // namespace cortado::os
