// Drives a target where there is no libFuzzer: inputs made and changed by the target's own mutator,
// without coverage. Takes the options that libFuzzer has for the same, so that a test need not know
// which of the two drives its target.
//
//   TARGET -runs=N -seed=S     N inputs; the same seed, the same inputs
//   TARGET FILE...             these inputs, one time each
//   -timeout=SECONDS           an input that takes longer is a finding
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "target.hpp"

namespace {

using cortado::fuzz::Random;

constexpr std::size_t kMaxBytes = 16384;

std::uint64_t byte_seed = 1;
unsigned timeout_seconds = 0;  // 0: none

void give_up(int) {
  constexpr std::string_view kText = "BROKEN: an input takes longer than it may\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(1);
}

void try_input(const std::uint8_t* data, std::size_t size) {
  ::alarm(timeout_seconds);
  LLVMFuzzerTestOneInput(data, size);
  ::alarm(0);
}

struct Input {
  std::array<std::uint8_t, kMaxBytes> bytes{};
  std::size_t size = 0;
};

/// A few inputs that change all the time. Now and then one begins anew.
void run(std::uint64_t runs, std::uint64_t seed) {
  constexpr std::size_t kPool = 64;
  Random random(seed);
  std::vector<Input> pool(kPool);
  Input tried;
  for (std::uint64_t i = 0; i < runs; ++i) {
    byte_seed = random();
    Input& chosen = pool[random.below(kPool)];
    tried.size = random.one_in(32) ? 0 : chosen.size;
    std::memcpy(tried.bytes.data(), chosen.bytes.data(), tried.size);
    for (std::uint64_t n = 1 + random.below(3); n != 0; --n) {
      tried.size = LLVMFuzzerCustomMutator(tried.bytes.data(), tried.size, kMaxBytes,
                                           static_cast<unsigned>(random()));
    }
    try_input(tried.bytes.data(), tried.size);
    std::memcpy(chosen.bytes.data(), tried.bytes.data(), tried.size);
    chosen.size = tried.size;
  }
}

bool run_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) return false;
  try_input(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max) {
  Random random(byte_seed++);
  if (size == 0 || (size < max && random.one_in(8))) data[size++] = 0;
  if (size > 1 && random.one_in(8)) size -= random.below(size);
  std::uint8_t& byte = data[random.below(size)];
  byte = random.one_in(2) ? static_cast<std::uint8_t>(random())
                          : static_cast<std::uint8_t>(byte ^ 1U << random.below(8));
  return size;
}

int main(int argc, char** argv) {
  std::signal(SIGALRM, give_up);
  std::uint64_t runs = 0;
  std::uint64_t seed = 1;
  std::uint64_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument.starts_with("-runs=")) {
      runs = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (argument.starts_with("-seed=")) {
      seed = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (argument.starts_with("-timeout=")) {
      timeout_seconds = static_cast<unsigned>(std::strtoul(argv[i] + 9, nullptr, 10));
    } else if (argument.starts_with('-')) {
      continue;  // of libFuzzer's
    } else if (run_file(argv[i])) {
      ++files;
    } else {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
  }
  run(runs, seed);
  std::printf("%llu inputs\n", static_cast<unsigned long long>(runs + files));
  return 0;
}
