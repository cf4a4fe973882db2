// An owner is killed, stopped, and made to see its calls fail, at each of its system calls, with
// live writers and, where there is one, a live keeper.
#include "owner_operations.hpp"

namespace cortado::test {
namespace {

using OwnerFailpoints = FailpointTest;

TEST_F(OwnerFailpoints, of_open_kill_it_and_the_next_one_opens) {
  Fault fault("owner-killed-in-open");
  Open alone(Kept::no);
  inject.kill(alone);
  Open kept(Kept::yes);
  inject.kill(kept);
  fault.fired(figures.kills);
  conclude();
}

TEST_F(OwnerFailpoints, of_taking_over_kill_it_and_its_own_successor_takes_over) {
  Fault fault("owner-killed-in-adopt");
  Adopt plain(Kept::yes);
  inject.kill(plain);
  Adopt state(Kept::with_state);
  inject.kill(state);
  for (const Kept kept : {Kept::yes, Kept::with_state}) {
    AdoptOrphans orphans(kept);
    inject.kill(orphans);
  }
  fault.fired(figures.kills);
  conclude();
}

TEST_F(OwnerFailpoints, of_closing_and_ending_kill_it_and_the_next_one_gets_what_was_sent) {
  Fault fault("owner-killed-in-shutdown");
  for (const Kept kept : {Kept::no, Kept::yes, Kept::with_state}) {
    End end(kept);
    inject.kill(end);
  }
  fault.fired(figures.kills);
  conclude();
}

TEST_F(OwnerFailpoints, of_serving_kill_it_and_the_next_one_gets_what_was_sent) {
  Fault fault("owner-killed-in-drain");
  for (const Kept kept : {Kept::no, Kept::yes}) {
    Serve serve(kept);
    inject.kill(serve, every(3), first(3));
    Evict evict(kept);
    inject.kill(evict);
  }
  fault.fired(figures.kills);
  conclude();
}

TEST_F(OwnerFailpoints, of_everything_stop_it_and_after_it_nothing_is_missing) {
  Fault fault("owner-stopped");
  Open alone(Kept::no);
  inject.stop(alone);
  Adopt adopt(Kept::with_state);
  inject.stop(adopt);
  Serve serve(Kept::yes);
  inject.stop(serve, every(5), first(5));
  End end(Kept::no);
  inject.stop(end);
  fault.fired(figures.stops);
  conclude();
}

TEST_F(OwnerFailpoints, of_open_let_a_call_fail_and_it_is_an_error_that_leaves_nothing) {
  Fault fault("every-call-fails");
  for (const Kept kept : {Kept::no, Kept::yes}) {
    Open open(kept);
    inject.fail(open);
  }
  fault.fired(figures.failures);
  conclude();
}

TEST_F(OwnerFailpoints, of_taking_over_let_a_call_fail_and_no_message_is_missing) {
  Fault fault("every-call-fails");
  Adopt adopt(Kept::with_state);
  inject.fail(adopt);
  AdoptOrphans orphans(Kept::with_state);
  inject.fail(orphans);
  fault.fired(figures.failures);
  conclude();
}

TEST_F(OwnerFailpoints, of_serving_and_ending_let_a_call_fail_and_no_message_is_missing) {
  Fault fault("every-call-fails");
  for (const Kept kept : {Kept::no, Kept::yes}) {
    Serve serve(kept);
    inject.fail(serve, every(3), first(3));
    Evict evict(kept);
    inject.fail(evict);
    End end(kept);
    inject.fail(end);
  }
  fault.fired(figures.failures);
  conclude();
}

}  // namespace
}  // namespace cortado::test
