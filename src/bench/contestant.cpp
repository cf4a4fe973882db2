#include "bench/contestant.hpp"

#include <vector>

namespace cortado::bench {
namespace {

std::vector<Contestant> collect() {
  std::vector<Contestant> all;
  for (const auto part :
       {cortado_contestants(), limit_contestants(), ring_contestants(), boost_contestants(),
        kernel_contestants(), moodycamel_contestants(), zeromq_contestants(), nng_contestants(),
        lock_contestants(), absent_contestants()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Contestant> all_contestants() {
  static const std::vector<Contestant> kAll = collect();
  return kAll;
}

const char* name_of(Role role) noexcept {
  switch (role) {
    case Role::cortado:
      return "cortado";
    case Role::limit:
      return "limit";
    case Role::peer:
      return "peer";
  }
  return "unknown";
}

std::span<const Contestant> absent_contestants() {
  static constexpr Contestant kAbsent[] = {
      {"iceoryx", "publisher and subscriber, zero copy", Role::peer, nullptr,
       "not run: it needs its daemon (iox-roudi) beside it, which this benchmark does not start"},
      {"go-channel", "buffered channel between goroutines", Role::peer, nullptr,
       "not run: it needs a Go compiler (golang-go), which the build does not use"},
  };
  return kAbsent;
}

}  // namespace cortado::bench
