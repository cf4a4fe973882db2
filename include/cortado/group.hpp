// Group: an owner and its writers, launched and supervised together, as processes.
//
// The process that holds the Group is also the group's keeper: it binds the rendezvous and holds
// every lane, so that the lanes outlive an owner and the next one takes them over.
#pragma once

#include <cortado/export.hpp>
#include <cortado/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace cortado {

/// When a program that failed (exit status other than 0, or a signal) is started again.
struct Restart {
  enum class Policy : std::uint8_t { never, on_failure };
  Policy policy = Policy::never;
  /// At most so many restarts of one program in `within`; one more failure gives it up.
  std::uint32_t max_restarts = 3;
  std::chrono::nanoseconds within = std::chrono::seconds(60);
};

/// A program to launch.
struct Program {
  /// Program and arguments; a program without a slash is looked for in PATH.
  std::vector<std::string> argv;
  /// Added to the environment of this process. CORTADO_NAME, CORTADO_DIRECTORY (if set) and, for a
  /// writer, CORTADO_WRITER (its label) are there, too.
  std::vector<std::pair<std::string, std::string>> environment;
  /// Names it in events and errors; unique; empty: "owner", "writer-1", "writer-2", ...
  std::string label;
  /// Files; "-": this process's own; empty: /dev/null for input, this process's own for output.
  /// Output files are emptied at the start and appended to by a restarted program.
  std::string stdin_path;
  std::string stdout_path;
  std::string stderr_path;
};

/// What a group consists of and how it is looked after. Checked by Group::start.
struct GroupOptions {
  std::string name;       ///< of the owner; see Owner::open
  std::string directory;  ///< of the rendezvous; see OwnerOptions::directory
  /// True: the owner has OwnerOptions::other_users; see there.
  bool other_users = false;
  Program owner;
  std::vector<Program> writers;
  Restart restart_owner;
  Restart restart_writers;  ///< each writer has its own count
  /// False: when all writers have ended, the owner is asked to end, too.
  bool keep_owner = false;
  /// From SIGTERM to SIGKILL, for the writers together and then for the owner.
  std::chrono::nanoseconds writers_grace = std::chrono::seconds(10);
  std::chrono::nanoseconds owner_grace = std::chrono::seconds(10);
  /// The program that starts the children. Empty: $CORTADO_SHIM, else `cortado-shim` beside this
  /// program, else the installed one.
  std::string shim;
};

/// Something that happened to a group.
struct GroupEvent {
  enum class Kind : std::uint8_t {
    started,    ///< a program runs for the first time
    ended,      ///< a program ended: exit_status or signal
    restarted,  ///< a program runs again; for the owner with the next generation
    gave_up,    ///< a program that failed is not started again; `text` says why
    keeper,     ///< the keeper: lanes handed over, or a broken message; `text` says which
    stopping,   ///< the ordered stop began; `text` says why
    stopped,    ///< no program is left; the last event
  };
  enum class Role : std::uint8_t { group, owner, writer };

  Kind kind = Kind::started;
  Role role = Role::group;
  std::chrono::nanoseconds at{};  ///< steady_clock
  std::string label;              ///< of the program; empty if role is group
  pid_t pid = 0;
  int exit_status = -1;          ///< if ended by itself: 0 to 255
  int signal = 0;                ///< if ended by a signal
  bool expected = true;          ///< ended: with 0, or as it was asked to; stopped: exit_status() 0
  std::uint64_t generation = 0;  ///< of the owner at that moment
  std::string text;
};

CORTADO_API const char* to_string(GroupEvent::Kind kind) noexcept;
CORTADO_API const char* to_string(GroupEvent::Role role) noexcept;

/// A running group. Move-only; one thread at a time.
///
/// Nothing happens behind the caller's back: programs are restarted, stopped and reaped inside
/// poll() and wait(). Call one of them whenever fd() is readable. No thread, no signal handler.
///
/// Nobody is left behind. Each program is a process group of its own, which ends with its first
/// process. If this process dies, the kernel kills the programs (parent-death signal), and a small
/// guard process, one a group, kills what they had started in turn. Two limits: a process that
/// leaves its process group (setsid) is on its own; and the parent-death signal fires when the
/// *thread* that called start(), poll() or wait() ends, so use one thread that lives as long as the
/// group.
///
/// Programs inherit standard input, output and error, and the owner the keeper's socket: no other
/// descriptor, and no blocked or ignored signal. SIGCHLD must not be ignored in this process (the
/// kernel would throw exit statuses away: they count as failures).
class CORTADO_API Group {
 public:
  /// Takes the name, then starts the owner, then the writers. Blocks until each program was found
  /// and executed (milliseconds). Allocates. On an error, what was started is killed.
  ///
  /// Errc::invalid_argument: the text names the option. Errc::name_taken, permission: see
  /// Owner::open. Errc::descriptors: raise `ulimit -n`. Errc::system: a program or the shim cannot
  /// be executed; the text says which and why.
  static Result<Group> start(GroupOptions options);

  Group(Group&&) noexcept;
  Group& operator=(Group&&) noexcept;
  /// Kills what still runs, at once, and reaps it. For an ordered end: stop(), then wait().
  ~Group();

  /// A descriptor for poll, epoll and event loops; readable when poll() has something to do. Stays
  /// the same.
  int fd() const noexcept;
  /// Does what is due: takes what the owner hands to the keeper, reaps, restarts, goes on with a
  /// stop. Does not wait, but for a restarted program to be executed. False: finished.
  bool poll();
  /// Sleeps until something happened or `timeout` is over, then poll().
  bool wait(std::chrono::nanoseconds timeout);

  /// Begins the ordered stop: SIGTERM to the writers; when they have ended or were killed after
  /// their grace, the same for the owner. Does not wait. Again: no effect.
  void stop();
  /// Kills everything at once; poll() reaps.
  void kill();

  /// No program is left.
  bool finished() const noexcept;
  /// 0: every program ended as expected so far. 1: one failed, was given up, or had to be killed.
  int exit_status() const noexcept;
  /// The oldest event that was not yet asked for. At most 65536 are kept, the oldest are dropped.
  std::optional<GroupEvent> next_event();

  /// 0: not running.
  pid_t owner_pid() const noexcept;
  /// 0: no such writer, or not running.
  pid_t writer_pid(std::string_view label) const noexcept;
  std::uint64_t generation() const noexcept;
  /// Lanes that the keeper holds for the next owner.
  std::size_t kept_lanes() const noexcept;

 private:
  struct CORTADO_LOCAL Impl;
  explicit Group(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cortado
