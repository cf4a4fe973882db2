// Back to a crash point without stepping: the child runs freely up to a breakpoint at the
// instruction that comes next there. Then it is killed as anybody would be, or its peer acts at
// exactly that moment and it goes on, not traced any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "clock.hpp"
#include "step.hpp"
#include "traced_child.hpp"

namespace cortado::test {

#if defined(__x86_64__)

/// What a real SIGKILL at the crash point leaves. Empty: the child did not come there.
inline std::string killed_at(const Operation& operation, const CrashPoint& point) {
  const OnOneProcessor pinned;
  const TestClock clock;
  TracedChild child(operation);
  if (!child.refused().empty() || !child.run_to(point.address, point.hit)) return {};
  child.end();
  return image_of(child.regions());
}

/// The points that are worth a replay: of a loop only the first few rounds, which cost a stop each.
inline std::vector<CrashPoint> reachable(const Stepped& stepped, std::uint64_t rounds = 3) {
  std::vector<CrashPoint> points;
  for (const CrashPoint& point : stepped.points) {
    if (point.hit <= rounds) points.push_back(point);
  }
  return points;
}

/// Its peer acts at the crash point, and whenever the child sleeps from then on, as long as it has
/// a reason to: `act` returns whether it had. What went wrong, or empty: the child came to its end.
inline std::string interrupted_at(const Operation& operation, const CrashPoint& point,
                                  const std::function<bool(bool asleep)>& act) {
  const OnOneProcessor pinned;
  const TestClock clock;
  TracedChild child(operation);
  if (!child.refused().empty()) return child.refused();
  if (!child.run_to(point.address, point.hit)) return "it did not come there: " + child.broken();
  act(false);
  child.set_free();
  while (child.sleeps()) {
    if (!act(true)) return "it sleeps, and nobody has a reason to wake it";
  }
  return child.broken();
}

#endif

}  // namespace cortado::test
