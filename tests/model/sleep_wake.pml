/* The owner sleeps, writers send: can a message be left lying while the owner sleeps?
 *
 * Two writers send two messages each, with x86-TSO store buffers. A writer may die or stop for ever
 * between any two steps; so may the owner die, once, and a successor adopts its lanes.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   Writer: store, ring       `Writer::Impl::publish`: `Producer::commit`, then `ring_if_armed`
 *   Owner: adopt              `Owner::Impl::open`, `adopt`, `watch` (a new epoll, same doorbells)
 *   Owner: awake              `Owner::Impl::drain`, `drain_lane`, `release_lane`, `retire_departed`
 *   Owner: arm, sleep         `Owner::Impl::arm`, `wait_until`, `serve` (one epoll_wait)
 *   Owner: disarm             `Owner::Impl::disarm`
 *   Processor, Faults         store buffers drain; a writer dies or stops, the owner dies
 *
 * Ring space is not modelled (space_wait.pml): two messages fit. A stopped writer whose record is
 * published but whose send has not returned may leave it lying; a dead one may not. A writer that
 * just sends no more is one that stopped after a send.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   (none)                                    holds  4,037,908 the protocol, all faults
 *   ALL_FENCED NO_BARRIER OWNER_LIVES         holds    398,290 a kernel without membarrier
 *   NONE_FENCED OWNER_LIVES                   holds    988,831 every writer registered
 *   NO_BARRIER                                breaks   110,326 the owner skips the membarrier
 *   NO_OWNER_FENCE                            breaks     4,462 armed is a plain store
 *   NO_FENCE_UNREGISTERED                     breaks     3,586 an unregistered writer fences not
 *   NO_RECHECK                                breaks     2,478 no re-read between arm and sleep
 *   OWNER_READS_DOORBELL_AFTER_CHECK          breaks     2,442 doorbell emptied after the re-read
 *   NUMBER_REPEATS                            breaks     2,753 two sleeps have one number
 *   SHARED_WORD WRITER_CLEARS_ARMED NO_FAULTS holds     87,696 folklore, while nobody dies
 *   SHARED_WORD WRITER_CLEARS_ARMED           breaks   150,255 folklore: one word, writers clear it
 *   WRITER_CLEARS_LATE                        breaks     3,501 own word cleared by a plain store
 *   NO_HANGUP                                 breaks        35 a death is not an event
 *   RETIRE_AT_HANGUP                          breaks        42 a dead writer's lane is not drained
 *   IN_HAND_AFTER_HANDLER                     breaks       101 in hand is stored after the handler
 *   COMMIT_BEFORE_HANDLER                     breaks       113 committed before the handler
 */
#define WRITERS 2
#define MESSAGES 2

/* Lane 0: its writer is registered for global barriers. Lane 1: it is not, it fences every send. */
#if defined(ALL_FENCED)
#define FENCED(lane) (true)
#elif defined(NONE_FENCED)
#define FENCED(lane) (false)
#else
#define FENCED(lane) (lane == 1)
#endif

/* One armed word a lane; the folklore protocol has one for all. */
#if defined(SHARED_WORD)
#define WORD(lane) 0
#else
#define WORD(lane) lane
#endif

#define ALIVE 0
#define DEAD 1
#define STOPPED 2

/* Memory: LaneControl and ring. `rung`: the number of the sleep that this writer rang for last is
 * the number in the word. It is reset when the next number reaches memory. */
byte published[WRITERS];     /* commit words that others can see */
bool armed[WRITERS];
bool rung[WRITERS];

/* Store buffers: of each writer (commit words), of the owner (its armed words, if not fenced). */
byte buffered[WRITERS];
bool arming[WRITERS];

/* Kernel. */
bool bell[WRITERS];          /* eventfd count > 0: never read, so it stays */
bool edge[WRITERS];          /* the doorbell is in the ready list of the owner's epoll */

/* Private to one owner; all of it dies with it. */
byte position[WRITERS];
byte redeliver_until[WRITERS];
/* Kept segment. */
byte kept[WRITERS];          /* committed position */
byte in_hand[WRITERS];

/* For the judge. */
byte fate[WRITERS];
byte sent[WRITERS];          /* sends that returned `sent` */
byte seen[WRITERS];          /* messages that a handler saw, each counted once */
bool left[WRITERS];          /* the event: this writer left */

chan fail[WRITERS] = [0] of { byte };    /* a fault: DEAD or STOPPED */
chan kill_owner = [0] of { bool };

/* Death is told when the kernel has ended the process, whose stores are all in memory by then. */
#if defined(NO_HANGUP)
#define DEPARTED(lane) (false)
#else
#define DEPARTED(lane) (fate[lane] == DEAD && buffered[lane] == 0 && !left[lane])
#endif
#if defined(RETIRE_AT_HANGUP)
#define MAY_RETIRE(lane) (true)
#else
#define MAY_RETIRE(lane) (published[lane] <= position[lane])
#endif
#define PENDING(lane) (!left[lane] && published[lane] > position[lane])
#define FLAGGED(lane) (position[lane] < redeliver_until[lane])

inline writer_stores_arrive(lane) {
  published[lane] = published[lane] + buffered[lane];
  buffered[lane] = 0
}

inline owner_store_arrives(lane) {
  armed[WORD(lane)] = true;
  arming[lane] = false;
#if !defined(NUMBER_REPEATS)
  rung[lane] = false
#endif
}

#if defined(NO_FENCE_UNREGISTERED)
#define FENCE_PASSED(lane) (true)
#else
#define FENCE_PASSED(lane) (!FENCED(lane) || buffered[lane] == 0)
#endif
#define WANTS_BELL(lane) (armed[WORD(lane)] && !rung[lane])

proctype Writer(byte me) {
  {
    do
    :: atomic { sent[me] < MESSAGES -> buffered[me]++ }        /* Producer::commit: one store */
       if                                                      /* ring_if_armed: one load */
#if defined(WRITER_CLEARS_ARMED)
       :: atomic { buffered[me] == 0 && armed[WORD(me)] -> armed[WORD(me)] = false }   /* xchg */
#else
       :: atomic { FENCE_PASSED(me) && WANTS_BELL(me) -> rung[me] = true }
#endif
          atomic { bell[me] = true; edge[me] = true; sent[me]++ }             /* write(eventfd) */
#if defined(WRITER_CLEARS_LATE)
          armed[WORD(me)] = false
#endif
       :: atomic { FENCE_PASSED(me) && !WANTS_BELL(me) -> sent[me]++ }
       fi
    :: sent[me] == MESSAGES -> break
    od
  } unless { fail[me]?fate[me] };
  fate[me] == ALIVE;
  atomic { fail[me]?DEAD -> fate[me] = DEAD }
}

/* One batch of one lane. */
inline drain_lane(lane) {
  do
  ::
#if defined(COMMIT_BEFORE_HANDLER)
     kept[lane] = position[lane] + 1;
#endif
#if !defined(IN_HAND_AFTER_HANDLER)
     in_hand[lane] = position[lane] + 1;              /* OwnerLane::set_in_hand */
#endif
     atomic {                                         /* the handler's effect, Consumer::take */
       assert(position[lane] == seen[lane] || (position[lane] < seen[lane] && FLAGGED(lane)));
       position[lane]++;
       if
       :: position[lane] > seen[lane] -> seen[lane]++
       :: else
       fi;
       if                                             /* flagged ones are committed one by one */
       :: PENDING(lane) && position[lane] >= redeliver_until[lane]
       :: break                                       /* the batch ends: its budget is used */
       fi
     }
  od;
  atomic {                                            /* KeptLane::commit: the one store */
    kept[lane] = position[lane];
    in_hand[lane] = position[lane];
    redeliver_until[lane] = (FLAGGED(lane) -> redeliver_until[lane] : 0)
  }
}

inline retire(lane) {
  atomic {
    DEPARTED(lane) && MAY_RETIRE(lane) ->
      assert(position[lane] == published[lane]);      /* drained to the last published record */
      left[lane] = true
  }
}

inline arm(lane) {
#if defined(NO_OWNER_FENCE)
  arming[lane] = true
#else
  owner_store_arrives(lane)                           /* seq_cst store: xchg */
#endif
}

inline barrier(lane) {                                /* membarrier, as it meets one processor */
#if !defined(NO_BARRIER)
  if
  :: !FENCED(lane) -> writer_stores_arrive(lane)
  :: else
  fi
#else
  skip
#endif
}

inline disarm(lane) {
  armed[WORD(lane)] = false;
  arming[lane] = false
}

/* Nothing will ever wake the owner again, unless some process dies: what must hold then. */
#define SILENT(lane) \
  (!edge[lane] && !DEPARTED(lane) && buffered[lane] == 0 && !arming[lane] && \
   (fate[lane] != ALIVE || sent[lane] == MESSAGES))
inline judge(lane) {
  assert(sent[lane] <= seen[lane]);                   /* what was sent was handled */
  assert(fate[lane] != DEAD || seen[lane] == published[lane]);
  assert(left[lane] == (fate[lane] == DEAD))          /* told, and nobody else is */
}

inline adopt(lane) {
  position[lane] = kept[lane];
  redeliver_until[lane] = in_hand[lane];
  edge[lane] = false                                  /* the ready list died with its epoll */
}

/* Each step that names both lanes does what two steps in a row do: what the owner does to one lane
 * is seen by that lane's writer only, so the two commute with all that could come between. */
active proctype Owner() {
life:
  {
    goto go_to_sleep;             /* an owner that opens or adopts: arm, one barrier, re-read */

awake:
    do
    :: PENDING(0) -> drain_lane(0)
    :: !PENDING(0) && PENDING(1) -> drain_lane(1)
    :: retire(0)
    :: retire(1)
    :: else -> break
    od;

go_to_sleep:
    atomic { arm(0); arm(1) }
    atomic { barrier(0); barrier(1) }
#if !defined(NO_RECHECK)
    if
    :: PENDING(0) || PENDING(1) -> goto rise
    :: else
    fi;
#endif
#if defined(OWNER_READS_DOORBELL_AFTER_CHECK)
    d_step { bell[0] = false; bell[1] = false; edge[0] = false; edge[1] = false }
#endif
asleep:
    if                                                /* epoll_wait */
    :: atomic {
         edge[0] || edge[1] || DEPARTED(0) || DEPARTED(1) -> edge[0] = false; edge[1] = false
       }
    :: atomic { SILENT(0) && SILENT(1) -> judge(0); judge(1); goto asleep }
    fi;
rise:
    atomic { disarm(0); disarm(1) }
    goto awake
  } unless {
    atomic { kill_owner?_ -> adopt(0); adopt(1) }
  }
  d_step { edge[0] = bell[0]; edge[1] = bell[1] }     /* a count above 0 is an edge when added */
  goto life
}

active proctype Processor() {                         /* stores reach memory */
  do
  :: atomic { buffered[0] > 0 -> buffered[0]--; published[0]++ }
  :: atomic { buffered[1] > 0 -> buffered[1]--; published[1]++ }
  :: atomic { arming[0] -> owner_store_arrives(0) }
  :: atomic { arming[1] -> owner_store_arrives(1) }
  od
}

active proctype Faults() {
#if !defined(NO_FAULTS)
  do
  :: fail[0]!DEAD
  :: fail[0]!STOPPED
  :: fail[1]!DEAD
  :: fail[1]!STOPPED
#if !defined(OWNER_LIVES)
  :: kill_owner!true -> break
#endif
  od;
  do
  :: fail[0]!DEAD
  :: fail[0]!STOPPED
  :: fail[1]!DEAD
  :: fail[1]!STOPPED
  od
#else
  skip
#endif
}

init {
  atomic { run Writer(0); run Writer(1) }
}
