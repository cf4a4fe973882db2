// What happens to a writer, or to the owner, half way through an order.
#pragma once

#include <chrono>
#include <cstdint>

#include "modes/stage.hpp"

namespace cortado::modes {

/// Leaves the order by way of everybody's destructors. No std::exception, so that nobody on the way
/// takes it for his own.
struct Thrown {};

inline constexpr std::chrono::milliseconds kSlow{200};

/// Stamp::word() of the order in which the owner dies; UINT64_MAX, which is nobody's: none.
inline std::uint64_t fatal_to_owner(const Workload& workload) noexcept {
  const Fault& fault = workload.fault;
  if (fault.kind != Fault::Kind::owner_killed) return UINT64_MAX;
  return Stamp(fault.writer, fault.sequence).word();
}

/// Called half way through the order that the workload's fault is for; notes on the stage that it
/// was there. Only the first call does something: a next owner meets the same order again.
///
/// In a race, who is not ended by it waits half way until somebody else has come by: what happens
/// sooner or later happens now, in every run.
class Disaster {
 public:
  explicit Disaster(const Stage& stage) noexcept : stage_(stage) {}
  void operator()() const;

 private:
  void happen() const;
  const Stage& stage_;
};

}  // namespace cortado::modes
