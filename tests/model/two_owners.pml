/* Taking a name: can two processes own one, can a name be lost, can a writer knock at a dead door?
 *
 * Three starters, two of them threads of one process; each may own the name once, and end in order.
 * A process may die between any two steps; an owner may leave a forked child behind, which has its
 * listener for ever and accepts nothing. With WRITER: two starters in two processes, and a writer
 * that comes at any time. A stopped process is one that takes no further step: the search contains
 * it, and whoever waits then waits for it.
 *
 *   here                      C++
 *   ------------------------  -----------------------------------------------------------------
 *   acquire, STILL_NAMED      `FileLock::acquire`: `open_lock_file`, `attempt_lock`, `still_named`
 *   registered, LOCKED_HERE   `Registry`: the files that this process has locked
 *   release_lock              `FileLock::release`
 *   remove_stale_socket       `Rendezvous::remove_stale_socket`
 *   bind_and_listen           `Rendezvous::listen`
 *   withdraw                  `Rendezvous::withdraw`; ~Rendezvous: listener, then lock
 *   Writer: knock             `Writer::Impl::knock`: `connect_to_owner`
 *   Writer: wait              `Writer::Impl::hear_welcome`, `Door::stands`, `peer_has_exited`
 *   Starter: accept           `Owner::Impl::accept_connections`, `Owner::Impl::send_welcome`
 *   Faults                    a process dies; an owner forks
 *
 * Not modelled: somebody who removes files by hand.
 *
 * Variants (tests/model/check_models.py), states stored until the verdict:
 *
 *   (none)                                    holds     92,088 three starters, all faults
 *   WRITER                                    holds    183,284 forked children, and a writer
 *   WRITER NO_PEER_CHECK                      holds    183,348 the socket file alone tells one
 *   WRITER NO_DOOR_CHECK                      breaks    40,161 the owner's death alone tells one
 *   NO_STILL_NAMED                            breaks    18,953 the name may lead elsewhere
 *   LOCK_FILE_REMOVED_LATE                    breaks       739 lock file removed when unlocked
 *   LOCK_IS_THE_FILE                          breaks    15,536 folklore: who made the file has it
 *   OPEN_FILE_LOCK                            breaks    61,589 a forked child inherits the lock
 *   NO_REGISTRY                               breaks       762 threads of one process look alike
 *   OPENED_BEFORE_REGISTRY                    breaks    68,083 it opens and closes what it locked
 *   STALE_SOCKET_REMOVED_UNLOCKED             breaks     1,314 stale socket removed before locking
 *   STALE_SOCKET_STAYS                        breaks    25,657 stale socket not removed
 *   SOCKET_REMOVED_LATE                       breaks     1,112 socket removed when unlocked
 */
#define FILES 3              /* lock files there can be at one time: named, or only open */
#define STARTERS 3
#define PROCESS(starter) ((starter) / 2)
#define OTHER_THREAD(starter) (1 - starter)            /* of starters 0 and 1 */

/* Kernel: the lock file. Numbers of files begin with 1; 0 is none. */
byte named;                  /* what the name leads to */
byte lock_of[FILES + 1];     /* 1 + the process that holds its lock; 0: nobody */
byte file[STARTERS];         /* what this starter has open */

/* Kernel: the socket. Starter S binds socket S + 1; 0 is none. */
byte path;                   /* what the socket file leads to */
bool listening[STARTERS];
bool heir[STARTERS];         /* a forked child has the listener, too */

/* Private to a process. */
bool registered[STARTERS];   /* the file that this starter has open is locked by it */
bool busy[2];                /* mutex of the registry */

/* Private to the writer. */
byte door;                   /* socket file that it saw */
byte knocking;               /* socket that it is connected to */
bool welcome;

/* For the judge. */
bool dead[2];                /* processes */
byte owner;                  /* 1 + starter, from the lock to its removal; 0: nobody */
byte serving;                /* 1 + starter that accepts; 0: nobody */

#define LOCKED_HERE(s) \
  (PROCESS(s) == 0 && registered[OTHER_THREAD(s)] && file[OTHER_THREAD(s)] == file[s])
#define UNUSED(f) (named != f && file[0] != f && file[1] != f && file[2] != f)

/* Closing any descriptor of a file drops this process's lock on it. */
inline close_file(s) {
  if
  :: lock_of[file[s]] == PROCESS(s) + 1 -> lock_of[file[s]] = 0
  :: else
  fi;
  file[s] = 0
}

inline create_file(s) {
  if
  :: UNUSED(1) -> named = 1
  :: !UNUSED(1) && UNUSED(2) -> named = 2
  :: else -> assert(UNUSED(3)); named = 3
  fi;
  file[s] = named
}

#if defined(NO_STILL_NAMED)
#define STILL_NAMED(s) (true)
#else
#define STILL_NAMED(s) (named == file[s])
#endif

inline acquire(s) {
  atomic { !busy[PROCESS(s)] -> busy[PROCESS(s)] = true }
attempt:
#if defined(LOCK_IS_THE_FILE)
  atomic {
    if
    :: named == 0 -> create_file(s); lock_of[file[s]] = PROCESS(s) + 1; goto locked
    :: named != 0 -> assert(lock_of[named] != 0); goto taken
    fi
  }
#endif
  if
  :: atomic { named != 0 -> file[s] = named }          /* open(O_PATH): closing it drops no lock */
#if defined(OPENED_BEFORE_REGISTRY)
     if
     :: atomic { LOCKED_HERE(s) -> close_file(s); goto taken }
     :: !LOCKED_HERE(s)
     fi
#elif !defined(NO_REGISTRY)
     atomic {
       if
       :: LOCKED_HERE(s) -> file[s] = 0; goto taken
       :: else                                         /* the mutex: it does not change */
       fi
     }
#endif
  :: named == 0 ->
     atomic {                                          /* open(O_CREAT | O_EXCL) */
       if
       :: named == 0 -> create_file(s)
       :: named != 0 -> goto attempt
       fi
     }
  fi;
  atomic {                                             /* fcntl(F_SETLK) */
    if
    :: lock_of[file[s]] == 0 || lock_of[file[s]] == PROCESS(s) + 1 ->
       lock_of[file[s]] = PROCESS(s) + 1;
       goto got_it
    :: else
    fi
  }
  atomic {                                             /* fcntl(F_GETLK) */
    if
    :: lock_of[file[s]] == 0 -> close_file(s); goto attempt
    :: else ->
       assert(!dead[lock_of[file[s]] - 1]);            /* or nobody could ever take the name */
       close_file(s);
       goto taken
    fi
  }
got_it:
  atomic {
    if
    :: !STILL_NAMED(s) -> close_file(s); goto attempt
    :: STILL_NAMED(s)
    fi
  }
locked:
  atomic {
    registered[s] = true;
    busy[PROCESS(s)] = false;
    assert(owner == 0);                                /* one owner at a time */
    owner = s + 1
  }
}

inline unlock(s) {
  atomic { close_file(s); registered[s] = false; busy[PROCESS(s)] = false }
}

inline release_lock(s) {
  atomic { !busy[PROCESS(s)] -> busy[PROCESS(s)] = true; assert(named == file[s]) }
#if defined(LOCK_FILE_REMOVED_LATE)
  owner = 0;
  unlock(s);
  named = 0
#else
  atomic { assert(named == file[s]); named = 0; owner = 0 }
  unlock(s)
#endif
}

inline remove_stale_socket(s) {
  if
  :: path == 0
  :: path != 0 ->
#if !defined(STALE_SOCKET_STAYS)
     path = 0
#endif
  fi
}

inline bind_and_listen(s) {
  atomic { assert(path == 0); path = s + 1 }           /* or bind fails */
  listening[s] = true
}

inline withdraw(s) {
  if
  :: path == s + 1 -> atomic { assert(path == s + 1 || path == 0); path = 0 }
  :: else
  fi;
  listening[s] = heir[s]
}

proctype Starter(byte me) {
  {
    goto start;
start:
    if
    :: skip
    :: goto gone                                       /* it does not start, or gives up */
    fi;
#if defined(STALE_SOCKET_REMOVED_UNLOCKED)
    remove_stale_socket(me);
#endif
    acquire(me);
#if !defined(STALE_SOCKET_REMOVED_UNLOCKED)
    remove_stale_socket(me);
#endif
    bind_and_listen(me);
    serving = me + 1;
    do
    :: atomic { knocking == me + 1 && !welcome -> welcome = true }     /* accept */
    :: atomic { serving = 0; break }
    :: goto stay
    od;
#if defined(SOCKET_REMOVED_LATE)
    release_lock(me);
    withdraw(me);
#else
    withdraw(me);
    release_lock(me);
#endif
    goto gone;
taken:
    atomic { busy[PROCESS(me)] = false; goto start }
stay:
    do
    :: atomic { knocking == me + 1 && !welcome -> welcome = true }
    od
  } unless { dead[PROCESS(me)] };
gone:
  skip
}

#if defined(WRITER)
#if defined(NO_PEER_CHECK)
#define PEER_DEAD(socket) (false)
#else
#define PEER_DEAD(socket) dead[PROCESS((socket) - 1)]
#endif

active proctype Writer() {
knock:
  atomic { path != 0 -> door = path }                  /* fstatat */
  atomic {                                             /* connect */
    if
    :: path != 0 && listening[path - 1] && !PEER_DEAD(path) -> knocking = path
    :: else -> goto knock
    fi
  }
  if                                                   /* wait */
  :: welcome
  :: atomic { !welcome && !listening[knocking - 1] -> knocking = 0; goto knock }     /* reset */
#if !defined(NO_DOOR_CHECK)
  :: atomic { !welcome && path != door -> knocking = 0; goto knock }
#endif
  :: atomic { !welcome && PEER_DEAD(knocking) -> knocking = 0; goto knock }
  fi
}
#endif

inline end_starter(s) {
  if
#if defined(OPEN_FILE_LOCK)
  :: heir[s] -> file[s] = 0                            /* its lock goes on in the child */
  :: file[s] != 0 && !heir[s] -> close_file(s)
#else
  :: file[s] != 0 -> close_file(s)
#endif
  :: else
  fi;
  registered[s] = false;
  listening[s] = listening[s] && heir[s];
  owner = (owner == s + 1 -> 0 : owner);
  serving = (serving == s + 1 -> 0 : serving)
}

active proctype Faults() {
  do
  :: atomic { !dead[0] -> dead[0] = true; end_starter(0); end_starter(1); busy[0] = false }
  :: atomic { !dead[1] -> dead[1] = true; end_starter(2); busy[1] = false }
#if defined(WRITER) || defined(OPEN_FILE_LOCK)
  :: atomic { serving != 0 -> heir[serving - 1] = true }
#endif
  :: break
  od
}

active proctype Judge() {
  if
  :: atomic { serving != 0 && path != serving -> assert(false) }     /* who serves can be found */
#if defined(WRITER)
  :: timeout -> assert(serving == 0 || welcome)        /* nobody waits elsewhere for ever */
#endif
  fi
}

init {
  atomic {
#if !defined(WRITER)
    run Starter(0);
#endif
    run Starter(1);
    run Starter(2)
  }
}
