// Starting one program through the shim, and holding on to it.
#pragma once

#include <cortado/group.hpp>
#include <cortado/result.hpp>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "os/descriptor.hpp"

namespace cortado::group {

/// How a child ended.
struct Ending {
  int exit_status = -1;  ///< if it ended by itself; -1 with signal 0: unknown (SIGCHLD is ignored)
  int signal = 0;
};

/// A direct child that is the leader of its process group. Not yet reaped, so neither its pid nor
/// its process group can be anybody else's.
class Child {
 public:
  Child() = default;
  /// On an error the child is killed and reaped.
  static Result<Child> hold(pid_t pid);
  /// Kills the process group and reaps the leader.
  ~Child() { reap(); }
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const noexcept { return pid_; }
  explicit operator bool() const noexcept { return pid_ > 0; }
  /// pidfd; readable once the leader has exited.
  int process() const noexcept { return process_.get(); }

  /// To the whole process group.
  void signal(int number) noexcept;
  bool exited() const noexcept;
  /// Kills the process group and reaps its leader; of one that has exited, what it left behind
  /// there. Afterwards this is empty.
  Ending reap() noexcept;

 private:
  pid_t pid_ = 0;
  os::Descriptor process_;
};

/// What a child gets that is not in its Program.
struct SpawnRequest {
  const Program* program = nullptr;
  std::string role;  ///< for errors: "writer 'x'"
  std::string shim;
  std::vector<std::string> environment;  ///< complete, "NAME=value"
  int guard = -1;                        ///< socket to the guard
  int keeper = -1;                       ///< for an owner: the socket it inherits
  bool again = false;                    ///< output files are appended to
};

/// Blocks until the program was executed, or the shim has said why not.
Result<Child> spawn(const SpawnRequest& request);

/// A group's guard: kills process groups when the launcher is gone. See shim.cpp.
class Guard {
 public:
  Guard() = default;
  Guard(os::Descriptor socket, Child process)
      : socket_(std::move(socket)), process_(std::move(process)) {}

  /// Each shim announces its group here before it executes its program.
  int socket() const noexcept { return socket_.get(); }
  /// Call before the leader of that group is reaped: afterwards the number may be another's.
  void forget(pid_t group);

 private:
  os::Descriptor socket_;  ///< its hang-up starts the killing, so the process goes first
  Child process_;
  std::deque<pid_t> forgotten_;  ///< negative; did not fit into the socket yet
};
Result<Guard> start_guard(const std::string& shim);

/// `wanted`; if empty $CORTADO_SHIM, else beside the running program (also in its build tree), else
/// where it was installed. system: none of them can be executed; the text names the last one.
Result<std::string> find_shim(const std::string& wanted);

}  // namespace cortado::group
