// How writers join: the listener, half-made connections, the policy, a new lane.
//
// Nothing here waits for a writer: a connection that does not say Hello within a second is dropped.
// Whatever dies between two steps leaves a lane whose connection hangs up: it is retired as any.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/process_descriptor.hpp"
#include "os/unix_socket.hpp"
#include "owner/owner_impl.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {

/// Looks at everything but the rings, until `deadline` if nothing is to be seen. True: something
/// was (a doorbell counts). What it does at a time is bounded, however many knock: the rest is
/// still to be seen the next time.
bool Owner::Impl::serve(clock::time_point deadline) {
  std::array<epoll_event, 64> seen;
  int count = poller.wait(seen, deadline);
  const bool stirred = count > 0;
  unsigned accepts = kAcceptsPerServe;
  unsigned hellos = kHellosPerServe;
  for (unsigned polls = 1; count > 0; ++polls) {
    for (int i = 0; i < count; ++i) {
      const std::uint64_t data = seen[static_cast<std::size_t>(i)].data.u64;
      const auto id = static_cast<std::uint32_t>(data);
      switch (static_cast<Source>(data >> 32)) {
        case Source::listener:
          accept_connections(accepts, hellos);
          break;
        case Source::pending:
          if (hellos != 0) hear_hello(id, hellos);
          break;
        case Source::doorbell:  // "look at the rings": drain does
          heard_doorbell(id);
          break;
        case Source::connection:
        case Source::process:
          writer_left(id);
          break;
        case Source::keeper:
          keeper_left();
          break;
        case Source::rest:
          end_rest();
          break;
        case Source::door:
          open_door();
          break;
        case Source::self:
          break;
      }
    }
    // Who knocks and is not heard this time would be seen again and again.
    if (count < static_cast<int>(seen.size()) || polls == kPollsPerServe || hellos == 0) break;
    count = poller.wait(seen, clock::time_point::min());
  }
  if (!pending_joins.empty()) drop_overdue_pending();
  knocking = accepts < kAcceptsPerServe || hellos == 0;
  return stirred;
}

void Owner::Impl::keeper_left() {
  if (!keeper) return;
  poller.remove(keeper->fd());
  keeper.reset();
  // Who joins asks whether the process that listens lives: from here on, that is this one.
  ::listen(inherited_listener.get(), kJoinBacklog);
  Event event;
  event.kind = Event::Kind::keeper_lost;
  push_event(std::move(event));
}

void Owner::Impl::accept_connections(unsigned& accepts, unsigned& hellos) {
  for (; accepts > 0 && !door_shut; --accepts) {
    if (pending_joins.size() >= kMaxPending) {
      // The oldest has had its time, unless it has said something meanwhile.
      if (hellos == 0) return;
      const std::uint32_t oldest = pending_joins.front().id;
      hear_hello(oldest, hellos);
      if (!pending_joins.empty() && pending_joins.front().id == oldest) {
        poller.remove(pending_joins.front().connection.get());
        pending_joins.erase(pending_joins.begin());
      }
    }
    os::Descriptor connection(
        ::accept4(listener(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE) refuse_without_descriptors();
      return;
    }
    count_knock(clock::now());
    const std::uint32_t id = next_pending++;
    if (poller.add(connection.get(), EPOLLIN, tag(Source::pending, id))) {
      pending_joins.push_back({std::move(connection), clock::now() + kHelloDeadline, id});
    }
  }
}

/// The listener stays readable while a connection waits, so it must be taken: with the descriptor
/// that is kept for this.
void Owner::Impl::refuse_without_descriptors() {
  spare.reset();
  os::Descriptor connection(::accept4(listener(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection) {
    count_knock(clock::now());
    refuse(connection.get(),
           {Errc::descriptors, "cannot join '" + name +
                                   "': the owner has no descriptor left; raise its `ulimit -n` (3 "
                                   "for each writer)"});
  }
  connection.reset();
  spare = os::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void Owner::Impl::refuse(int connection, const Error& error) noexcept {
  refuse(connection, error.code, error.text);
}

void Owner::Impl::refuse(int connection, Errc code, std::string_view text) noexcept {
  lane::Welcome welcome;
  welcome.refused = 1 + static_cast<std::uint32_t>(code);
  lane::set_text(welcome.text, text);
  os::send_message(connection, std::as_bytes(std::span(&welcome, 1)), {}, MSG_DONTWAIT);
}

void Owner::Impl::drop_overdue_pending() {
  const clock::time_point now = clock::now();
  std::erase_if(pending_joins, [&](const Pending& join) {
    if (join.deadline > now) return false;
    poller.remove(join.connection.get());
    return true;
  });
}

/// A lane costs as much as a score of Hellos: after one, nobody else is heard in this look.
void Owner::Impl::hear_hello(std::uint32_t pending_id, unsigned& hellos) {
  --hellos;
  const auto join = std::find_if(pending_joins.begin(), pending_joins.end(),
                                 [&](const Pending& each) { return each.id == pending_id; });
  if (join == pending_joins.end()) return;
  lane::Hello hello;
  std::vector<os::Descriptor> none;
  const ssize_t received = os::receive_message(
      join->connection.get(), std::as_writable_bytes(std::span(&hello, 1)), none, 0, MSG_DONTWAIT);
  if (received == -EAGAIN) return;
  os::Descriptor connection = std::move(join->connection);
  poller.remove(connection.get());
  pending_joins.erase(join);
  // Magic and versions stand first in every version, also in a Hello that is longer than ours.
  const bool said = received > 0 || received == -EPROTO;
  if (said && hello.magic == lane::kHelloMagic &&
      hello.protocol_version != lane::kProtocolVersion) {
    return refuse(connection.get(), other_version(hello));
  }
  if (received <= 0) return;
  if (!hello.well_formed(static_cast<std::size_t>(received))) {
    return refuse(connection.get(), {Errc::version_mismatch,
                                     "cannot join '" + name +
                                         "': the owner does not understand this Hello; build both "
                                         "with the same cortado"});
  }
  const std::uint64_t lanes_before = lanes_made;
  invite(hello, std::move(connection));
  if (lanes_made != lanes_before) hellos = 0;
}

/// Makes the lane, or refuses. What fails here fails for this writer alone.
void Owner::Impl::invite(const lane::Hello& hello, os::Descriptor connection) {
  const int socket = connection.get();
  OwnerLane* made = nullptr;
  const auto undo = [&](Errc code, std::string_view text) {
    refuse(socket, code, text);
    if (made != nullptr) discard(*made);
  };
  try {
    const auto peer = os::peer_credentials(socket);
    if (!peer) return;
    os::Descriptor process;
    if (auto opened = os::peer_process(socket)) process = std::move(*opened);
    os::Descriptor segment;
    auto lane = admit(hello, {socket, peer->uid, peer->pid}, segment);
    if (!lane) return refuse(socket, lane.error());
    made = *lane;
    made->connection = std::move(connection);
    made->process = std::move(process);
    if (auto offered = take_in(*made, segment.get()); !offered) {
      return undo(offered.error().code, offered.error().text);
    }
    if (!send_welcome(*made, segment.get())) {
#if defined(CORTADO_SEED_HALF_JOIN_KEPT)
      return unwatch(*made);
#endif
      return undo(Errc::try_again, "cannot join '" + name + "': too many joins at this moment");
    }
  } catch (const std::bad_alloc&) {
    return undo(Errc::no_memory, "cannot join: the owner has no memory left");
  }
  announce(*made, Event::Kind::joined);
}

/// First the keeper, then the poller: a lane that the keeper has not got could be lost.
Result<void> Owner::Impl::take_in(OwnerLane& lane, int segment) {
  if (keeper) {
    auto offered = keeper->offer_lane(lane.lane_id, segment, lane.doorbell.get(),
                                      lane.connection.get(), lane.process.get());
    if (!offered) {
      const Errc code =
          offered.error().code == Errc::descriptors ? Errc::descriptors : Errc::try_again;
      return Error{code, "cannot join '" + name + "': " + offered.error().text};
    }
    lane.kept_elsewhere = true;
  }
  return watch(lane);
}

/// False: it could not be sent; nothing changed.
bool Owner::Impl::send_welcome(OwnerLane& lane, int segment) {
  lane::Welcome welcome;
  welcome.lane_id = lane.lane_id;
  welcome.keeper = keeper ? 1 : 0;
  welcome.generation = generation;
  welcome.owner_pid = ::getpid();
  welcome.identity = lane.id;
  lane::set_text(welcome.name, lane.name);
  std::array<int, 3> handed{segment, lane.doorbell.get(), own_process.get()};
  const std::span<const int> descriptors(handed.data(), keeper ? 2 : 3);
  // Nothing more is read from it: no data, no descriptors. Before the Welcome, so that who has it
  // can queue nothing any more.
  ::shutdown(lane.connection.get(), SHUT_RD);
  if (os::send_message(lane.connection.get(), std::as_bytes(std::span(&welcome, 1)), descriptors,
                       MSG_DONTWAIT) < 0) {
    return false;
  }
  lane.kept->stage.store(lane::KeptLane::Stage::joined, std::memory_order_release);
  return true;
}

/// A lane for a thread of this process: no rendezvous, the same memory mapping.
Result<Writer> Owner::Impl::admit_here(JoinOptions join) {
  if (forked())
    return Error{Errc::forked, "cannot make a writer of '" + name + "' in a forked child"};
  join.directory = options.directory;  // where the writer looks for the next owner
  auto hello = Writer::Impl::make_hello(join);
  if (!hello) return hello.error();
  auto pair = os::socket_pair();
  if (!pair) return pair.error();
  os::Descriptor segment;
  auto lane = admit(*hello, {-1, ::geteuid(), ::getpid()}, segment);
  if (!lane) return lane.error();
  try {
    return attach_here(**lane, std::move(join), segment.get(), std::move(*pair));
  } catch (const std::bad_alloc&) {
    discard(**lane);
    throw;
  }
}

Result<Writer> Owner::Impl::attach_here(OwnerLane& lane, JoinOptions join, int segment,
                                        std::pair<os::Descriptor, os::Descriptor> ends) {
  lane.connection = std::move(ends.first);
  auto doorbell = lane.doorbell.duplicate();
  auto process = own_process.duplicate();
  auto taken_in = take_in(lane, segment);
  if (!doorbell || !process || !taken_in) {
    const Error error = !doorbell  ? doorbell.error()
                        : !process ? process.error()
                                   : taken_in.error();
    discard(lane);
    return error;
  }
  auto writer =
      Writer::Impl::attach_here(name, std::move(join), lane.name, lane.id, lane.memory,
                                std::move(*doorbell), std::move(ends.second), std::move(*process));
  if (!writer) {
    discard(lane);
    return writer;
  }
  ::shutdown(lane.connection.get(), SHUT_RD);
  lane.kept->stage.store(lane::KeptLane::Stage::joined, std::memory_order_release);
  announce(lane, Event::Kind::joined);
  stir();  // arms the new lane at the next drain
  return writer;
}

}  // namespace cortado
