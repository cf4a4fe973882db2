/* An owner without a keeper dies, again and again, and its writer gives the next one what was not
 * released: is a message lost, reordered, given twice without a flag, or innocent and taken for
 * poison?
 *
 * One writer, three messages, a ring of two: so a backlog may not fit, and the next owner may die
 * when only a part of it was copied. The owner may die between any two steps. (A writer that dies
 * takes its backlog along: what it had published is the dead owner's.) The writer looks at the
 * memory of the dead only, so no store buffers are needed.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   Writer: send              `Writer::Impl::try_send`, `Writer::Impl::check`
 *   Writer: lose_owner        `Writer::Impl::owner_lost`, `Writer::Impl::lose_owner`
 *   Writer: join_next         `Writer::Impl::try_next_owner`, `Writer::Impl::knock`,
 *                             `Writer::Impl::enter`; `Owner::Impl::check_policy`, `begin_lane`
 *   Writer: copy_backlog      `Writer::Impl::hand_over_backlog`, `Writer::Impl::copy_backlog`
 *   Owner: drain_lane         `Owner::Impl::drain_lane`, `OwnerLane::set_in_hand`, `set_idle`,
 *                             `Owner::Impl::release_lane`
 *
 * A position is the sequence of the message there. How they find each other: two_owners.pml and
 * join_leave.pml.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   DEATHS=5                                  holds     89,736 five owners die
 *   RELEASE_BEFORE_HANDLER                    breaks       117 released before the handler
 *   IN_HAND_AFTER_HANDLER                     breaks        91 in hand is stored after the handler
 *   IN_HAND_NOT_LOOKED_AT                     breaks       172 nothing is flagged
 *   FLAG_NOT_CARRIED                          breaks     2,095 flagged for one next owner only
 *   LOST_BEFORE_DEAD                          breaks        22 the lane of a living owner is left
 *   BACKLOG_AT_THE_END                        breaks        80 an older backlog goes first
 *   NEW_BEFORE_BACKLOG                        breaks        10 new messages overtake the backlog
 *   BEGINS_AT_THE_NEXT                        breaks        20 Hello names the next message
 *   COUNT_ALL_IN_HAND                         breaks    10,713 idle owners count as failures
 *   ATTEMPTS_OF_ANOTHER                       breaks     5,382 on top of another message's count
 */
#if !defined(DEATHS)
#define DEATHS 4
#endif
#define MESSAGES 3
#define CAPACITY 2
#define LOSSES 5             /* lanes in a backlog, and one */
#define MAX_ATTEMPTS 3
#define IDLE 255

/* The lane: LaneControl and ring. */
byte published;              /* end of what stands in it */
bool flagged[MESSAGES];      /* the record has flag::redelivered, wherever it stands now */
byte released;
byte in_hand;
byte handling = IDLE;

/* Private to the writer. */
byte sequence;               /* of the next message */
bool lost = true;
bool poisoned;
byte backlog;                /* lanes in it; the first is number 0 */
byte old_position[LOSSES];
byte old_end[LOSSES];
byte old_in_hand[LOSSES];
byte failed_sequence;
byte attempts;

/* Private to the owner. */
bool serves;                 /* it has a lane */
byte position;

/* For the judge. */
byte seen;                   /* messages that a handler saw, each counted once */
byte fails[MESSAGES];        /* deaths while a handler looked at it */
byte deaths;
bool dead;                   /* the owner of this lane */
bool dying;

#define ROOM (published - released < CAPACITY)
#define FIRST_UNRELEASED (backlog == 0 -> sequence : old_position[0])

inline put(number) {
  assert(published == number);                         /* the owner checks that none is left out */
  published++
}

/* What the dead owner left. */
inline lose_owner() {
  lost = true;
  if
  :: released != published ->
#if defined(BACKLOG_AT_THE_END)
     old_position[backlog] = released;
     old_end[backlog] = published;
     old_in_hand[backlog] = in_hand;
#else
     old_position[4] = old_position[3]; old_end[4] = old_end[3]; old_in_hand[4] = old_in_hand[3];
     old_position[3] = old_position[2]; old_end[3] = old_end[2]; old_in_hand[3] = old_in_hand[2];
     old_position[2] = old_position[1]; old_end[2] = old_end[1]; old_in_hand[2] = old_in_hand[1];
     old_position[1] = old_position[0]; old_end[1] = old_end[0]; old_in_hand[1] = old_in_hand[0];
     old_position[0] = released; old_end[0] = published; old_in_hand[0] = in_hand;
#endif
     backlog++
  :: else
  fi;
#if defined(COUNT_ALL_IN_HAND)
  handling = (in_hand > released -> released + 1 : IDLE);
#endif
  if
  :: handling != IDLE && handling > released ->
#if defined(ATTEMPTS_OF_ANOTHER)
     attempts = attempts + 1;
#else
     attempts = (attempts != 0 && failed_sequence == handling - 1 -> attempts + 1 : 1);
#endif
     failed_sequence = handling - 1
  :: else
  fi
}

/* Hello and Welcome. */
inline join_next() {
  if
  :: attempts >= MAX_ATTEMPTS && failed_sequence >= FIRST_UNRELEASED ->
     assert(fails[failed_sequence] >= MAX_ATTEMPTS);   /* not an innocent one */
     poisoned = true
  :: else ->
#if defined(BEGINS_AT_THE_NEXT)
     position = sequence;
#else
     position = FIRST_UNRELEASED;
#endif
     published = position;
     released = position;
     in_hand = position;
     handling = IDLE;
     dead = false;
     serves = true;
     lost = false
  fi
}

inline drop_front() {
  old_position[0] = old_position[1]; old_end[0] = old_end[1]; old_in_hand[0] = old_in_hand[1];
  old_position[1] = old_position[2]; old_end[1] = old_end[2]; old_in_hand[1] = old_in_hand[2];
  old_position[2] = old_position[3]; old_end[2] = old_end[3]; old_in_hand[2] = old_in_hand[3];
  old_position[3] = old_position[4]; old_end[3] = old_end[4]; old_in_hand[3] = old_in_hand[4];
  old_position[4] = 0; old_end[4] = 0; old_in_hand[4] = 0;
  backlog--
}

/* One record; the lane it came from goes with its last one. */
inline copy_backlog() {
#if defined(FLAG_NOT_CARRIED)
  flagged[old_position[0]] = (old_position[0] < old_in_hand[0]);
#elif !defined(IN_HAND_NOT_LOOKED_AT)
  flagged[old_position[0]] = (flagged[old_position[0]] || old_position[0] < old_in_hand[0]);
#endif
  put(old_position[0]);
  old_position[0]++;
  if
  :: old_position[0] == old_end[0] -> drop_front()
  :: else
  fi
}

#if defined(LOST_BEFORE_DEAD)
#define OWNER_LOST (!lost)
#else
#define OWNER_LOST (!lost && dead)
#endif
#if defined(NEW_BEFORE_BACKLOG)
#define USABLE (!lost)
#else
#define USABLE (!lost && backlog == 0)
#endif

/* It may find out about a death late: until then it sends into the dead owner's lane. */
active proctype Writer() {
  do
  :: atomic { USABLE && sequence < MESSAGES && ROOM -> put(sequence); sequence++ }
  :: atomic { OWNER_LOST -> lose_owner() }
  :: atomic { lost && !poisoned && (dead || !serves) && !dying -> join_next() }
  :: atomic { !lost && backlog > 0 && ROOM -> copy_backlog() }
  od
}

inline take_in_hand() {
  handling = position + 1;
  in_hand = position + 1
}

inline drain_lane() {
#if defined(RELEASE_BEFORE_HANDLER)
  released = position + 1;
#endif
  do
  ::
#if !defined(IN_HAND_AFTER_HANDLER)
     take_in_hand();
#endif
     atomic {
       assert(position == seen || (position < seen && flagged[position]));
       assert(!flagged[position] || position <= seen);                 /* it was in hand */
       seen = (position == seen -> seen + 1 : seen)
     }
#if defined(IN_HAND_AFTER_HANDLER)
     take_in_hand();
#endif
     atomic {
       position++;
       if
       :: flagged[position - 1] || position == published -> break      /* one by one */
       :: !flagged[position - 1] && position < published
       :: break                                        /* the turn is over */
       fi
     }
  od;
  handling = IDLE;
  released = position
}

active proctype Owner() {
life:
  {
    do
    :: serves && !dead && position < published -> drain_lane()
    od
  } unless {
    atomic {
      dying ->
        if
        :: serves && handling != IDLE -> fails[handling - 1]++
        :: else
        fi;
        dead = serves;
        position = 0;
        dying = false
    }
  }
  goto life
}

active proctype Faults() {
  do
  :: atomic { deaths < DEATHS && !dying && serves && !dead -> deaths++; dying = true }
  od
}

active proctype Judge() {
  timeout -> assert(poisoned || (seen == MESSAGES && released == MESSAGES && backlog == 0))
}
