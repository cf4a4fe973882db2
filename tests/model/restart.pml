/* An owner dies under a keeper, again and again: is a message lost, an effect doubled, a lane lost,
 * an innocent message taken for poison?
 *
 * Two lanes with two asks each, all published at the start: what a writer does meanwhile is in
 * sleep_wake.pml and space_wait.pml. The owner may die between any two steps, also while it takes
 * over; the keeper starts the next. With STATE: a kept state, and answers that wait for its commit.
 * One processor stores to the kept segment, and a kill is precise: no store buffers are needed.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   receive                   `KeeperEnd::send_lanes`, `KeeperLink::receive`
 *   recover_state_commit      `Owner::Impl::adopt_kept`, `Owner::Impl::recover_state_commit`
 *   resume                    `Owner::Impl::adopt`, `Owner::Impl::resume`
 *   count_failure             `Owner::Impl::count_failure`, `Owner::Impl::condemn`
 *   take_in_hand              `OwnerLane::set_in_hand`
 *   handle, answer            `Owner::Impl::handle`, `LanePort::reply`, `LanePort::put`
 *   drain_lane                `Owner::Impl::drain_lane`, `begin_state_turn`, `OwnerLane::set_idle`
 *   release_lane              `Owner::Impl::release_lane`, `KeptLane::commit`
 *   tell                      `LanePort::tell`
 *
 * A position is the number of messages before it. Not modelled: handlers that throw.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   (none)                                    holds    543,997 two lanes, three deaths
 *   STATE                                     holds    385,312 with a kept state
 *   LANES=1 DEATHS=5                          holds    136,156 one lane, poison, five deaths
 *   STATE LANES=1 DEATHS=5                    holds     73,552 the same with a kept state
 *   KEEPER_GIVES_AWAY                         breaks       280 keeper forgets what it hands over
 *   COMMIT_BEFORE_HANDLER                     breaks       637 committed before the handler
 *   HINT_BEFORE_COMMIT                        breaks     2,688 writer told before the commit
 *   IN_HAND_AFTER_HANDLER                     breaks       597 in hand is stored after the handler
 *   IN_HAND_GOES_BACK                         breaks    46,976 in hand shrinks while redelivering
 *   STATE STATE_NOT_RECOVERED                 breaks     1,356 the committed state is not looked at
 *   STATE POSITION_BEFORE_STATE               breaks     1,587 position committed before the state
 *   STATE ANSWER_BEFORE_STATE                 breaks        30 answer tells what is not committed
 *   ANSWERS_NOT_LOOKED_FOR                    breaks     1,244 an answer in the ring is overlooked
 *   COUNT_ALL_IN_HAND                         breaks   361,321 idle owners count as failures
 *   COUNT_BEFORE_IDLE                         breaks   170,182 one failure is counted twice
 *   LANES=1 DEATHS=5 ATTEMPTS_OF_ANOTHER      breaks    95,538 on top of another message's count
 */
#if !defined(LANES)
#define LANES 2
#endif
#if !defined(DEATHS)
#define DEATHS 3
#endif
#define MESSAGES 2
#define MAX_ATTEMPTS 3
#define IDLE 255

/* Kept segment: KeptLane. */
byte kept[2];                /* committed position */
byte in_hand[2];
byte handling[2] = IDLE;
byte failed_at[2];
byte attempts[2];
byte replied[2];             /* asks before it have their answer */
bool condemned[2];
/* Kept segment: KeptHeader, and two slots of the kept state, which is a count for each lane. */
bit current;
byte slot_lane[2] = IDLE;
byte slot_position[2];
byte count0[2];              /* lane 0 in slot 0, in slot 1 */
byte count1[2];

/* The lanes' own memory. */
byte released[2];            /* the writer may overwrite what is before it */
byte answers[2];             /* in the ring back: the last one answers the ask before this */

/* Keeper. */
bool keeper_has[2] = true;

/* Private to one owner; all of it dies with it. */
byte position[2];
byte redeliver_until[2];
byte working0, working1;     /* the state while a turn runs */
byte held;                   /* the answer that waits for the commit */

/* For the judge. */
byte seen[2];                /* messages that a handler saw, each counted once */
byte looking = IDLE;         /* lane whose message a handler looks at */
byte fails[4];               /* deaths while a handler looked at that MESSAGE */
byte failed_last[2];         /* the message before this was the last one, ... */
byte failed_in_row[2];       /* ... so many times in a row */
byte deaths;
byte deaths_while_adopting;
bool adopting = true;
bool dying;

#define FLAGGED(lane) (position[lane] < redeliver_until[lane])
#define MESSAGE(lane, number) (2 * (lane) + (number))
#define READABLE(lane) (lane < LANES && !condemned[lane] && position[lane] < MESSAGES)

inline receive(lane) {
  assert(keeper_has[lane]);                            /* or the lane is lost, its writer alive */
#if defined(KEEPER_GIVES_AWAY)
  keeper_has[lane] = false
#endif
}

inline recover_state_commit() {
#if defined(STATE) && !defined(STATE_NOT_RECOVERED)
  atomic {
    if
    :: slot_lane[current] != IDLE && slot_position[current] > kept[slot_lane[current]] ->
       kept[slot_lane[current]] = slot_position[current]
    :: else
    fi
  }
#else
  skip
#endif
}

/* An owner died at the message before `at`. */
inline count_failure(lane, at) {
  if
  :: attempts[lane] != 0 && failed_at[lane] == at ->
     attempts[lane]++;
     atomic {
       if
       :: attempts[lane] >= MAX_ATTEMPTS ->
          assert(fails[MESSAGE(lane, at - 1)] >= MAX_ATTEMPTS);        /* not an innocent one */
          condemned[lane] = true
       :: else
       fi
     }
  :: else ->
#if !defined(ATTEMPTS_OF_ANOTHER)
     attempts[lane] = 0;
#endif
     failed_at[lane] = at;
     attempts[lane] = 1
  fi
}

inline resume(lane) {
  atomic {
    assert(released[lane] <= kept[lane]);              /* or what must come again is overwritten */
    position[lane] = kept[lane];
    redeliver_until[lane] = in_hand[lane]
  }
  released[lane] = kept[lane];
#if defined(COUNT_ALL_IN_HAND)
  if
  :: in_hand[lane] > kept[lane] -> count_failure(lane, kept[lane] + 1)
  :: else
  fi;
#elif defined(COUNT_BEFORE_IDLE)
  if
  :: handling[lane] != IDLE -> count_failure(lane, handling[lane]); handling[lane] = IDLE
  :: else
  fi;
#else
  if
  :: handling[lane] != IDLE ->
     atomic { failed = handling[lane]; handling[lane] = IDLE }
     count_failure(lane, failed)
  :: else
  fi;
#endif
  failed = 0;
#if !defined(ANSWERS_NOT_LOOKED_FOR)
  replied[lane] = answers[lane];
#endif
  keeper_has[lane] = true
}

/* Flagged ones stay in hand until each of them is committed. */
inline take_in_hand(lane) {
  atomic { handling[lane] = position[lane] + 1; looking = lane }
#if defined(IN_HAND_GOES_BACK)
  in_hand[lane] = position[lane] + 1
#else
  if
  :: !FLAGGED(lane) -> in_hand[lane] = position[lane] + 1
  :: else
  fi
#endif
}

inline tell(lane) {
  atomic {
    assert(answers[lane] < held);                      /* nobody is answered twice */
#if defined(STATE)
    assert((lane == 0 -> count0[current] : count1[current]) >= held);  /* it tells what is kept */
#endif
    answers[lane] = held
  }
  atomic { replied[lane] = held; held = 0 }
}

inline handle(lane) {
  atomic {
    assert(position[lane] == seen[lane] || (position[lane] < seen[lane] && FLAGGED(lane)));
    assert(!FLAGGED(lane) || position[lane] <= seen[lane]);            /* it was in hand */
    assert(failed_last[lane] != position[lane] + 1 ||                  /* poison was told as such */
           failed_in_row[lane] < MAX_ATTEMPTS + deaths_while_adopting);
    if
    :: position[lane] == seen[lane] -> seen[lane]++
    :: else
    fi;
#if defined(STATE)
    if
    :: lane == 0 -> assert(working0 == position[lane]); working0++     /* each effect once */
    :: lane == 1 -> assert(working1 == position[lane]); working1++
    fi;
#endif
    held = (replied[lane] <= position[lane] -> position[lane] + 1 : 0)
  }
#if !defined(STATE) || defined(ANSWER_BEFORE_STATE)
  if
  :: held != 0 -> tell(lane)
  :: else
  fi
#endif
}

inline begin_state_turn() {
#if defined(STATE)
  d_step { working0 = count0[current]; working1 = count1[current] }
#else
  skip
#endif
}

inline commit_state(lane) {
#if defined(STATE)
  d_step {
    count0[1 - current] = working0;
    count1[1 - current] = working1;
    slot_lane[1 - current] = lane;
    slot_position[1 - current] = position[lane];
    current = 1 - current
  }
#else
  skip
#endif
}

inline release_lane(lane) {
#if defined(POSITION_BEFORE_STATE)
  kept[lane] = position[lane];
  commit_state(lane);
  released[lane] = position[lane]
#elif defined(HINT_BEFORE_COMMIT)
  released[lane] = position[lane];
  commit_state(lane);
  kept[lane] = position[lane]
#else
  commit_state(lane);
  kept[lane] = position[lane];
  released[lane] = position[lane]
#endif
}

/* One batch of one lane. */
inline drain_lane(lane) {
  begin_state_turn();
  do
  ::
#if defined(COMMIT_BEFORE_HANDLER)
     kept[lane] = position[lane] + 1;
#endif
#if defined(IN_HAND_AFTER_HANDLER)
     handle(lane);
     take_in_hand(lane);
#else
     take_in_hand(lane);
     handle(lane);
#endif
     atomic {
       flagged = FLAGGED(lane);
       position[lane]++;
       if
       :: flagged || held != 0 || !READABLE(lane) -> flagged = false; break
       :: !flagged && held == 0 && READABLE(lane)
       :: break                                        /* the turn is over */
       fi
     }
  od;
  atomic { handling[lane] = IDLE; looking = IDLE }
  release_lane(lane);
  if
  :: held != 0 -> tell(lane)
  :: else
  fi
}

inline judge(lane) {
  assert(condemned[lane] || seen[lane] == MESSAGES);
  assert(condemned[lane] || kept[lane] == MESSAGES);
#if !defined(STATE)
  assert(condemned[lane] || answers[lane] == MESSAGES)
#endif
}

inline die() {
  if
  :: looking != IDLE ->
     fails[MESSAGE(looking, handling[looking] - 1)]++;
     failed_in_row[looking] =
       (failed_last[looking] == handling[looking] -> failed_in_row[looking] + 1 : 1);
     failed_last[looking] = handling[looking]
  :: else
  fi;
  deaths_while_adopting = deaths_while_adopting + adopting;
  looking = IDLE; held = 0; working0 = 0; working1 = 0;
  position[0] = 0; position[1] = 0; redeliver_until[0] = 0; redeliver_until[1] = 0;
  adopting = true;
  dying = false
}

active proctype Owner() {
  byte failed;
  bool flagged;
life:
  {
    receive(0);
    receive(1);
    recover_state_commit();
    resume(0);
    resume(1);
    adopting = false;
    do
    :: READABLE(0) -> drain_lane(0)
    :: READABLE(1) -> drain_lane(1)
    :: else -> break
    od;
    atomic { judge(0); if :: LANES == 2 -> judge(1) :: else fi }
    false
  } unless {
    atomic { dying -> die(); failed = 0; flagged = false }
  }
  goto life
}

active proctype Faults() {
  do
  :: atomic { deaths < DEATHS && !dying -> deaths++; dying = true }
  od
}
