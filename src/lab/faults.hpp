// What becomes of everybody else when something happens to one writer, or to the owner: each fault
// in each mode, run for real, under a watchdog.
#pragma once

#include <cortado/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "lab/compare.hpp"
#include "lab/fate.hpp"
#include "lab/result.hpp"

namespace cortado::lab {

/// A fault as a person names it.
struct FaultName {
  modes::Fault::Kind kind;
  std::string_view name;
  std::string_view says;  ///< what happens, in words
};

/// All there are, in the order in which they are shown.
const std::vector<FaultName>& all_faults();
const FaultName& name_of(modes::Fault::Kind kind);

/// The modes in which there is somebody else to survive it, as Workload::mode.
const std::vector<std::uint32_t>& fault_modes();

struct FaultPlan {
  std::vector<std::uint32_t> modes;        ///< of fault_modes()
  std::vector<modes::Fault::Kind> faults;  ///< of all_faults()
  std::uint64_t seed = 1;
  /// A run in which nothing moves so long hangs; longer than modes::kSlow.
  std::chrono::nanoseconds watchdog = std::chrono::seconds(5);
  /// Called now and then; false ends it at once.
  std::function<bool(const Standing&)> go_on = [](const Standing&) { return true; };
};

/// One fault in one mode.
struct FaultCell {
  const modes::Mode* mode = nullptr;
  modes::Fault::Kind fault = modes::Fault::Kind::none;
  bool applies = false;  ///< false: the mode has nobody that it could happen to; nothing was run
  Fate fate = Fate::intact;
  std::optional<Fate> theory;  ///< none: nobody has thought about it
  /// From the fault until each other writer had its next order applied. None: never.
  std::optional<std::chrono::nanoseconds> went_on;
  RunResult run;

  bool is_as_theory() const noexcept { return !applies || !theory || fate == *theory; }
};

/// Writers in each cell; the fault is the first one's.
inline constexpr std::uint32_t kFaultWriters = 4;
/// Orders of each writer, and which of them the fault comes in. At that one it is looked at what
/// stands in the buffer (Hand::kLookAt), and its time is not overwritten (WriterNotes::kSamples).
inline constexpr std::uint64_t kFaultOrders = 2000;
inline constexpr std::uint64_t kFaultAt = 1000;

/// Tries each fault in each mode, faults outermost. Blocks until all is done; leaves no process.
///
/// Errors: those of run(); Errc::closing: go_on said no. Errc::system: a fault did not happen, so
/// that there is nothing to tell of it; the text says which.
Result<std::vector<FaultCell>> try_faults(const FaultPlan& plan);

}  // namespace cortado::lab
