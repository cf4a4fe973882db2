// Contestants: whoever carries messages, and the machine's own limits, behind one interface.
#pragma once

#include <span>
#include <string_view>

#include "bench/figures.hpp"
#include "bench/point.hpp"

namespace cortado::bench {

enum class Role : std::uint8_t { cortado, limit, peer };

struct Contestant {
  using Run = Figures (*)(const Setting&);

  std::string_view name;
  std::string_view what;  ///< in a few words
  Role role = Role::peer;
  /// null: it is not in this build, see `absent`.
  Run (*run_for)(const Point&) = nullptr;  ///< null for a point that it cannot do
  std::string_view absent = {};            ///< why not, and what to install
};

/// In the order in which they are shown.
std::span<const Contestant> all_contestants();

const char* name_of(Role role) noexcept;

// Each file of channels/ has these, and contestant.cpp lists them.
std::span<const Contestant> cortado_contestants();
std::span<const Contestant> limit_contestants();
std::span<const Contestant> ring_contestants();
std::span<const Contestant> boost_contestants();
std::span<const Contestant> kernel_contestants();
std::span<const Contestant> moodycamel_contestants();
std::span<const Contestant> zeromq_contestants();
std::span<const Contestant> nng_contestants();
std::span<const Contestant> lock_contestants();
std::span<const Contestant> absent_contestants();

}  // namespace cortado::bench
