/* Writers of one name join, leave, die, are evicted or quarantined, while owners die: is a lane
 * lost, read by two, retired with something unread in it, never retired; does a join never end; is
 * the name held by two at once?
 *
 * Two writers that want the same name, each sends one message. Any of them may die between any two
 * steps, or give up; the owner may die twice, also while it takes over. x86-TSO store buffers. With
 * a keeper; with NO_KEEPER the lanes end with their owner. A stopped process is one that takes no
 * further step: the search contains it.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   Writer: knock, wait       `Writer::Impl::knock`, `Writer::Impl::hear_welcome`
 *   Writer: send, leave       `Writer::Impl::try_send`, `Writer::Impl::leave`
 *   Owner: hear_hello         `Owner::Impl::hear_hello`, `check_policy`, `make_lane`, `begin_lane`,
 *                             `take_in`, `KeeperLink::offer_lane`, `send_welcome`
 *   Owner: discard            `Owner::Impl::discard`
 *   Owner: adopt              `Owner::Impl::adopt`, `Owner::Impl::take_over`, `watch`
 *   Owner: drain              `Owner::Impl::drain_lane` (restart.pml has its steps)
 *   Owner: writer_left        `Owner::Impl::writer_left`: connection or pidfd, `retirable`
 *   Owner: retire             `Owner::Impl::retire`, `KeeperLink::retire_lane`, `flush`
 *   Owner: evict, condemn     `Owner::Impl::evict`, `Owner::Impl::condemn`
 *   next_owner                `KeeperEnd::begin_generation`: reads on to the dead owner's last word
 *   told                      `Owner::Impl::push_event`: seen by the caller once drain returns
 *
 * A lane has the number of the connection that it was made for. The one KeptLane is that of the
 * slot for which both writers contend.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   (none)                                    holds    438,345 with a keeper, two owners die
 *   SEND_AWAY DEATHS=1                        holds    540,684 one is evicted or quarantined, too
 *   NO_KEEPER                                 holds    132,693 lanes end with their owner
 *   SEND_AWAY DEATHS=1 NO_KEEPER              holds    221,105 one is evicted or quarantined, too
 *   WELCOME_BEFORE_OFFER                      breaks    10,053 the writer has it before the keeper
 *   KEEPER_DOES_NOT_READ_ON                   breaks    10,495 a dead owner's last word is unheard
 *   STAGE_AFTER_WELCOME                       breaks     7,115 kept segment told after the Welcome
 *   JOINED_BEFORE_WELCOME                     breaks     6,328 noted as joined before the Welcome
 *   NO_SECOND_WELCOME                         breaks     7,759 a next owner does not welcome
 *   TOLD_OF_TWICE                             breaks       159 not noted as told of if it is gone
 *   NAME_TWICE                                breaks       823 a name again before it is drained
 *   RETIRE_AT_HANGUP                          breaks     7,015 a dead writer's lane is not drained
 *   STAGE_STAYS                               breaks       230 a retired lane is kept on
 *   HANGUP_TOLD_ONCE                          breaks       196 a next owner hears of no hang-up
 *   SEND_AWAY EVICTED_IN_PRIVATE              breaks    26,205 no next owner knows of an eviction
 */
#if !defined(DEATHS)
#define DEATHS 2
#endif
#define NUMBERS 3
#define NONE 255
#define DONE 254

#define EMPTY 0              /* KeptLane::Stage */
#define OFFERED 1
#define JOINED 2
#define EVICTED 3
#define CONDEMNED 4

/* Connections. */
bool gone[NUMBERS] = true;   /* the writer's end is closed */
bool queued[NUMBERS];        /* nobody has taken it from the listener yet */
bool hello[NUMBERS];
bool welcome[NUMBERS];       /* messages that wait for the writer */
bool refusal[NUMBERS];
bool shut[NUMBERS];          /* by the owner, for good */

/* Lanes: LaneControl and ring, and the writer's store buffer. */
bool published[NUMBERS];
bool buffered[NUMBERS];
bool ended[NUMBERS];         /* owner_state::ended */

/* Keeper: has segment, doorbell, connection. */
bool keeper[NUMBERS];
#if defined(KEEPER_DOES_NOT_READ_ON)
byte unread = NONE;          /* in the socket still */
#endif
#if defined(HANGUP_TOLD_ONCE)
byte noticed = NONE;
#endif

/* Kept segment: one KeptLane. */
byte stage;
byte slot_lane = NONE;
bool applied;

/* Private to one owner; all of it dies with it. */
byte pending = NONE;         /* a connection that it took */
byte lane = NONE;            /* the one that it takes out of its table */
bool has;                    /* the lane `slot_lane` is in its table */
bool leaving;
bool condemned;
byte unsent = NONE;          /* to be retired by the keeper, and not sent yet */

/* For the judge. */
bool waiting[2];             /* for a Welcome */
bool told_joined[NUMBERS];
bool told_left[NUMBERS];
byte sent_away = NONE;       /* lane of the one evict, or condemn, once it returned */
byte deaths;
bool dying;

#define OWNED(c) (has && slot_lane == c)
/* With a death, stores come first; then the kernel closes the connection. */
#define HANGUP(c) (gone[c] && !buffered[c])
/* What the writer sees. */
#define CLOSED(c) (shut[c] || (!queued[c] && pending != c && !OWNED(c) && !keeper[c]))
#define FREE(c) \
  (HANGUP(c) && !queued[c] && pending != c && lane != c && !keeper[c] && unsent != c && \
   (slot_lane != c || (!has && stage == EMPTY)))

inline clear(c) {
  hello[c] = false; welcome[c] = false; refusal[c] = false; shut[c] = false;
  published[c] = false; ended[c] = false; told_joined[c] = false; told_left[c] = false;
  sent_away = (sent_away == c -> DONE : sent_away)
}

/* A number that nobody remembers is like new. */
inline forget(c) {
  if
  :: FREE(c) ->
     clear(c);
     slot_lane = (slot_lane == c -> NONE : slot_lane)
  :: else
  fi
}

inline forget_all() { forget(0); forget(1); forget(2) }

/* Whether it leaves, gives up, or dies: the kernel closes its end of the connection. */
proctype Writer(bit me) {
  byte c = NONE;
  do
  :: atomic {                                          /* connect */
       if
       :: FREE(0) -> c = 0
       :: !FREE(0) && FREE(1) -> c = 1
       :: else -> assert(FREE(2)); c = 2               /* or lanes leak */
       fi;
       clear(c);
       gone[c] = false;
       queued[c] = true;
       waiting[me] = true
     }
     if
     :: hello[c] = true
     :: goto leave
     fi;
     if
     :: atomic { welcome[c] -> welcome[c] = false; waiting[me] = false; break }
     :: atomic { !welcome[c] && (refusal[c] || CLOSED(c)) }            /* try_again */
     :: goto leave
     :: goto patient
     fi;
again:
     atomic { gone[c] = true; waiting[me] = false; forget(c); c = NONE }
  :: goto end
  od;
  goto joined;
patient:                                               /* it has no deadline */
  if
  :: atomic { welcome[c] -> welcome[c] = false; waiting[me] = false }
  :: atomic { !welcome[c] && (refusal[c] || CLOSED(c)) -> goto again }
  fi;
joined:
  if
  :: atomic { !ended[c] -> buffered[c] = true }        /* Producer::commit */
  :: goto leave
  fi;
  if
  :: goto leave
  :: atomic {
       CLOSED(c) ->
#if !defined(NO_KEEPER)
         assert(ended[c])                              /* or a lane is lost, its writer alive */
#endif
     }
  fi;
leave:
  atomic { gone[c] = true; waiting[me] = false; forget(c); c = NONE }
end:
  skip
}

inline tell_joined() {
  atomic {
    assert(!told_joined[slot_lane]);
    told_joined[slot_lane] = true
  }
}

/* The keeper closes its part; or the socket is full, and it is remembered. */
inline retire_by_keeper(c) {
  atomic {
#if !defined(NO_KEEPER)
    if
    :: keeper[c] = false
    :: unsent = c
    fi
#else
    skip
#endif
  }
}

/* Out of the tables; the last thing that the lane's own memory tells is that it is empty. */
inline drop_lane() {
  lane = slot_lane;
#if !defined(STAGE_STAYS)
  stage = EMPTY;
#endif
  retire_by_keeper(lane);
  atomic { has = false; leaving = false; condemned = false }
}

inline offer(c) {
#if !defined(NO_KEEPER)
  keeper[c] = true
#else
  skip
#endif
#if defined(KEEPER_DOES_NOT_READ_ON)
  ;
  unread = c
#endif
}

inline send_welcome() {
  if
  :: atomic { !gone[slot_lane] -> welcome[slot_lane] = true; taken = true }
  :: atomic { gone[slot_lane] -> taken = false }
  fi
}

inline hear_hello(c) {
  atomic { queued[c] && (hello[c] || gone[c]) && unsent == NONE -> queued[c] = false; pending = c }
  if
  :: atomic { !hello[c] -> pending = NONE; forget(c) }
  :: atomic { hello[c] && has -> refusal[c] = true; pending = NONE; forget(c) }
#if defined(NAME_TWICE)
  :: hello[c] && (!has || leaving) ->
#else
  :: hello[c] && !has ->
#endif
     atomic {                                          /* a slot of the table; then of KeptLane */
       assert(!has);                                   /* one of a name */
       slot_lane = c;
       applied = false;
       has = true;
       pending = NONE;
       forget_all()
     }
#if defined(WELCOME_BEFORE_OFFER)
     stage = OFFERED;
     send_welcome();
     offer(c);
     stage = JOINED;
#elif defined(JOINED_BEFORE_WELCOME)
     offer(c);
     stage = JOINED;
     send_welcome();
#elif defined(STAGE_AFTER_WELCOME)
     offer(c);
     send_welcome();
     stage = JOINED;
#else
     stage = OFFERED;
     offer(c);
     send_welcome();
     if
     :: taken -> stage = JOINED
     :: !taken
     fi;
#endif
     if
     :: taken -> tell_joined()
     :: !taken -> drop_lane()
     fi;
     atomic { taken = false; lane = NONE; forget_all() }
  fi
}

#if defined(RETIRE_AT_HANGUP)
#define RETIRABLE (leaving || condemned)
#else
#define RETIRABLE (condemned || (leaving && applied == published[slot_lane]))
#endif

inline retire() {
  atomic {
    has && RETIRABLE ->
      assert(condemned || ended[slot_lane] || applied == published[slot_lane]);
      shut[slot_lane] = true
  }
  drop_lane();
  atomic {
    assert(!told_left[lane]);
    told_left[lane] = true;
    lane = NONE;
    forget_all()
  }
}

/* Of one lane that the keeper handed over. */
inline adopt(c) {
  if
  :: keeper[c] ->
     if
     :: slot_lane != c || stage == EMPTY -> atomic { keeper[c] = false; forget(c) }
     :: slot_lane == c && stage != EMPTY ->
        atomic {
          assert(!has);                                /* read by one, one of a name */
          has = true;
          ended[c] = (stage == EVICTED || stage == CONDEMNED);
          condemned = (stage == CONDEMNED);
          leaving = (stage == EVICTED)
        }
        if
        :: stage == OFFERED ->
#if !defined(NO_SECOND_WELCOME)
           send_welcome();
           if
           :: taken -> taken = false
           :: !taken                                   /* it is gone; it may have had the first */
           fi;
#endif
#if !defined(TOLD_OF_TWICE)
           stage = JOINED;
#endif
           tell_joined()
        :: stage != OFFERED                            /* told as adopted */
        fi
     fi
  :: !keeper[c]
  fi
}

inline die() {
  has = false; leaving = false; condemned = false;
  pending = NONE; lane = NONE; unsent = NONE;
#if defined(KEEPER_DOES_NOT_READ_ON)
  if
  :: unread != NONE -> keeper[unread] = false; unread = NONE
  :: unread = NONE                                   /* it had read it */
  fi;
#endif
#if defined(NO_KEEPER)
  queued[0] = false; queued[1] = false; queued[2] = false;
  stage = EMPTY; slot_lane = NONE; applied = false;
#endif
  forget_all()
}

inline next_owner() {
#if !defined(NO_KEEPER)
  adopt(0);
  adopt(1);
  adopt(2)
#else
  skip
#endif
}

active proctype Owner() {
  bool taken;
life:
  {
    next_owner();
    do
    :: hear_hello(0)
    :: hear_hello(1)
    :: hear_hello(2)
    :: atomic {                                        /* drain */
         has && !condemned && applied != published[slot_lane] -> applied = true
       }
#if defined(HANGUP_TOLD_ONCE)
    :: atomic {
         has && HANGUP(slot_lane) && noticed != slot_lane ->
           leaving = true;
           noticed = slot_lane
       }
#else
    :: atomic { has && !leaving && HANGUP(slot_lane) -> leaving = true }
#endif
    :: retire()
    :: atomic { unsent != NONE -> keeper[unsent] = false; unsent = NONE; forget_all() }
#if defined(SEND_AWAY)
    :: atomic { has && !leaving && !condemned && sent_away == NONE -> sent_away = DONE }
       if
       ::
#if !defined(EVICTED_IN_PRIVATE)
          stage = EVICTED;                             /* evict */
#endif
          ended[slot_lane] = true;
          atomic { leaving = true; sent_away = slot_lane }
       :: condemned = true;                            /* condemn */
          stage = CONDEMNED;
          atomic { ended[slot_lane] = true; sent_away = slot_lane }
       fi
#endif
    od
  } unless {
    atomic { dying -> taken = false; dying = false; die() }
  }
  goto life
}

active proctype Processor() {
  do
  :: atomic { buffered[0] -> buffered[0] = false; published[0] = true; forget(0) }
  :: atomic { buffered[1] -> buffered[1] = false; published[1] = true; forget(1) }
  :: atomic { buffered[2] -> buffered[2] = false; published[2] = true; forget(2) }
  od
}

active proctype Faults() {
  do
  :: atomic { deaths < DEATHS && !dying -> deaths++; dying = true }
  :: atomic { deaths < DEATHS -> deaths = DEATHS }     /* no more of them */
  od
}

#define NO_TRACE(c) (!gone[c] || (!queued[c] && !keeper[c] && !OWNED(c)))
active proctype Judge() {
  timeout ->
    assert(!waiting[0] && !waiting[1]);                /* a join ends */
    assert(sent_away == NONE || sent_away == DONE || !OWNED(sent_away));
    assert(NO_TRACE(0) && NO_TRACE(1) && NO_TRACE(2))
}

init {
  run Writer(0);
  waiting[0];                                          /* they are alike: one is the first */
  run Writer(1)
}
