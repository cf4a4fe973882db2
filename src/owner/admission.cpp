// Who may join, and the lane that is made for it.
#include <algorithm>
#include <charconv>
#include <new>
#include <string_view>
#include <system_error>

#include <sys/epoll.h>

#include <unistd.h>

#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/random.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

Result<OwnerLane*> Owner::Impl::admit(const lane::Hello& hello, const Peer& peer,
                                      os::Descriptor& segment) {
  auto writer = check_policy(hello, peer);
  if (!writer) return writer.error();
  if (auto own = check_identity(hello.identity); !own) return own.error();
  if (auto typed = check_schemas(hello); !typed) return typed.error();
  if (peer.connection >= 0 && !may_make_lane()) {
    return Error{Errc::try_again,
                 "cannot join '" + name + "': too many writers come and go; try again"};
  }
  auto made = make_lane(hello, std::move(*writer), peer, segment);
  if (made) return made;
  return Error{made.error().code,
               "cannot join '" + name + "': its owner can make no lane: " + made.error().text};
}

Error Owner::Impl::other_version(const lane::Hello& hello) const {
  return {Errc::version_mismatch, "cannot join '" + name + "': the writer speaks protocol " +
                                      std::to_string(hello.protocol_version) + ", layout " +
                                      std::to_string(hello.layout_version) + "; the owner " +
                                      std::to_string(lane::kProtocolVersion) + ", " +
                                      std::to_string(ring::kLayoutVersion) +
                                      "; build both with the same cortado"};
}

/// The writer's name if it may join.
Result<std::string> Owner::Impl::check_policy(const lane::Hello& hello, const Peer& peer) {
  const std::string who = "cannot join '" + name + "': ";
  if (hello.protocol_version != lane::kProtocolVersion ||
      hello.layout_version != ring::kLayoutVersion) {
    return other_version(hello);
  }
  if (closing) return Error{Errc::closing, who + "the owner is shutting down"};
  const bool known_user = peer.uid == ::geteuid() || peer.uid == 0 ||
                          std::find(options.other_users.begin(), options.other_users.end(),
                                    peer.uid) != options.other_users.end();
  if (!known_user) {
    return Error{Errc::permission, who + "user " + std::to_string(peer.uid) +
                                       " is not among those the owner admits (other_users)"};
  }
  if (hello.attempts >= kMaxAttempts) {
    return Error{Errc::quarantined, who + "poison: " + std::to_string(hello.attempts) +
                                        " owners died with the same message in hand"};
  }
  if (lanes.size() >= kept->header().max_lanes) {
    return Error{Errc::too_many_writers, who + "it has " + std::to_string(lanes.size()) +
                                             " writers, its limit; raise max_writers"};
  }
  const auto same_user = std::count_if(
      lanes.begin(), lanes.end(), [&](const OwnerLane* lane) { return lane->uid == peer.uid; });
  if (options.max_writers_per_user != 0 && same_user >= options.max_writers_per_user) {
    return Error{Errc::quota, who + "user " + std::to_string(peer.uid) + " has " +
                                  std::to_string(same_user) +
                                  " writers, its share; raise max_writers_per_user"};
  }
  std::string writer(lane::get_text(hello.name));
  if (!lane::valid_writer_name(writer)) {
    return Error{Errc::malformed, who + "the writer's name is too long or has control characters"};
  }
  if (writer.empty()) writer = free_name("pid-" + std::to_string(peer.pid));
  if (const OwnerLane* holder = find(writer)) {
    // Messages of a name come in order: first the rest of the one that left.
    if (holder->leaving || holder->condemned) {
      return Error{Errc::try_again, who + "the last '" + writer + "' is still being read"};
    }
    return Error{Errc::name_in_use, who + "process " + std::to_string(holder->pid) +
                                        " is writer '" + writer + "'; choose another name"};
  }
  return writer;
}

/// (identity, sequence) names one message: two writers must not have the same one.
Result<void> Owner::Impl::check_identity(const WriterId& presented) {
  const OwnerLane* holder = presented ? find(presented) : nullptr;
  if (holder == nullptr) return {};
  if (holder->leaving || holder->condemned) {
    return Error{Errc::try_again, "cannot join '" + name + "': what this writer sent as '" +
                                      holder->name + "' is still being read"};
  }
  return Error{Errc::name_in_use, "cannot join '" + name +
                                      "': the identity it presents is that of '" + holder->name +
                                      "', process " + std::to_string(holder->pid) +
                                      "; each writer must call Writer::join itself"};
}

/// `base`, or the first of "BASE-2", "BASE-3" ... that nobody has. One look at each lane, however
/// many have such names.
std::string Owner::Impl::free_name(const std::string& base) const {
  std::vector<bool> taken(lanes.size() + 3);  // by number; 1: the base itself
  for (const OwnerLane* lane : lanes) {
    const std::string_view each = lane->name;
    if (each == base) taken[1] = true;
    if (!each.starts_with(base + "-")) continue;
    std::size_t number = 0;
    const char* const end = each.data() + each.size();
    const auto [rest, error] = std::from_chars(each.data() + base.size() + 1, end, number);
    if (error == std::errc() && rest == end && number < taken.size()) taken[number] = true;
  }
  if (!taken[1]) return base;
  const auto free = std::find(taken.begin() + 2, taken.end(), false);
  return base + "-" + std::to_string(free - taken.begin());
}

Result<void> Owner::Impl::check_schemas(const lane::Hello& hello) const {
  const std::string who = "cannot join '" + name + "': ";
  if (hello.schema_count > lane::kMaxSchemas) {
    return Error{Errc::malformed, who + "more than 16 typed messages are declared"};
  }
  for (std::uint32_t i = 0; i < hello.schema_count; ++i) {
    const lane::WireSchema& wire = hello.schemas[i];
    const std::string type(lane::get_text(wire.name));
#if !defined(CORTADO_SEED_NO_NAME_CHECK)
    if (!lane::valid_name(type, lane::kSchemaNameBytes)) {
      return Error{Errc::malformed,
                   who + "a message type's name is too long or has control characters"};
    }
#endif
    const auto mine = std::find_if(options.schemas.begin(), options.schemas.end(),
                                   [&](const Schema& each) { return each.name == type; });
    if (mine == options.schemas.end()) {
      return Error{Errc::schema_mismatch, who + "the owner does not take messages of type '" +
                                              type + "' (OwnerOptions::schemas)"};
    }
    if (mine->version != wire.version || mine->fields_hash != wire.fields_hash) {
      return Error{Errc::schema_mismatch,
                   who + "type '" + type + "' is version " + std::to_string(wire.version) +
                       " in the writer, " + std::to_string(mine->version) + " in the owner" +
                       (mine->version == wire.version ? ", with other fields" : "") +
                       "; rebuild the older program"};
    }
  }
  return {};
}

/// A lane that nobody knows of yet.
Result<OwnerLane*> Owner::Impl::make_lane(const lane::Hello& hello, std::string writer,
                                          const Peer& peer, os::Descriptor& segment) {
  if (auto room = reserve_copy(); !room) return room.error();
  const lane::RingSizes sizes{options.ring_bytes, options.reply_bytes};
  auto file = os::create_memory_file("cortado-lane", sizes.segment_bytes());
  if (!file) return file.error();
  auto memory = lane::LaneMemory::map(file->get(), sizes);
  if (!memory) return memory.error();
  auto doorbell = os::create_event();
  if (!doorbell) return doorbell.error();
  WriterId id = hello.identity;
  if (!id) {
    if (auto drawn = os::fill_random(id.bytes); !drawn) return drawn.error();
  }

  const auto free = std::find(slots.begin(), slots.end(), nullptr);
  const auto slot = static_cast<std::uint32_t>(free - slots.begin());
  // Room in the tables, so that nothing can fail any more once the lane has begun.
  if (free == slots.end()) slots.push_back(nullptr);
  lanes.push_back(nullptr);
  lanes.pop_back();
  scan.reserve(lanes.capacity());
  auto lane = std::make_unique<OwnerLane>();
  lane->slot = slot;
  lane->lane_id = kept->header().next_lane_id.fetch_add(1, std::memory_order_relaxed);
  lane->name = std::move(writer);
  lane->id = id;
  lane->uid = peer.uid;
  lane->pid = peer.pid;
  lane->memory = std::move(*memory);
  lane->doorbell = std::move(*doorbell);
  lane->kept = &kept->lane(slot);
  // Idle lanes are scanned at different offsets of their pages, or they would all compete for the
  // same few cache sets.
  const std::uint64_t start =
      (std::uint64_t{slot} * 9 * ring::kHotDistance) & (lane::kPageBytes - 1);
  begin_lane(*lane, {start, hello.first_sequence}, hello.barrier != 0);

  ++lanes_made;
  slots[slot] = std::move(lane);
  OwnerLane* made = slots[slot].get();
  lanes.push_back(made);
  scan.make_stale();
  segment = std::move(*file);
  return made;
}

/// Fills the control page and the kept slot of a new lane.
void Owner::Impl::begin_lane(OwnerLane& lane, const lane::Applied& start, bool writer_has_barrier) {
  lane::LaneControl& control = lane.control();
  const lane::RingSizes& sizes = lane.memory->sizes();
  begin_reading(lane, start);
  control.layout_version = ring::kLayoutVersion;
  control.lane_id = lane.lane_id;
  control.ring_bytes = sizes.ring_bytes;
  control.reply_bytes = sizes.reply_bytes;
  control.start_position = start.position;
  control.fenced = barrier && writer_has_barrier ? 0 : 1;
  control.keeper = keeper ? 1 : 0;
  control.released.store(start.position, std::memory_order_relaxed);
  control.in_hand.store(start.position, std::memory_order_relaxed);
  control.handling.store(lane::kIdle, std::memory_order_relaxed);
  control.wake_at.store(lane::kNoWake, std::memory_order_relaxed);
  control.reply_released.store(start.position, std::memory_order_relaxed);
  control.magic.store(lane::kMagic, std::memory_order_release);

  lane::KeptLane& record = *lane.kept;
  record.lane_id = lane.lane_id;
  record.ring_bytes = sizes.ring_bytes;
  record.reply_bytes = sizes.reply_bytes;
  record.commit(start);
  record.commit(lane::Replied{start.position, 0, 0});
  record.in_hand.store(start.position, std::memory_order_relaxed);
  record.handling.store(lane::kIdle, std::memory_order_relaxed);
  record.attempts.store(0, std::memory_order_relaxed);
  record.identity = lane.id;
  record.uid = lane.uid;
  record.pid = static_cast<std::uint32_t>(lane.pid);
  record.delivered.store(0, std::memory_order_relaxed);
  lane::set_text(record.name, lane.name);
  record.stage.store(lane::KeptLane::Stage::offered, std::memory_order_release);
  lane.replied = record.replied();
  lane.back = ring::Producer(lane.memory->reply_ring(), sizes.reply_bytes, start.position,
                             &control.reply_released);
}

/// Puts the private positions of a lane.
void Owner::Impl::begin_reading(OwnerLane& lane, const lane::Applied& from) {
  const lane::RingSizes& sizes = lane.memory->sizes();
  lane.in_hand = keeper ? &lane.kept->in_hand : &lane.control().in_hand;
  lane.handling = keeper ? &lane.kept->handling : &lane.control().handling;
  lane.there = ring::Consumer(lane.memory->ring(), sizes.ring_bytes, from.position, from.sequence,
                              ring::flag::send_mask);
  lane.counted_from = from.sequence;
  lane.headway = owner::Headway(sizes.ring_bytes);
  lane.told.writer = lane.name;
  lane.told.writer_id = lane.id;
  lane.told.writer_uid = lane.uid;
  lane.told.receipt = {lane.slot, lane.lane_id, 0, 0};
  lane.stats.writer = lane.name;
  lane.stats.lane_id = lane.lane_id;
}

/// Room for the longest message of any lane, before there is a lane. It stays where it is: a
/// handler may be looking at it when a writer is made.
Result<void> Owner::Impl::reserve_copy() {
  if (copy) return {};
  std::uint64_t longest = options.ring_bytes;
  std::uint64_t longest_reply = options.reply_bytes;
  for (std::uint32_t i = 0; i < kept->header().max_lanes; ++i) {
    longest = std::max(longest, kept->lane(i).ring_bytes);
    longest_reply = std::max(longest_reply, kept->lane(i).reply_bytes);
  }
  if (kept->header().state_bytes != 0) held_reply.bytes.reserve(longest_reply);
  // copy_out writes whole words.
  copy.reset(new (std::nothrow) std::byte[longest + ring::kWordBytes]);
  if (copy) return {};
  return Error{Errc::no_memory, "no memory for a message of " + std::to_string(longest) +
                                    " bytes; use smaller rings"};
}

Result<void> Owner::Impl::watch(OwnerLane& lane) {
  const std::uint32_t slot = lane.slot;
  if (auto done = poller.add(lane.doorbell.get(), EPOLLIN | EPOLLET, tag(Source::doorbell, slot));
      !done) {
    return done;
  }
#if defined(CORTADO_SEED_HANG_UP_UNWATCHED)
  return {};
#endif
  // Hang-up and error are reported without being asked for; nothing else is of interest.
  if (auto done = poller.add(lane.connection.get(), 0, tag(Source::connection, slot)); !done) {
    return done;
  }
  if (lane.process) {
    return poller.add(lane.process.get(), EPOLLIN, tag(Source::process, slot));
  }
  return {};
}

/// The keeper has duplicates, so that closing ours would not end the watch.
void Owner::Impl::unwatch(OwnerLane& lane) noexcept {
  for (const os::Descriptor* each : {&lane.doorbell, &lane.connection, &lane.process}) {
    if (*each) poller.remove(each->get());
  }
}

/// Unmakes a lane that its writer was never told of.
void Owner::Impl::discard(OwnerLane& lane) {
  count_turnover();
  unwatch(lane);
  lane.kept->stage.store(lane::KeptLane::Stage::empty, std::memory_order_release);
  if (keeper && lane.kept_elsewhere) keeper->retire_lane(lane.lane_id);
  lanes.erase(std::find(lanes.begin(), lanes.end(), &lane));
  scan.make_stale();
  slots[lane.slot].reset();
}

}  // namespace cortado
