// Joining an owner, and the next one when it is gone.
//
// Without a keeper the lane dies with the owner's process, but this writer still maps it: what the
// owner had not released is copied, in order, with its sequences, into the lane of the next owner,
// before anything new. What the dead owner had in hand (LaneControl::in_hand) is flagged.
#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <poll.h>

#include "lane/rendezvous.hpp"
#include "os/deadline.hpp"
#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/memory_barrier.hpp"
#include "os/memory_file.hpp"
#include "os/process_descriptor.hpp"
#include "os/unix_socket.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {
namespace {

/// Between two looks for an owner that is not there: nothing tells when one appears.
constexpr std::chrono::milliseconds kLookAgain{5};
/// Between two looks whether the owner that was knocked at lives: if a forked child of it holds the
/// connection, no hang-up tells.
constexpr std::chrono::seconds kStillThere{1};

/// Until a knock is answered; not longer than until the owner must be looked after.
void wait_for_answer(int descriptor, Writer::time_point deadline) {
  const auto now = std::chrono::steady_clock::now();
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline, now + kStillThere) - now);
  pollfd state{descriptor, POLLIN, 0};
  ::poll(&state, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
}

}  // namespace

Result<lane::Hello> Writer::Impl::make_hello(const JoinOptions& options) {
  lane::Hello hello;
  if (!lane::valid_writer_name(options.name)) {
    return Error{
        Errc::invalid_argument,
        "cannot join under that name: a writer's name has at most 63 bytes, none of them a "
        "control character; choose another"};
  }
  if (options.schemas.size() > lane::kMaxSchemas) {
    return Error{Errc::invalid_argument, "cannot join: more than 16 typed messages are declared"};
  }
  lane::set_text(hello.name, options.name);
  hello.schema_count = static_cast<std::uint32_t>(options.schemas.size());
  for (std::size_t i = 0; i < options.schemas.size(); ++i) {
    const Schema& schema = options.schemas[i];
    if (schema.name.empty() || schema.name.size() >= lane::kSchemaNameBytes) {
      return Error{Errc::invalid_argument,
                   "cannot join: the name of a message type must have 1 to 47 bytes"};
    }
    lane::set_text(hello.schemas[i].name, schema.name);
    hello.schemas[i].version = schema.version;
    hello.schemas[i].fields_hash = schema.fields_hash;
  }
  hello.barrier = os::register_for_global_barrier() ? 1 : 0;
  return hello;
}

/// A writer without an owner yet.
Result<std::unique_ptr<Writer::Impl>> Writer::Impl::prepare(std::string owner,
                                                            JoinOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->epoch = os::process_epoch();
  impl->owner = std::move(owner);
  impl->options = std::move(options);
  impl->lost = true;
  auto poller = os::Poller::create();
  if (!poller) return poller.error();
  impl->poller = std::move(*poller);
  auto self = os::create_event();
  if (!self) return self.error();
  impl->self_event = std::move(*self);
  if (auto added = impl->poller.add(impl->self_event.get(), EPOLLIN, 0); !added) {
    return added.error();
  }
  return impl;
}

Result<std::unique_ptr<Writer::Impl>> Writer::Impl::join(std::string_view owner,
                                                         JoinOptions options) {
  const clock::time_point deadline = os::deadline_after(options.timeout);
  auto impl = prepare(std::string(owner), std::move(options));
  if (!impl) return impl.error();
  Writer::Impl& writer = **impl;
  for (;;) {
    auto entered = writer.knocking ? writer.hear_welcome() : Result<bool>(false);
    if (entered && *entered) return impl;
    Error error = entered ? Error{} : entered.error();
    if (entered && !writer.knocking) {
      if (auto knocked = writer.knock(); !knocked) {
        error = knocked.error();
        entered = error;
      }
    }
    if (!entered && error.code != Errc::try_again) return error;
    if (clock::now() >= deadline) {
      if (!entered) return error;
      return Error{Errc::timed_out, "cannot join '" + writer.owner +
                                        "': its owner is there but does not answer; it is busy, "
                                        "stopped, or does not call drain"};
    }
    if (writer.knocking) {
      wait_for_answer(writer.knocking.get(), deadline);
    } else {
      std::this_thread::sleep_for(kLookAgain);
    }
  }
}

/// Connects and says Hello. The Welcome comes when the owner drains.
Result<void> Writer::Impl::knock() {
  if (auto valid = check_name(owner); !valid) return valid;
  auto directory = rendezvous_directory(options.directory, Access::join);
  if (!directory) return directory.error();
  auto socket = connect_to_owner(owner, *directory, &door);
  if (!socket) return socket.error();
  auto hello = make_hello(options);
  if (!hello) return hello.error();
  hello->identity = id;
  hello->first_sequence = sequence - unreleased();
  hello->attempts = failed_sequence >= hello->first_sequence ? attempts : 0;
  if (os::send_message(socket->get(), std::as_bytes(std::span(&*hello, 1)), {}, MSG_DONTWAIT) < 0) {
    return Error{Errc::try_again, "cannot join '" + owner + "': its owner is going"};
  }
  knocking = std::move(*socket);
  return {};
}

/// Whether this Welcome, of which receive_message said `received`, lets this writer in.
Result<void> Writer::Impl::check_welcome(const lane::Welcome& welcome, ssize_t received,
                                         std::size_t descriptors) const {
  const std::string who = "cannot join '" + owner + "': ";
  // Magic and version stand first in every version, also in a Welcome that is longer than ours.
  const bool said = received > 0 || received == -EPROTO;
  if (said && welcome.magic == lane::kWelcomeMagic &&
      welcome.protocol_version != lane::kProtocolVersion) {
    return Error{Errc::version_mismatch,
                 who + "its owner speaks protocol " + std::to_string(welcome.protocol_version) +
                     ", this writer " + std::to_string(lane::kProtocolVersion) +
                     "; build both with the same cortado"};
  }
  if (received <= 0) return Error{Errc::try_again, who + "its owner went away"};
  if (!welcome.well_formed(static_cast<std::size_t>(received))) {
    return Error{Errc::version_mismatch,
                 who + "its owner was built with another cortado; build both with the same"};
  }
  if (welcome.refused != 0) {
    const std::uint32_t code =
        std::min<std::uint32_t>(welcome.refused - 1, static_cast<std::uint32_t>(Errc::system));
    std::string text(lane::get_text(welcome.text));
    std::replace_if(text.begin(), text.end(), lane::is_control, '?');
    return Error{static_cast<Errc>(code),
                 text.empty() ? who + "its owner refuses and does not say why" : std::move(text)};
  }
  if (descriptors < 2) {
    return Error{Errc::version_mismatch, who + "the Welcome lacks descriptors"};
  }
#if !defined(CORTADO_SEED_NO_NAME_CHECK)
  // It is presented again to the next owner.
  const std::string_view given = lane::get_text(welcome.name);
  if (given.empty() || !lane::valid_writer_name(given)) {
    return Error{Errc::version_mismatch, who + "the Welcome gives a name that cannot be"};
  }
#endif
  return {};
}

/// False: nothing came yet. try_again: nothing will.
Result<bool> Writer::Impl::hear_welcome() {
  lane::Welcome welcome;
  std::vector<os::Descriptor> handed;
  const auto hear = [&] {
    return os::receive_message(knocking.get(), std::as_writable_bytes(std::span(&welcome, 1)),
                               handed, 3, MSG_DONTWAIT);
  };
  ssize_t received = hear();
  // A refusal by who did not read our Hello: the reset is told first, once.
  if (received == -ECONNRESET) received = hear();
  const bool gone = received == -EAGAIN && (!door.stands() || os::peer_has_exited(knocking.get()));
  if (gone) received = hear();  // it may have answered meanwhile
  if (received == -EAGAIN && !gone) return false;
  os::Descriptor socket = std::move(knocking);
  if (auto let_in = check_welcome(welcome, received, handed.size()); !let_in) {
    return let_in.error();
  }
  auto sizes = lane::read_lane_sizes(handed[0].get());
  if (!sizes) return sizes.error();
  if (auto sealed = os::verify_memory_file(handed[0].get(), sizes->segment_bytes()); !sealed) {
    return sealed.error();
  }
  auto mapped = lane::LaneMemory::map(handed[0].get(), *sizes);
  if (!mapped) return mapped.error();
  name = std::string(lane::get_text(welcome.name));
  options.name = name;
  id = welcome.identity;
  lane_id = welcome.lane_id;
  keeper = welcome.keeper != 0;
  os::Descriptor process;
  if (handed.size() == 3) process = std::move(handed[2]);
  if (auto in =
          enter(std::move(*mapped), std::move(handed[1]), std::move(socket), std::move(process));
      !in) {
    return in.error();
  }
  return true;
}

/// Takes a new lane into use.
Result<void> Writer::Impl::enter(std::shared_ptr<lane::LaneMemory> lane, os::Descriptor bell,
                                 os::Descriptor socket, os::Descriptor process) {
  if (auto added = poller.add(socket.get(), EPOLLIN, 0); !added) return added;
  if (process) {
    if (auto added = poller.add(process.get(), EPOLLIN, 0); !added) return added;
  }
  memory = std::move(lane);
  doorbell = std::move(bell);
  connection = std::move(socket);
  owner_process = std::move(process);
  control = &memory->control();
  const lane::RingSizes& sizes = memory->sizes();
  there =
      ring::Producer(memory->ring(), sizes.ring_bytes, control->start_position, &control->released);
  back = ring::Consumer(memory->reply_ring(), sizes.reply_bytes, control->start_position, 0,
                        ring::flag::reply_mask);
  max_length = ring::max_length(sizes.ring_bytes);
  fenced = control->fenced != 0;
  rung = 0;
  lost = false;
  hand_over_backlog();
  return {};
}

Result<Writer> Writer::Impl::attach_here(std::string owner, JoinOptions options, std::string name,
                                         const WriterId& id,
                                         std::shared_ptr<lane::LaneMemory> memory,
                                         os::Descriptor doorbell, os::Descriptor connection,
                                         os::Descriptor owner_process) {
  auto impl = prepare(std::move(owner), std::move(options));
  if (!impl) return impl.error();
  Writer::Impl& writer = **impl;
  writer.name = std::move(name);
  writer.options.name = writer.name;
  writer.id = id;
  writer.lane_id = memory->control().lane_id;
  writer.keeper = memory->control().keeper != 0;
  if (auto in = writer.enter(std::move(memory), std::move(doorbell), std::move(connection),
                             std::move(owner_process));
      !in) {
    return in.error();
  }
  return Writer(std::move(*impl));
}

/// The owner is gone: its lane becomes the backlog for the next one.
void Writer::Impl::lose_owner() {
  if (lost) return;
  Backlog& old = backlog.emplace_front();  // the only step that can fail, so it comes first
  poller.remove(connection.get());
  if (owner_process) poller.remove(owner_process.get());
  old = {memory, control->released.load(std::memory_order_acquire), there.position(), 0};
  // SYNC in_hand: what OwnerLane::set_in_hand stored before each call of a handler.
  // Under a keeper nobody keeps in_hand here: all of it may have been handled.
  old.in_hand = keeper ? old.end : control->in_hand.load(std::memory_order_acquire);
  const std::uint64_t handling =
      keeper ? lane::kIdle : control->handling.load(std::memory_order_acquire);
  lost = true;
  usable = false;
  control = nullptr;
  memory.reset();
  connection.reset();
  owner_process.reset();
  doorbell.reset();
  ++losses;
  const std::uint64_t behind_handled =
      handling == lane::kIdle ? 0 : records_between(*old.memory, old.position, handling);
  if (old.position == old.end) backlog.pop_front();
  const std::uint64_t first_unreleased = sequence - unreleased();
  if (behind_handled != 0) {
    const std::uint64_t failed = first_unreleased + behind_handled - 1;
    attempts = attempts != 0 && failed_sequence == failed ? attempts + 1 : 1;
    failed_sequence = failed;
  }
  // An ask that the owner released without an answer never gets one.
  std::erase_if(asked, [&](const Asked& ask) {
    if (ask.sequence >= first_unreleased) return false;
    credit -= ask.credit;
    return true;
  });
}

/// Copies what the last owner did not release. False: the new ring is full; more later.
bool Writer::Impl::hand_over_backlog() {
  usable = copy_backlog();
  static_cast<void>(ring_if_armed());
  return usable;
}

bool Writer::Impl::copy_backlog() {
  while (!backlog.empty()) {
    Backlog& old = backlog.front();
    const std::uint64_t capacity = old.memory->sizes().ring_bytes;
    while (old.position != old.end) {
      ring::Commit commit = ring::unpack(ring::word_at(old.memory->ring(), capacity, old.position)
                                             .load(std::memory_order_relaxed));
      if (commit.length > max_length) {
        poisoned = true;
        return false;
      }
      const std::uint64_t next = old.position + ring::record_bytes(commit.length);
#if !defined(CORTADO_SEED_BACKLOG_UNFLAGGED)
      if (static_cast<std::int64_t>(old.in_hand - next) >= 0) {
        commit.flags |= ring::flag::redelivered;
      }
#endif
      const std::byte* payload =
          old.memory->ring() + (old.position & (capacity - 1)) + ring::kWordBytes;
#if defined(CORTADO_SEED_BACKLOG_POSITION_FIRST)
      old.position = next;
#endif
      if (!there.write({payload, commit.length}, commit)) return false;
      old.position = next;
    }
    backlog.pop_front();
  }
  return true;
}

/// One attempt, without waiting. True: there is an owner. Without memory there is none yet.
bool Writer::Impl::try_next_owner() noexcept {
  if (!lost) return true;
  if (closed || poisoned) return false;
  try {
    if (!knocking && !knock()) return false;
    auto entered = hear_welcome();
    if (!entered && entered.error().code == Errc::quarantined) poisoned = true;
    if (!entered || !*entered) return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  ++stats.rejoins;
  return true;
}

/// Until there is an owner. False: the deadline passed first.
bool Writer::Impl::find_next_owner(clock::time_point deadline) {
  while (!try_next_owner()) {
    if (poisoned || closed || clock::now() >= deadline) return false;
    if (knocking) {
      wait_for_answer(knocking.get(), deadline);
    } else {
      std::this_thread::sleep_for(kLookAgain);
    }
  }
  return true;
}

}  // namespace cortado
