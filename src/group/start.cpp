#include <algorithm>
#include <cerrno>
#include <csignal>
#include <set>
#include <utility>

#include <sys/epoll.h>
#include <sys/resource.h>

#include <unistd.h>

#include "group/group_impl.hpp"
#include "lane/keeper_protocol.hpp"
#include "os/timer_descriptor.hpp"

namespace cortado {
namespace {

constexpr std::size_t kMaxWriters = 65536;
/// For standard files, sockets, and what the program around the group has open.
constexpr std::uint64_t kSpareDescriptors = 64;

Error invalid(const std::string& what) {
  return {Errc::invalid_argument, "cannot start the group: " + what};
}

/// How many lanes of 4 descriptors fit beside the members' own.
Result<std::uint32_t> lane_capacity(std::size_t members) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t others = kSpareDescriptors + 2 * members;
  if (limit.rlim_cur < others + 4) {
    return Error{Errc::descriptors, "cannot start the group: " + std::to_string(limit.rlim_cur) +
                                        " descriptors are too few for " + std::to_string(members) +
                                        " programs; raise `ulimit -n`"};
  }
  const std::uint64_t lanes = (limit.rlim_cur - others) / 4;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(lanes, kMaxWriters));
}

bool is_variable(const char* entry, const std::string& name) {
  const std::string_view text(entry);
  return text.size() > name.size() && text.substr(0, name.size()) == name &&
         text[name.size()] == '=';
}

}  // namespace

Result<void> Group::Impl::check() {
  if (auto name = check_name(options.name); !name) return name;
  if (options.writers.size() > kMaxWriters) return invalid("more than 65536 writers");
  if (options.writers_grace.count() < 0 || options.owner_grace.count() < 0) {
    return invalid("writers_grace and owner_grace must not be negative");
  }
  for (const Restart& rule : {options.restart_owner, options.restart_writers}) {
    if (rule.within.count() <= 0) return invalid("Restart::within must be positive");
  }
  std::set<std::string> labels;
  for (const Member& member : members) {
    if (member.program.argv.empty() || member.program.argv[0].empty()) {
      return invalid(member.title() + " has no program; set Program::argv");
    }
    if (!labels.insert(member.program.label).second) {
      return invalid("the label '" + member.program.label + "' is there twice; make it unique");
    }
  }
  return {};
}

Result<void> Group::Impl::start() {
  members.reserve(options.writers.size() + 1);
  members.emplace_back(std::move(options.owner), Role::owner, options.restart_owner);
  for (Program& writer : options.writers) {
    members.emplace_back(std::move(writer), Role::writer, options.restart_writers);
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::string& label = members[i].program.label;
    if (label.empty()) label = i == 0 ? "owner" : "writer-" + std::to_string(i);
  }
  if (auto checked = check(); !checked) return checked;
  const auto capacity = lane_capacity(members.size());
  if (!capacity) return capacity.error();
  auto found = group::find_shim(options.shim);
  if (!found) return found.error();
  shim = std::move(*found);
  const Access access = options.other_users ? Access::others : Access::own;
  const auto directory = rendezvous_directory(options.directory, access);
  if (!directory) return directory.error();
  auto bound = Rendezvous::bind(options.name, *directory, access);
  if (!bound) return bound.error();
  rendezvous.emplace(std::move(*bound));
  keeper.emplace(options.name, rendezvous->listener(), *capacity);

  auto created = os::Poller::create();
  if (!created) return created.error();
  poller = std::move(*created);
  auto clock_timer = os::create_timer();
  if (!clock_timer) return clock_timer.error();
  timer = std::move(*clock_timer);
  if (auto added = poller.add(timer.get(), EPOLLIN, kTimer); !added) return added;
  auto guarding = group::start_guard(shim);
  if (!guarding) return guarding.error();
  guard = std::move(*guarding);

  for (Member& member : members) {
    if (auto started = start_member(member, false); !started) return started;
    push(Kind::started, &member, {});
  }
  return {};
}

Result<void> Group::Impl::start_member(Member& member, bool again) {
  os::Descriptor keeper_socket;  // the owner's end: closed here once the owner has it
  if (member.role == Role::owner) {
    auto begun = keeper->begin_generation();
    if (!begun) return begun.error();
    keeper_socket = std::move(*begun);
    hand_over_told = false;
  }
  group::SpawnRequest request;
  request.program = &member.program;
  request.role = member.title();
  request.shim = shim;
  request.environment = environment_of(member, keeper_socket.get());
  request.guard = guard.socket();
  request.keeper = keeper_socket.get();
  request.again = again;
  auto child = group::spawn(request);
  if (!child) return child.error();
  member.child = std::move(*child);
  member.asked = false;
  member.killed = false;

  const auto index = static_cast<std::uint64_t>(&member - members.data());
  auto added = poller.add(member.child.process(), EPOLLIN, kFirstMember + index);
  if (added && member.role == Role::owner) {
    added = poller.add(keeper->fd(), EPOLLIN, kKeeper);
    if (!added) poller.remove(member.child.process());
  }
  if (added) return {};
  // Nobody would notice its end.
  member.child.signal(SIGKILL);
  guard.forget(member.child.pid());
  member.child = group::Child();
  return added;
}

std::vector<std::string> Group::Impl::environment_of(const Member& member,
                                                     int keeper_socket) const {
  std::vector<std::pair<std::string, std::string>> added = member.program.environment;
  added.emplace_back("CORTADO_NAME", options.name);
  if (!options.directory.empty()) added.emplace_back("CORTADO_DIRECTORY", options.directory);
  if (member.role == Role::writer) added.emplace_back("CORTADO_WRITER", member.program.label);
  if (keeper_socket >= 0) {
    added.emplace_back(lane::kKeeperVariable, std::to_string(keeper_socket) + ":" + options.name);
  }

  std::vector<std::string> environment;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const auto replaced = [&](const auto& pair) { return is_variable(*entry, pair.first); };
    if (is_variable(*entry, lane::kKeeperVariable) || is_variable(*entry, "CORTADO_WRITER") ||
        std::any_of(added.begin(), added.end(), replaced)) {
      continue;
    }
    environment.emplace_back(*entry);
  }
  for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace cortado
