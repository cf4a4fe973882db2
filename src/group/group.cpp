#include <cortado/group.hpp>

#include <array>
#include <utility>

#include <sys/epoll.h>

#include "group/group_impl.hpp"
#include "os/deadline.hpp"

namespace cortado {

const char* to_string(GroupEvent::Kind kind) noexcept {
  switch (kind) {
    case GroupEvent::Kind::started:
      return "started";
    case GroupEvent::Kind::ended:
      return "ended";
    case GroupEvent::Kind::restarted:
      return "restarted";
    case GroupEvent::Kind::gave_up:
      return "gave_up";
    case GroupEvent::Kind::keeper:
      return "keeper";
    case GroupEvent::Kind::stopping:
      return "stopping";
    case GroupEvent::Kind::stopped:
      return "stopped";
  }
  return "unknown";
}

const char* to_string(GroupEvent::Role role) noexcept {
  switch (role) {
    case GroupEvent::Role::group:
      return "group";
    case GroupEvent::Role::owner:
      return "owner";
    case GroupEvent::Role::writer:
      return "writer";
  }
  return "unknown";
}

Group::Group(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Group::Group(Group&&) noexcept = default;
Group& Group::operator=(Group&&) noexcept = default;
Group::~Group() = default;

Result<Group> Group::start(GroupOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  if (auto started = impl->start(); !started) return started.error();
  return Group(std::move(impl));
}

int Group::fd() const noexcept {
  return impl_->poller.fd();
}
bool Group::poll() {
  return impl_->poll();
}

bool Group::wait(std::chrono::nanoseconds timeout) {
  if (finished()) return false;
  std::array<epoll_event, 1> ready;
  impl_->poller.wait(ready, os::deadline_after(timeout));
  return impl_->poll();
}

void Group::stop() {
  impl_->begin_stop("it was asked for");
  impl_->advance();
  impl_->set_timer();
}

void Group::kill() {
  impl_->kill_all();
}

bool Group::finished() const noexcept {
  return impl_->phase == Impl::Phase::stopped;
}
int Group::exit_status() const noexcept {
  return impl_->exit_status;
}

std::optional<GroupEvent> Group::next_event() {
  if (impl_->events.empty()) return std::nullopt;
  GroupEvent event = std::move(impl_->events.front());
  impl_->events.pop_front();
  return event;
}

pid_t Group::owner_pid() const noexcept {
  return impl_->owner().child.pid();
}

pid_t Group::writer_pid(std::string_view label) const noexcept {
  for (const Impl::Member& member : impl_->members) {
    if (member.role == Impl::Role::writer && member.program.label == label) {
      return member.child.pid();
    }
  }
  return 0;
}

std::uint64_t Group::generation() const noexcept {
  return impl_->keeper->generation();
}
std::size_t Group::kept_lanes() const noexcept {
  return impl_->keeper->lanes();
}

}  // namespace cortado
