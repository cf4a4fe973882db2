// Group::Impl: what a group is made of.
//
//   start.cpp      check the options, take the name, start everybody
//   supervise.cpp  THE CORE: who ended, who is started again, the ordered stop
//   spawn.cpp      one program through the shim; the guard
//   group.cpp      the public class: thin
#pragma once

#include <cortado/group.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "group/restart_window.hpp"
#include "group/spawn.hpp"
#include "lane/keeper_end.hpp"
#include "lane/rendezvous.hpp"
#include "os/descriptor.hpp"
#include "os/poller.hpp"

namespace cortado {

struct Group::Impl {
  using clock = std::chrono::steady_clock;
  using Kind = GroupEvent::Kind;
  using Role = GroupEvent::Role;

  static constexpr std::size_t kMaxEvents = 65536;
  /// The next look at a hand-over that did not fit into the owner's socket.
  static constexpr std::chrono::milliseconds kStalledRetry{20};

  /// Poller tags; a member's is kFirstMember + its index.
  static constexpr std::uint64_t kTimer = 0;
  static constexpr std::uint64_t kKeeper = 1;
  static constexpr std::uint64_t kFirstMember = 2;

  enum class Phase : std::uint8_t { running, stopping_writers, stopping_owner, stopped };

  /// A program and the process that runs it now.
  struct Member {
    Member(Program what, Role as, Restart rule)
        : program(std::move(what)), role(as), window(rule) {}
    std::string title() const { return std::string(to_string(role)) + " '" + program.label + "'"; }

    Program program;
    Role role;
    group::RestartWindow window;
    group::Child child;
    bool asked = false;   ///< this process was sent SIGTERM
    bool killed = false;  ///< this process was sent SIGKILL
  };

  // start.cpp
  Result<void> check();
  Result<void> start();
  Result<void> start_member(Member& member, bool again);
  std::vector<std::string> environment_of(const Member& member, int keeper_socket) const;

  // supervise.cpp
  bool poll();
  void look_at_keeper();
  void ended(Member& member);
  void failed(Member& member);
  void give_up(Member& member, std::string why);
  void advance();
  void begin_stop(std::string why);
  void stop_writers();
  void stop_owner();
  void ask(Member& member);
  void kill(Member& member);
  void kill_all();
  bool owner_can_be_asked(clock::time_point now) const;
  bool writers_running() const noexcept;
  void set_timer();
  void push(Kind kind, const Member* member, std::string text);
  void push(GroupEvent event);

  Member& owner() noexcept { return members.front(); }
  const Member& owner() const noexcept { return members.front(); }

  GroupOptions options;
  std::string shim;
  std::optional<Rendezvous> rendezvous;
  std::optional<lane::KeeperEnd> keeper;
  os::Poller poller;
  os::Descriptor timer;
  group::Guard guard;           ///< outlives the members
  std::vector<Member> members;  ///< the owner first
  Phase phase = Phase::running;
  clock::time_point grace_ends;  ///< in the stopping phases
  bool owner_inherits = false;   ///< some owner of this group took a hand-over
  bool hand_over_told = true;    ///< the event for this generation is there
  int exit_status = 0;
  std::deque<GroupEvent> events;
};

}  // namespace cortado
