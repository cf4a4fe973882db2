// What a fuzz target is: bytes in, an abort if an invariant does not hold. And how it is driven: by
// libFuzzer where the compiler has it, else by replay.cpp, which knows no coverage but feeds it by
// the same mutator.
//
// Each target defines both functions. The mutator makes a first input out of nothing (size 0), so
// there is no corpus to keep; and it repairs what would be a wall (a sequence, a size, a magic
// number), so that most inputs get past the first check.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>

// What only makes or reads inputs is not watched: its branches say nothing of the code under test,
// and watching it would take most of the time.
#if defined(__clang__)
#define CORTADO_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define CORTADO_UNWATCHED_BEGIN        \
  CORTADO_PRAGMA(clang attribute push( \
      __attribute__((no_sanitize("coverage", "address", "undefined"))), apply_to = function))
#define CORTADO_UNWATCHED_END _Pragma("clang attribute pop")
#else
#define CORTADO_UNWATCHED_BEGIN
#define CORTADO_UNWATCHED_END
#endif

extern "C" {
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
/// Changes `data` in place and returns its new size, at most `max`.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max,
                                    unsigned seed);
/// The driver's: changes bytes without knowing what they mean.
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);
}

CORTADO_UNWATCHED_BEGIN
namespace cortado::fuzz {

[[noreturn]] inline void broken(const char* invariant) {
  std::fprintf(stderr, "BROKEN: %s\n", invariant);
  std::abort();
}

/// `invariant` says what must hold, in words.
inline void require(bool holds, const char* invariant) {
  if (!holds) [[unlikely]] {
    broken(invariant);
  }
}

/// Fast and good enough (splitmix64): the mutators' choices follow from one seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t operator()() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) noexcept { return (*this)() % limit; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }
  template <class T, std::size_t N>
  T of(const T (&values)[N]) noexcept {
    return values[below(N)];
  }

 private:
  std::uint64_t state_;
};

/// The input, value by value. Behind its end there are zeros.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

  template <class T>
  T take() noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::size_t length = std::min(sizeof value, rest_.size());
    if (length != 0) std::memcpy(static_cast<void*>(&value), rest_.data(), length);
    rest_ = rest_.subspan(length);
    return value;
  }
  std::span<const std::uint8_t> bytes(std::size_t wanted) noexcept {
    const auto taken = rest_.first(std::min(wanted, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  std::span<const std::uint8_t> rest() const noexcept { return rest_; }
  bool empty() const noexcept { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

/// Positions and numbers at which something wraps.
inline std::uint64_t edge(Random& random) noexcept {
  constexpr std::uint64_t kEdges[] = {0, 1, 0x7f, 0xff, 0xfff, 0x1000, 0x7fffffff, 0xffffffff};
  const std::uint64_t base = random.of(kEdges);
  switch (random.below(4)) {
    case 0:
      return base;
    case 1:
      return ~base;
    case 2:
      return (std::uint64_t{1} << 63) + base;
    default:
      return random();
  }
}

}  // namespace cortado::fuzz
CORTADO_UNWATCHED_END
