// Phases: running -> stopping_writers -> stopping_owner -> stopped. An owner that crashes is
// started again in any of the first three, because writers' messages may still be unread.
#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <sys/epoll.h>

#include "group/group_impl.hpp"
#include "os/deadline.hpp"
#include "os/timer_descriptor.hpp"

namespace cortado {
namespace {

constexpr int kStartAttempts = 3;                 ///< in a row
constexpr int kExitAfterSigterm = 128 + SIGTERM;  ///< what a shell makes of it

}  // namespace

bool Group::Impl::poll() {
  std::array<epoll_event, 64> ready;
  int count = 0;
  do {
    count = poller.wait(ready, clock::time_point::min());
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = ready[static_cast<std::size_t>(i)].data.u64;
      if (tag == kTimer) os::set_timer(timer.get(), std::nullopt);
      if (tag >= kFirstMember) ended(members[tag - kFirstMember]);
    }
    if (count > 0) look_at_keeper();
    advance();
  } while (count == static_cast<int>(ready.size()));
  set_timer();
  return phase != Phase::stopped;
}

void Group::Impl::look_at_keeper() {
  for (Result<void> served = keeper->serve(); !served; served = keeper->serve()) {
    GroupEvent event;
    event.kind = Kind::keeper;
    event.expected = false;
    event.text = served.error().text;
    push(std::move(event));
  }
  if (keeper->handed_over() && !hand_over_told) {
    hand_over_told = true;
    owner_inherits = true;
    push(Kind::keeper, nullptr, std::to_string(keeper->lanes()) + " lanes handed over");
  }
}

void Group::Impl::ended(Member& member) {
  if (!member.child.exited()) return;
  poller.remove(member.child.process());
  GroupEvent event;
  event.kind = Kind::ended;
  event.role = member.role;
  event.label = member.program.label;
  event.pid = member.child.pid();
  // In this order nothing of the group survives, wherever the launcher is killed in between.
  member.child.signal(SIGKILL);
  guard.forget(member.child.pid());
  const group::Ending ending = member.child.reap();
  event.exit_status = ending.exit_status;
  event.signal = ending.signal;
  const bool as_asked = member.asked && !member.killed &&
                        (ending.signal == SIGTERM || ending.exit_status == kExitAfterSigterm);
  event.expected = ending.exit_status == 0 || as_asked;
  const bool expected = event.expected;
  push(std::move(event));
  if (!expected) failed(member);
}

void Group::Impl::failed(Member& member) {
  const bool is_owner = member.role == Role::owner;
  const bool restartable = is_owner ? phase != Phase::stopped : phase == Phase::running;
  if (member.killed || !restartable) {
    exit_status = 1;
    return;
  }
  // What keeps a program from being started may pass: each attempt counts as a restart.
  std::string cannot_start;
  for (int i = 0; i < kStartAttempts && member.window.take(clock::now()); ++i) {
    if (auto started = start_member(member, true); !started) {
      cannot_start = started.error().text;
      continue;
    }
    push(Kind::restarted, &member, {});
    if (is_owner && phase == Phase::stopping_owner)
      grace_ends = os::deadline_after(options.owner_grace);
    return;
  }
  const Restart& rule = member.window.rule();
  const auto within = std::chrono::ceil<std::chrono::milliseconds>(rule.within).count();
  give_up(member, !cannot_start.empty() ? cannot_start
                  : rule.policy == Restart::Policy::never
                      ? "it failed, and is not to be restarted"
                      : "it failed after " + std::to_string(rule.max_restarts) +
                            " restarts within " + std::to_string(within) + " ms");
}

void Group::Impl::give_up(Member& member, std::string why) {
  exit_status = 1;
  push(Kind::gave_up, &member, std::move(why));
  if (member.role != Role::owner) return;
  keeper->abandon();  // or the writers would wait for the next owner
  begin_stop("the owner was given up");
}

void Group::Impl::advance() {
  if (phase == Phase::running) {
    if (!owner().child) {
      begin_stop("the owner has ended");
    } else if (members.size() > 1 && !writers_running() && !options.keep_owner) {
      begin_stop("all writers have ended");
    }
  }
  if (phase == Phase::stopping_writers) stop_writers();
  if (phase == Phase::stopping_owner) stop_owner();
}

void Group::Impl::begin_stop(std::string why) {
  if (phase != Phase::running) return;
  phase = Phase::stopping_writers;
  grace_ends = os::deadline_after(options.writers_grace);
  push(Kind::stopping, nullptr, std::move(why));
  for (Member& member : members) {
    if (member.role == Role::writer) ask(member);
  }
}

void Group::Impl::stop_writers() {
  if (writers_running()) {
    if (clock::now() < grace_ends) return;
    for (Member& member : members) {
      if (member.role == Role::writer) kill(member);
    }
    return;
  }
  phase = Phase::stopping_owner;
  grace_ends = os::deadline_after(options.owner_grace);
}

void Group::Impl::stop_owner() {
  if (!owner().child) {
    phase = Phase::stopped;
    GroupEvent event;
    event.kind = Kind::stopped;
    event.expected = exit_status == 0;
    push(std::move(event));
    return;
  }
  const auto now = clock::now();
  if (owner_can_be_asked(now)) ask(owner());
  if (now >= grace_ends) kill(owner());
}

/// A successor that is still taking over would be killed by SIGTERM before it drains; wait until it
/// has, for at most half of its grace.
bool Group::Impl::owner_can_be_asked(clock::time_point now) const {
  return !owner_inherits || keeper->handed_over() || now >= grace_ends - options.owner_grace / 2;
}

void Group::Impl::ask(Member& member) {
  if (!member.child || member.asked) return;
  member.asked = true;
  member.child.signal(SIGTERM);
  member.child.signal(SIGCONT);  // a stopped program could not act on it
}

void Group::Impl::kill(Member& member) {
  if (!member.child || member.killed) return;
  member.killed = true;
  member.child.signal(SIGKILL);
}

void Group::Impl::kill_all() {
  if (phase == Phase::stopped) return;
  begin_stop("everything is to be killed");
  for (Member& member : members) kill(member);
}

bool Group::Impl::writers_running() const noexcept {
  return std::any_of(members.begin() + 1, members.end(),
                     [](const Member& member) { return static_cast<bool>(member.child); });
}

void Group::Impl::set_timer() {
  std::optional<clock::time_point> next;
  const auto consider = [&next](clock::time_point when) {
    next = std::min(next.value_or(when), when);
  };
  const auto now = clock::now();
  const bool stopping = phase == Phase::stopping_writers || phase == Phase::stopping_owner;
  if (stopping && now < grace_ends) consider(grace_ends);
  if (phase == Phase::stopping_owner && !owner().asked) {
    consider(grace_ends - options.owner_grace / 2);
  }
  if (keeper->stalled()) consider(now + kStalledRetry);
  os::set_timer(timer.get(), next);
}

void Group::Impl::push(Kind kind, const Member* member, std::string text) {
  GroupEvent event;
  event.kind = kind;
  event.text = std::move(text);
  if (member != nullptr) {
    event.role = member->role;
    event.label = member->program.label;
    event.pid = member->child.pid();
  }
  event.expected = kind != Kind::gave_up;
  push(std::move(event));
}

void Group::Impl::push(GroupEvent event) {
  event.at = clock::now().time_since_epoch();
  event.generation = keeper->generation();
  events.push_back(std::move(event));
  if (events.size() > kMaxEvents) events.pop_front();
}

}  // namespace cortado
