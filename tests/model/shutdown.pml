/* An owner closes and ends, while writers send and join: is anything lost that a send said ok to,
 * does an owner that ends in order leave anything to be done twice, does anybody wait for ever?
 *
 * Two writers with two messages each, rings of one message; each closes when all is applied. An
 * owner may close at any time; one may die between any two steps; the third stays. x86-TSO store
 * buffers. Without a keeper the writers join the next owner with their backlog; with KEEPER it has
 * the same lanes. (A group that ends with its owner sends its writers away, or kills them.)
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   Writer: check, send       `Writer::Impl::check`, `Writer::Impl::trouble`, `try_send`
 *   Writer: lose_owner        `Writer::Impl::owner_lost`, `Writer::Impl::lose_owner`
 *   Writer: join_next         `Writer::Impl::find_next_owner`; `Owner::Impl::check_policy`
 *   Writer: copy_backlog      `Writer::Impl::copy_backlog` (rejoin.pml has what else it does)
 *   Writer: close             `Writer::Impl::close`, `Writer::Impl::wait_applied`
 *   Owner: close              `Owner::Impl::close`, `set_owner_state`, `OwnerLane::read_at_most`
 *   Owner: drain, release     `Owner::Impl::drain_lane`, `Owner::Impl::release_lane`, `readable`
 *   Owner: DRAINED            `Owner::drained`, `OwnerLane::all_released`
 *   Owner: end                ~Impl of `Owner::Impl` hangs up; then ~Rendezvous frees the name
 *   Owner: adopt              `Owner::Impl::resume`: takes `closing` back
 *
 * A position is the sequence of the message there. How sleepers are woken: space_wait.pml.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   MESSAGES=3                                holds    819,554 without a keeper, all faults
 *   KEEPER MESSAGES=3                         holds    304,670 with a keeper
 *   NO_HANGUP_AT_THE_END                      breaks       219 a forked child holds the connections
 *   HANGUP_AT_CLOSING                         breaks       319 hung up while it is still reading
 *   LOST_AT_CLOSING                           breaks       311 closing is taken for the end
 *   BACKLOG_DROPPED                           breaks       258 what was not released is forgotten
 *   LOST_IS_APPLIED                           breaks       258 no owner, so nothing waits for one
 *   DRAINED_IS_ALL_READ                       breaks    75,259 it ends before all is released
 *   READ_AT_MOST_ONE                          breaks     2,998 reads one ring only from closing on
 *   KEEPER CLOSING_STAYS                      breaks       275 a next owner does not take it back
 */
#if !defined(MESSAGES)
#define MESSAGES 2
#endif
#define CAPACITY 1
#define OWNERS 3
#define NO_END 255

/* The lanes: LaneControl and ring. */
byte published[2];
byte released[2];
byte in_hand[2];
bool closing[2];
/* Store buffers: of each writer (commit words); of the owner, where `closing` precedes any later
 * `released`. */
byte buffered[2];
bool closing_stored[2];

/* Kernel. */
bool hung_up[2];             /* the connection; a forked child of the owner may hold it open, too */

/* Private to the writers. */
byte sequence[2];            /* of the next message */
byte put[2];                 /* end of what it has put into the lane; up to `sequence`: backlog */
bool lost[2] = true;
byte flag_until[2];          /* messages before it were in hand: a commit word's flag, or in_hand */
bool finished[2];

/* Private to one owner. */
bool has[2];
byte position[2];
byte read_end[2] = NO_END;
bool accepting;

/* For the judge. */
byte seen[2];                /* messages that a handler saw, each counted once */
byte owners = 1;             /* the number of this one */
bool died;                   /* one of them */
bool dying;

#define BACKLOG(w) (put[w] < sequence[w])
#define ROOM(w) (put[w] - released[w] < CAPACITY)
#if defined(KEEPER)
#define OWNER_GONE(w) (false)
#elif defined(LOST_AT_CLOSING)
#define OWNER_GONE(w) (hung_up[w] || closing[w])
#else
#define OWNER_GONE(w) (hung_up[w])
#endif
#if defined(LOST_IS_APPLIED)
#define APPLIED(w) (lost[w] || (!BACKLOG(w) && released[w] == sequence[w]))
#else
#define APPLIED(w) (!BACKLOG(w) && (lost[w] || released[w] == sequence[w]))
#endif

inline lose_owner(w) {
  lost[w] = true;
#if defined(BACKLOG_DROPPED)
  put[w] = sequence[w];
#else
  put[w] = released[w];
#endif
  flag_until[w] = (in_hand[w] > flag_until[w] -> in_hand[w] : flag_until[w]);
  buffered[w] = 0;
  has[w] = false                                       /* the owner sees that it hung up */
}

/* Admitted: a new lane. */
inline join_next(w) {
  published[w] = put[w];
  released[w] = put[w];
  in_hand[w] = put[w];
  position[w] = put[w];
  closing[w] = false;
  hung_up[w] = false;
  has[w] = true;
  lost[w] = false
}

proctype Writer(bit me) {
  do
  :: atomic { lost[me] && accepting && !dying -> join_next(me) }
  :: atomic { !lost[me] && BACKLOG(me) && ROOM(me) -> buffered[me]++; put[me]++ }
  :: atomic { !lost[me] && OWNER_GONE(me) -> lose_owner(me) }
  :: !lost[me] && !BACKLOG(me) && sequence[me] < MESSAGES && !closing[me] ->       /* check */
     atomic {
       if
       :: ROOM(me) -> buffered[me]++; put[me]++; sequence[me]++        /* the send says ok */
       :: else                                         /* full */
       fi
     }
  :: atomic {
       sequence[me] == MESSAGES && APPLIED(me) ->      /* close returns 0 */
         assert(seen[me] == MESSAGES);
         finished[me] = true;
         break
     }
  od
}

inline closing_arrives(w) {
  closing[w] = closing[w] || closing_stored[w];
  closing_stored[w] = false
}

#define READABLE(w) (has[w] && position[w] < published[w] && position[w] < read_end[w])
#if defined(DRAINED_IS_ALL_READ)
#define RELEASED(w) (true)
#else
#define RELEASED(w) (!has[w] || released[w] == position[w])
#endif
#define DRAINED (!READABLE(0) && !READABLE(1) && RELEASED(0) && RELEASED(1))

inline drain(w) {
  in_hand[w] = (in_hand[w] > position[w] -> in_hand[w] : position[w] + 1);
  atomic {
    assert(position[w] == seen[w] ||
           (died && position[w] < seen[w] && position[w] < flag_until[w]));
    seen[w] = (position[w] == seen[w] -> seen[w] + 1 : seen[w]);
    position[w]++
  }
}

inline release(w) {
  closing_arrives(w);
  released[w] = position[w]
}

#if defined(READ_AT_MOST_ONE)
#define RINGS 1
#else
#define RINGS 2
#endif

inline close(w) {
  closing_stored[w] = has[w];
#if defined(HANGUP_AT_CLOSING)
  hung_up[w] = has[w];
#endif
  read_end[w] = position[w] + RINGS * CAPACITY
}

/* It shuts the connection down, or dies: the kernel closes it, or its pidfd tells. */
inline hang_up(w) {
  closing_arrives(w);
#if !defined(KEEPER)
  hung_up[w] = hung_up[w] || has[w];
#endif
  has[w] = false
}

inline hang_up_in_order(w) {
#if defined(NO_HANGUP_AT_THE_END)
  atomic { closing_arrives(w); has[w] = false }
#else
  atomic { hang_up(w) }
#endif
}

/* The next owner under a keeper. */
inline adopt(w) {
#if defined(KEEPER)
  atomic {
    if
    :: !lost[w] ->
       position[w] = released[w];
       flag_until[w] = in_hand[w];
#if !defined(CLOSING_STAYS)
       closing[w] = false;
#endif
       has[w] = true
    :: else
    fi
  }
#else
  skip
#endif
}

inline end_owner() {
  owners++;
  accepting = false;
  read_end[0] = NO_END; read_end[1] = NO_END
}

active proctype Owner() {
life:
  {
    adopt(0);
    adopt(1);
    accepting = true;
    do
    :: READABLE(0) -> drain(0)
    :: READABLE(1) -> drain(1)
    :: atomic { has[0] && released[0] < position[0] -> release(0) }
    :: atomic { has[1] && released[1] < position[1] -> release(1) }
    :: atomic { accepting && owners < OWNERS -> accepting = false; close(0); close(1) }
    :: atomic {
         !accepting && DRAINED ->
           assert(published[0] <= read_end[0] && published[1] <= read_end[1]);
           break
       }
    od;
    hang_up_in_order(0);
    hang_up_in_order(1);
    atomic { end_owner(); goto life }
  } unless {
    atomic {
      dying ->
        hang_up(0);
        hang_up(1);
        end_owner();
        died = true;
        dying = false
    }
  }
  goto life
}

active proctype Processor() {
  do
  :: atomic { buffered[0] > 0 -> buffered[0]--; published[0]++ }
  :: atomic { buffered[1] > 0 -> buffered[1]--; published[1]++ }
  :: atomic { closing_stored[0] -> closing_arrives(0) }
  :: atomic { closing_stored[1] -> closing_arrives(1) }
  od
}

active proctype Faults() {
  atomic { owners < OWNERS && !dying -> dying = true }
}

active proctype Judge() {
  timeout -> assert(finished[0] && finished[1])        /* nobody waits for ever */
}

init {
  atomic { run Writer(0); run Writer(1) }
}
