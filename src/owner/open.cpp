// Taking a name, and taking over from a predecessor.
//
// With a keeper the listener, the kept segment and every lane come from it. Per lane, what the
// predecessor committed is in KeptLane; what lies between that and in_hand it may have handled.
#include <algorithm>
#include <cstring>
#include <string>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"
#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/memory_barrier.hpp"
#include "os/memory_file.hpp"
#include "os/process_descriptor.hpp"
#include "os/timer_descriptor.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {
namespace {

constexpr std::chrono::seconds kKeeperDeadline{10};

Error invalid(std::string_view name, const std::string& why) {
  return {Errc::invalid_argument, "cannot open owner '" + std::string(name) + "': " + why};
}

Result<void> check_options(std::string_view name, const OwnerOptions& options,
                           const detail::StateInfo& state) {
  if (!ring::valid_capacity(options.ring_bytes) || !ring::valid_capacity(options.reply_bytes)) {
    return invalid(name, "ring_bytes and reply_bytes must be powers of two, 4 KiB to 2 GiB");
  }
  if (options.max_writers < 1 || options.max_writers > 65536) {
    return invalid(name, "max_writers must be 1 to 65536");
  }
  if (options.schemas.size() > lane::kMaxSchemas) {
    return invalid(name, "more than 16 typed messages");
  }
  if (!options.other_users.empty() && options.directory.empty()) {
    return invalid(name, "other_users needs a directory that these users can reach");
  }
  if (state.bytes != 0 && options.manual_release) {
    return invalid(name, "a kept state commits by itself: not together with manual_release");
  }
  for (std::size_t i = 0; i < options.schemas.size(); ++i) {
    const Schema& one = options.schemas[i];
    if (one.name.empty() || one.name.size() >= lane::kSchemaNameBytes) {
      return invalid(name, "the name of a message type must have 1 to 47 bytes");
    }
    for (std::size_t j = 0; j < i; ++j) {
      const Schema& other = options.schemas[j];
      if (type_tag(one.name, one.version) == type_tag(other.name, other.version)) {
        return invalid(name, "message types '" + one.name + "' and '" + other.name +
                                 "' have the same tag; rename one or raise its version");
      }
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Owner::Impl>> Owner::Impl::open(std::string_view name, OwnerOptions options,
                                                       detail::StateInfo state) {
  if (auto valid = check_name(name); !valid) return valid.error();
  if (auto valid = check_options(name, options, state); !valid) return valid.error();
  auto impl = std::make_unique<Impl>();
  impl->name = std::string(name);
  impl->options = std::move(options);
  impl->epoch = os::process_epoch();
  impl->pending_joins.reserve(kMaxPending);
  os::register_for_global_barrier();
  impl->barrier = os::global_barrier();

  auto poller = os::Poller::create();
  if (!poller) return poller.error();
  impl->poller = std::move(*poller);
  auto self = os::create_event();
  if (!self) return self.error();
  impl->self_event = std::move(*self);
  auto timer = os::create_timer();
  if (!timer) return timer.error();
  impl->rest_timer = std::move(*timer);
  auto door = os::create_timer();
  if (!door) return door.error();
  impl->door_timer = std::move(*door);
  auto process = os::open_process(::getpid());
  if (!process) return process.error();
  impl->own_process = std::move(*process);
  impl->spare = os::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (auto added = impl->poller.add(impl->self_event.get(), EPOLLIN, tag(Source::self, 0));
      !added) {
    return added.error();
  }
  if (auto added = impl->poller.add(impl->rest_timer.get(), EPOLLIN, tag(Source::rest, 0));
      !added) {
    return added.error();
  }
  if (auto added = impl->poller.add(impl->door_timer.get(), EPOLLIN, tag(Source::door, 0));
      !added) {
    return added.error();
  }
  if (auto taken = impl->take_name(state); !taken) return taken.error();
  return impl;
}

Result<void> Owner::Impl::take_name(const detail::StateInfo& state) {
  keeper = lane::KeeperLink::from_environment(name);
  if (keeper) {
    auto inherited = keeper->receive(clock::now() + kKeeperDeadline);
    if (!inherited) return inherited.error();
    generation = inherited->generation;
    inherited_listener = std::move(inherited->listener);
    if (auto added = poller.add(keeper->fd(), 0, tag(Source::keeper, 0)); !added) return added;
    if (inherited->kept) {
      if (auto done = adopt_kept(inherited->kept.get(), state); !done) return done;
      if (auto room = reserve_copy(); !room) return room;
      for (lane::LaneHandles& handles : inherited->lanes) {
        if (auto done = adopt(std::move(handles)); !done) return done;
      }
    } else if (auto done = make_kept(state); !done) {
      return done;
    }
  } else {
    const Access access = options.other_users.empty() ? Access::own : Access::others;
    auto directory = rendezvous_directory(options.directory, access);
    if (!directory) return directory.error();
    auto bound = Rendezvous::bind(name, *directory, access);
    if (!bound) return bound.error();
    rendezvous.emplace(std::move(*bound));
    if (auto done = make_kept(state); !done) return done;
  }
  return poller.add(listener(), EPOLLIN, tag(Source::listener, 0));
}

Result<void> Owner::Impl::make_kept(const detail::StateInfo& state) {
  const std::uint64_t bytes = lane::kept_bytes(options.max_writers, state.bytes);
  os::Descriptor file;
  if (keeper) {
    auto made = os::create_memory_file("cortado-kept", bytes);
    if (!made) return made.error();
    file = std::move(*made);
  }
  auto mapped = lane::KeptMemory::map(file.get(), bytes);
  if (!mapped) return mapped.error();
  kept = std::move(*mapped);
  lane::KeptHeader& head = kept->header();
  head.layout_version = ring::kLayoutVersion;
  head.max_lanes = options.max_writers;
  head.state_bytes = state.bytes;
  head.state_hash = state.hash;
  head.barrier = barrier ? 1 : 0;
  head.generation.store(generation, std::memory_order_relaxed);
  head.next_lane_id.store(1, std::memory_order_relaxed);
  if (state.bytes != 0) std::memcpy(kept->state(0), state.initial, state.bytes);
  head.magic.store(lane::kKeptMagic, std::memory_order_release);
  if (keeper) return keeper->offer_kept(file.get());
  return {};
}

Result<void> Owner::Impl::adopt_kept(int memfd, const detail::StateInfo& state) {
  const auto refuse = [&](const std::string& why) {
    return Error{Errc::schema_mismatch,
                 "cannot take over from the last owner of '" + name + "': " + why};
  };
  const off_t size = ::lseek(memfd, 0, SEEK_END);
  if (size < static_cast<off_t>(sizeof(lane::KeptHeader)))
    return refuse("its kept segment is short");
  auto mapped = lane::KeptMemory::map(memfd, static_cast<std::uint64_t>(size));
  if (!mapped) return mapped.error();
  kept = std::move(*mapped);
  lane::KeptHeader& head = kept->header();
  if (head.magic.load(std::memory_order_acquire) != lane::kKeptMagic ||
      head.layout_version != ring::kLayoutVersion) {
    return refuse("it was built with another cortado");
  }
  // Its writers' sends have no fence: they count on the owner's barrier.
  if (head.barrier != 0 && !barrier) {
    return Error{Errc::unsupported, "cannot take over from the last owner of '" + name +
                                        "': it could use membarrier, this process may not; start "
                                        "it with the same system call filter"};
  }
  if (head.state_bytes != state.bytes || head.state_hash != state.hash) {
    return refuse("its kept state is of another type; start the same program, or a new group");
  }
  if (static_cast<std::uint64_t>(size) != lane::kept_bytes(head.max_lanes, head.state_bytes)) {
    return refuse("its kept segment has a wrong size");
  }
  if (state.bytes == 0 && !options.manual_release) {
    forgotten = head.applied.load(std::memory_order_relaxed);
  }
  head.generation.store(generation, std::memory_order_relaxed);
#if !defined(CORTADO_SEED_SLEEPS_NUMBERED_ANEW)
  sleep_number = generation << 40;
#endif
#if !defined(CORTADO_SEED_STATE_COMMIT_NOT_RECOVERED)
  recover_state_commit();
#endif
  return {};
}

/// The predecessor may have died between the commit of the kept state and that of the lane whose
/// batch is in it: then the state's word counts.
void Owner::Impl::recover_state_commit() noexcept {
  const lane::KeptHeader& head = kept->header();
  if (head.state_bytes == 0) return;
  const lane::StateSlot& done =
      head.state_slots[head.state_current.load(std::memory_order_acquire) & 1];
  if (done.lane_id == 0 || done.slot >= head.max_lanes) return;
  lane::KeptLane& record = kept->lane(done.slot);
  const bool same = record.lane_id == done.lane_id &&
                    record.stage.load(std::memory_order_acquire) != lane::KeptLane::Stage::empty;
  if (same && static_cast<std::int64_t>(done.applied.position - record.applied().position) > 0) {
    record.commit(done.applied);
  }
}

/// Takes over one lane. One that is no lane is given up, and its writer's connection ended: the
/// others must not suffer. Where this process lacks something (memory, descriptors) it is an error:
/// the keeper still has all lanes, and with them what only they hold, for a next owner that has it.
Result<void> Owner::Impl::adopt(lane::LaneHandles handles) {
  const std::uint32_t limit = kept->header().max_lanes;
  std::uint32_t slot = 0;
  while (slot < limit && (kept->lane(slot).lane_id != handles.lane_id ||
                          kept->lane(slot).stage.load() == lane::KeptLane::Stage::empty)) {
    ++slot;
  }
  if (slot == limit) {  // retired, but the keeper was not told
    keeper->retire_lane(handles.lane_id);
    return {};
  }
  lane::KeptLane& record = kept->lane(slot);
  auto lane = take_over(handles, slot);
  if (!lane && lane.error().code != Errc::malformed) return lane.error();
  if (!lane) {
    Event event;
    event.kind = Event::Kind::left;
    event.how = Left::quarantined;
    event.writer = std::string(lane::get_text(record.name));
    event.lane_id = handles.lane_id;
    event.pid = static_cast<std::int32_t>(record.pid);
    event.uid = record.uid;
    event.delivered = record.delivered.load(std::memory_order_relaxed);
    event.reason = lane.error().text;
    push_event(std::move(event));
    record.stage.store(lane::KeptLane::Stage::empty, std::memory_order_release);
    keeper->retire_lane(handles.lane_id);
    ::shutdown(handles.connection.get(), SHUT_RDWR);
    return {};
  }
  if (slots.size() <= slot) slots.resize(slot + 1);
  slots[slot] = std::move(*lane);
  OwnerLane& adopted = *slots[slot];
  lanes.push_back(&adopted);
  scan.reserve(lanes.capacity());
  scan.make_stale();
  resume(adopted);
  if (auto watched = watch(adopted); !watched) return watched;
  if (adopted.evicted) writer_left(slot);
  if (record.stage.load() == lane::KeptLane::Stage::offered) {
    // Should it fail: the writer is gone, or its join times out and it hangs up. It may have had
    // the predecessor's, so the lane is read to its end; and it is told of as joined once, not by
    // each owner that dies here.
    if (!send_welcome(adopted, handles.segment.get())) {
      record.stage.store(lane::KeptLane::Stage::joined, std::memory_order_release);
    }
    announce(adopted, Event::Kind::joined);
  } else {
    announce(adopted, Event::Kind::adopted);
  }
  wake_writer(adopted);
  return {};
}

/// Maps a lane by what is known of it here: nothing in its own pages is believed, the writer may
/// have changed it.
Result<std::unique_ptr<OwnerLane>> Owner::Impl::take_over(lane::LaneHandles& handles,
                                                          std::uint32_t slot) {
  lane::KeptLane& record = kept->lane(slot);
  if (!record.plausible()) {
    return Error{Errc::malformed,
                 "what the last owner kept of this lane cannot be: its memory is "
                 "damaged"};
  }
  const lane::RingSizes sizes{record.ring_bytes, record.reply_bytes};
  if (auto sealed = os::verify_memory_file(handles.segment.get(), sizes.segment_bytes()); !sealed) {
    return sealed.error();
  }
  auto memory = lane::LaneMemory::map(handles.segment.get(), sizes);
  if (!memory) return memory.error();
  auto lane = std::make_unique<OwnerLane>();
  lane->kept_elsewhere = true;
  lane->slot = slot;
  lane->lane_id = handles.lane_id;
  lane->name = std::string(lane::get_text(record.name));
  lane->id = record.identity;
  lane->uid = record.uid;
  lane->pid = static_cast<std::int32_t>(record.pid);
  lane->memory = std::move(*memory);
  lane->kept = &record;
  lane->doorbell = std::move(handles.doorbell);
  lane->connection = std::move(handles.connection);
  lane->process = std::move(handles.process);
  begin_reading(*lane, record.applied());
  lane->counted_from -= record.delivered.load(std::memory_order_relaxed);
  return lane;
}

/// What the predecessor had in hand, and what it had answered.
void Owner::Impl::resume(OwnerLane& lane) {
  lane::LaneControl& control = lane.control();
  const lane::Applied& applied = lane.kept->applied();
  const std::uint64_t handling = lane.kept->handling.load(std::memory_order_acquire);
#if defined(CORTADO_SEED_TAKEN_OVER_UNFLAGGED)
  lane.redelivered_until = applied.position;
#else
  // SYNC in_hand: what OwnerLane::set_in_hand stored before each call of a handler.
  const std::uint64_t in_hand = lane.kept->in_hand.load(std::memory_order_acquire);
  const bool was_in_hand = static_cast<std::int64_t>(in_hand - applied.position) > 0;
  lane.redelivered_until = was_in_hand ? in_hand : applied.position;
#endif
  control.released.store(applied.position, std::memory_order_release);

  // The predecessor may have been about to close; this owner is not.
  // What the page says beyond that, its writer may have said: who was sent away or quarantined
  // stands in the kept segment.
  const lane::KeptLane::Stage stage = lane.kept->stage.load(std::memory_order_acquire);
  lane.evicted = stage == lane::KeptLane::Stage::evicted;
  const std::uint64_t state = control.owner_state.load(std::memory_order_relaxed);
  control.owner_state.store((state & ~(lane::owner_state::closing | lane::owner_state::ended)) |
                                (lane.evicted ? lane::owner_state::evicted : 0),
                            std::memory_order_release);
#if defined(CORTADO_SEED_CLOSING_STAYS)
  control.owner_state.store(state, std::memory_order_release);
#endif
#if defined(CORTADO_SEED_EVICTED_IS_QUARANTINED)
  if (lane.evicted) condemn(lane, "the last owner had sent it away");
#endif
  if (stage == lane::KeptLane::Stage::condemned) condemn(lane, "the last owner had quarantined it");
  if (handling != lane::kIdle) {
    lane.kept->handling.store(lane::kIdle, std::memory_order_relaxed);
    if (static_cast<std::int64_t>(handling - applied.position) > 0) count_failure(lane, handling);
  }

  // The last reply may be in the ring, and its count not in the kept segment.
  lane.replied = lane.kept->replied();
  ring::Consumer written(lane.memory->reply_ring(), lane.memory->sizes().reply_bytes,
                         lane.replied.position, lane.replied.sequence, ring::flag::reply_mask);
  ring::Consumer::Record record;
  if (written.peek(record) == ring::Peek::record &&
      record.commit.length >= sizeof(ring::ReplyPrefix)) {
    ring::ReplyPrefix prefix{};
    std::memcpy(&prefix, record.payload, sizeof prefix);
    written.take(record);
    lane.replied = {written.position(), written.sequence(), prefix.correlation + 1};
    lane.kept->commit(lane.replied);
  }
  lane.back = ring::Producer(lane.memory->reply_ring(), lane.memory->sizes().reply_bytes,
                             lane.replied.position, &control.reply_released);
}

}  // namespace cortado
