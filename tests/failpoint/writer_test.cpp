// A writer is killed, stopped, and made to see its calls fail, at each of its system calls, with a
// live owner and a live bystander.
#include "writer_operations.hpp"

namespace cortado::test {
namespace {

using WriterFailpoints = FailpointTest;

TEST_F(WriterFailpoints, of_join_kill_it_and_leave_nothing_and_its_name_is_free) {
  Fault fault("writer-killed-in-join");
  JoinUnseen unseen;
  inject.kill(unseen);
  Join join;
  inject.kill(join);
  fault.fired(figures.kills);
  conclude();
}

TEST_F(WriterFailpoints, of_a_send_into_a_sleeping_owner_kill_it_and_all_that_was_sent_arrives) {
  Fault fault("writer-killed-before-wake");
  SendToSleeper send;
  inject.kill(send);
  fault.fired(figures.kills);
  conclude();
}

TEST_F(WriterFailpoints, of_calls_that_wait_kill_it_and_all_that_was_sent_arrives) {
  Fault fault("writer-killed-in-send");
  BlockingSend send;
  inject.kill(send);
  Ask ask;
  inject.kill(ask);
  fault.fired(figures.kills);
  conclude();
}

TEST_F(WriterFailpoints, of_close_kill_it_and_all_that_was_sent_arrives) {
  Fault fault("writer-killed-in-close");
  Close close;
  inject.kill(close);
  Destroy destroy;
  inject.kill(destroy);
  fault.fired(figures.kills);
  conclude();
}

TEST_F(WriterFailpoints, of_joining_the_next_owner_kill_it_and_nothing_comes_twice) {
  Rejoin rejoin;
  inject.kill(rejoin);
  conclude();
}

TEST_F(WriterFailpoints, of_a_send_into_a_sleeping_owner_stop_it_and_others_wake_the_owner) {
  Fault fault("writer-stopped-before-wake");
  SendToSleeper send;
  inject.stop(send);
  fault.fired(figures.stops);
  conclude();
}

TEST_F(WriterFailpoints, of_everything_else_stop_it_and_only_its_own_lane_pauses) {
  Fault fault("writer-stopped");
  Join join;
  inject.stop(join);
  JoinUnseen unseen;
  inject.stop(unseen);
  BlockingSend send;
  inject.stop(send);
  Ask ask;
  inject.stop(ask);
  Close close;
  inject.stop(close);
  Rejoin rejoin;
  inject.stop(rejoin);
  fault.fired(figures.stops);
  conclude();
}

TEST_F(WriterFailpoints, of_everything_let_a_call_fail_and_it_is_an_error_or_no_harm) {
  Fault fault("every-call-fails");
  Join join;
  inject.fail(join);
  JoinUnseen unseen;
  inject.fail(unseen);
  SendToSleeper send;
  inject.fail(send);
  BlockingSend blocking;
  inject.fail(blocking);
  Ask ask;
  inject.fail(ask);
  Close close;
  inject.fail(close);
  Destroy destroy;
  inject.fail(destroy);
  Rejoin rejoin;
  inject.fail(rejoin);
  fault.fired(figures.failures);
  conclude();
}

}  // namespace
}  // namespace cortado::test
