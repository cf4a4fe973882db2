/* A writer waits for space, the owner releases: can a writer sleep for ever beside a free ring?
 *
 * Two writers, a ring of one record each, three messages: so each writer waits up to twice. x86-TSO
 * store buffers. A writer may die or stop for ever between any two steps; so may the owner die,
 * once, and a successor adopts its lanes. Each writer's first wait may have a deadline, which
 * leaves a byte unread in its socket: the buffer holds one.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   Writer                    `Writer::Impl::try_send`, `wait_for_release`: `wake_at`, fence,
 *                             `Producer::refresh`, `Writer::Impl::sleep`, `swallow_wakeup`
 *   Owner: release_lane       `Owner::Impl::release_lane`, `wake_writer`, `wake_later`
 *   Owner: adopt              `Owner::Impl::adopt`, `resume` (a successor, from the kept segment)
 *   Processor, Faults         store buffers drain; a writer dies or stops, the owner dies
 *
 * How the owner learns that something is published is sleep_wake.pml: here it just does.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   MESSAGES=2                                holds  1,685,129 the protocol, all faults
 *   OWNER_LIVES                               holds  3,050,685 two waits each, writers fail
 *   NO_WRITER_FENCE                           breaks    28,455 no fence after storing wake_at
 *   NO_OWNER_FENCE                            breaks    18,561 no fence after storing released
 *   NO_WRITER_RECHECK                         breaks     7,456 released is not looked at again
 *   WRITER_EMPTIES_SOCKET_LATE                breaks     7,446 bytes are read after the look
 *   WAKE_ONCE_WITHOUT_TICKET                  breaks     7,265 woken once, whatever wake_at says
 *   WAKE_LATER_WITHOUT_PENDING                breaks     8,324 put off though no release follows
 *   SUCCESSOR_DOES_NOT_WAKE                   breaks    83,383 a successor wakes nobody
 *   SUCCESSOR_KEEPS_STALE_HINT                breaks    47,383 a successor does not store the hint
 *   ADOPTION_SPENDS_TICKET                    breaks    18,495 a wake in vain spends the ticket
 */
#define WRITERS 2
#define CAPACITY 1
#if !defined(MESSAGES)
#define MESSAGES 3
#endif
#define SOCKET 1             /* bytes that a writer's socket holds */
#define NO_WAKE 255

#define ALIVE 0
#define DEAD 1
#define STOPPED 2

/* Memory: LaneControl and ring. */
byte published[WRITERS];     /* commit words that others can see */
byte wake_at[WRITERS] = NO_WAKE;
byte released[WRITERS];

/* Store buffers: of each writer, in order; of the owner: its newest `released`. */
#define COMMIT 254           /* a commit word; any other value is a store to wake_at */
chan writer_stores[WRITERS] = [4] of { byte };
bool releasing[WRITERS];

/* Kernel: unread bytes on the lane's socket. */
byte bytes[WRITERS];

byte last_woken[WRITERS] = NO_WAKE;      /* private to one owner */
byte kept[WRITERS];                      /* kept segment: the committed position */

/* For the judge. */
byte fate[WRITERS];
byte sent[WRITERS];
bool polling[WRITERS];       /* in poll, without a deadline */

chan fail[WRITERS] = [0] of { byte };    /* a fault: DEAD or STOPPED */
chan kill_owner = [0] of { bool };

#define PENDING(lane) (published[lane] > kept[lane])
#define ROOM(lane) (sent[lane] - released[lane] < CAPACITY)
#define NEEDED(lane) (sent[lane] + 1 - CAPACITY)       /* Producer::needed_released */
#define WAITS(lane) (wake_at[lane] != NO_WAKE)

#if defined(NO_WRITER_FENCE)
#define WRITER_FENCE_PASSED(lane) (true)
#else
#define WRITER_FENCE_PASSED(lane) empty(writer_stores[lane])
#endif
#if defined(NO_WRITER_RECHECK)
#define RECHECK(lane) (false)
#else
#define RECHECK(lane) ROOM(lane)                       /* Producer::refresh */
#endif

/* The owner is idle and nothing is on its way: this writer sleeps for ever, beside a free ring. */
#define STUCK(lane) \
  (polling[lane] && fate[lane] == ALIVE && bytes[lane] == 0 && !PENDING(lane) && \
   empty(writer_stores[lane]) && !releasing[lane])

proctype Writer(byte me) {
  bool deadline;
  {
    if
    :: deadline = true
    :: skip
    fi;
    do
    :: atomic { sent[me] < MESSAGES && ROOM(me) -> writer_stores[me]!COMMIT; sent[me]++ }
    :: atomic { sent[me] < MESSAGES && !ROOM(me) -> writer_stores[me]!NEEDED(me) }
       WRITER_FENCE_PASSED(me);
       do
       :: RECHECK(me) -> break
       :: atomic { !RECHECK(me) -> polling[me] = !deadline }
#if defined(WRITER_EMPTIES_SOCKET_LATE)
          bytes[me] = 0;
#endif
          if                                           /* poll */
          :: atomic { bytes[me] > 0 -> bytes[me]--; polling[me] = false }     /* swallow_wakeup: one */
#if defined(NO_WRITER_RECHECK)
             break
#endif
          :: atomic { deadline -> deadline = false; break }
          fi
       od;
       writer_stores[me]!NO_WAKE
    :: sent[me] == MESSAGES -> break
    od
  } unless { fail[me]?fate[me] }
}

/* send(connection, one byte, MSG_DONTWAIT): EAGAIN means that unread bytes are there. */
inline ring_writer(lane) {
  bytes[lane] = (bytes[lane] < SOCKET -> bytes[lane] + 1 : SOCKET)
}

inline release_arrives(lane) {
  released[lane] = kept[lane];
  releasing[lane] = false
}

/* One ticket is one value of wake_at: a position that was reached is not waited for again. */
#if defined(WAKE_ONCE_WITHOUT_TICKET)
#define FRESH(lane) (last_woken[lane] == NO_WAKE)      /* reset when nobody waits */
#else
#define FRESH(lane) (last_woken[lane] != wake_at[lane])
#endif
#define SERVES(lane) (WAITS(lane) && kept[lane] >= wake_at[lane] && FRESH(lane))
#if defined(WAKE_LATER_WITHOUT_PENDING)
#define MAY_WAKE_LATER(lane) (true)
#else
#define MAY_WAKE_LATER(lane) PENDING(lane)             /* another release of this lane follows */
#endif

/* Owner::Impl::wake_writer: fence, load the ticket, at most one byte for it. */
inline wake_writer(lane) {
#if !defined(NO_OWNER_FENCE)
  atomic {
    if
    :: releasing[lane] -> release_arrives(lane)
    :: else
    fi
  }
#endif
  if
  :: atomic { SERVES(lane) -> last_woken[lane] = wake_at[lane] }
     ring_writer(lane)
  :: SERVES(lane) && MAY_WAKE_LATER(lane)              /* wake_later */
#if defined(WAKE_ONCE_WITHOUT_TICKET)
  :: atomic { !WAITS(lane) -> last_woken[lane] = NO_WAKE }
#endif
  :: else
  fi
}

/* A batch was handled: Owner::Impl::release_lane. */
inline release_lane(lane) {
  if
  :: kept[lane]++                                      /* KeptLane::commit */
  :: atomic { published[lane] - kept[lane] > 1 -> kept[lane] = published[lane] }
  fi;
  releasing[lane] = true;                              /* store the hint */
  wake_writer(lane)
}

/* A successor takes over a lane: Owner::Impl::adopt. */
inline adopt(lane) {
#if !defined(SUCCESSOR_KEEPS_STALE_HINT)
  releasing[lane] = true;                              /* resume: the hint anew */
#else
  releasing[lane] = false;
#endif
#if defined(ADOPTION_SPENDS_TICKET)
  atomic {
    if
    :: WAITS(lane) -> ring_writer(lane); last_woken[lane] = wake_at[lane]
    :: else
    fi
  }
#elif !defined(SUCCESSOR_DOES_NOT_WAKE)
  wake_writer(lane)
#else
  skip
#endif
}

active proctype Owner() {
life:
  {
    do
    :: PENDING(0) -> release_lane(0)
    :: PENDING(1) -> release_lane(1)
    :: atomic { STUCK(0) || STUCK(1) -> assert(false) }
    od
  } unless {
    atomic {                                           /* what it stored is in memory at its end */
      kill_owner?_;
      if :: releasing[0] -> release_arrives(0) :: else fi;
      if :: releasing[1] -> release_arrives(1) :: else fi;
      last_woken[0] = NO_WAKE;
      last_woken[1] = NO_WAKE
    }
  }
  adopt(0);
  adopt(1);
  goto life
}

inline writer_store_arrives(lane) {
  writer_stores[lane]?value;
  if
  :: value == COMMIT ->
     published[lane]++;
     assert(published[lane] - kept[lane] <= CAPACITY)  /* nothing unreleased is overwritten */
  :: else -> wake_at[lane] = value
  fi;
  value = 0
}

active proctype Processor() {                          /* stores reach memory */
  byte value;
  do
  :: atomic { writer_store_arrives(0) }
  :: atomic { writer_store_arrives(1) }
  :: atomic { releasing[0] -> release_arrives(0) }
  :: atomic { releasing[1] -> release_arrives(1) }
  od
}

active proctype Faults() {
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
}

init {
  atomic { run Writer(0); run Writer(1) }
}
