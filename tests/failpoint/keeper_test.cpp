// A keeper is killed, stopped, and made to see its calls fail, at its system calls, with a live
// owner and live writers.
#include "keeper_operations.hpp"

namespace cortado::test {
namespace {

using KeeperFailpoints = FailpointTest;

TEST_F(KeeperFailpoints, kill_it_and_its_group_ends_with_it) {
  Fault fault("keeper-killed");
  Launch launch;
  inject.kill(launch, every(4), first(4));
  fault.fired(figures.kills);
  conclude();
}

TEST_F(KeeperFailpoints, stop_it_and_the_others_get_on) {
  Launch launch;
  inject.stop(launch, every(16), first(16));
  conclude();
}

TEST_F(KeeperFailpoints, let_a_call_fail_and_it_is_an_error_or_no_harm) {
  Fault fault("every-call-fails");
  Launch launch;
  inject.fail(launch, every(3), first(3));
  fault.fired(figures.failures);
  conclude();
}

}  // namespace
}  // namespace cortado::test
