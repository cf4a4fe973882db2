// Owner::Impl: the parts of an owner, and which file has which of its functions.
//
//   open.cpp       take the name; adopt a predecessor's lanes
//   reception.cpp  the control plane: connections, Hello, Welcome
//   admission.cpp  who may join; a new lane
//   drain.cpp      THE CORE: take, handle, commit, release
//   round.cpp      one call of drain: whose turn it is
//   sleep.cpp      arm, re-read, sleep, disarm
//   departure.cpp  writers that left, quarantine, events
//   flood.cpp      what is rationed: doorbells in vain, connections, lanes that come and go
//   owner.cpp      the public class: thin
#pragma once

#include <cortado/owner.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lane/handshake.hpp"
#include "lane/keeper_link.hpp"
#include "lane/kept.hpp"
#include "lane/rendezvous.hpp"
#include "lane/segment.hpp"
#include "os/descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/poller.hpp"
#include "owner/owner_lane.hpp"
#include "owner/scan.hpp"

namespace cortado {

using owner::LanePort;
using owner::OwnerLane;

struct Owner::Impl {
  using clock = std::chrono::steady_clock;

  /// Failures with the same message in hand after which its lane is quarantined as poison.
  static constexpr std::uint32_t kMaxAttempts = 3;
  /// A lane's share of one call of drain: so many messages, and so many bytes of its ring, or a
  /// quarter of it, so that its writer goes on while more is read. One message is always taken.
  static constexpr std::size_t kTurnMessages = 256;
  static constexpr std::uint64_t kTurnBytes = std::uint64_t{1} << 20;
  /// Between two looks at the control plane (joins, deaths); and the drains, or turns of a lane,
  /// between two looks at the clock.
  static constexpr std::chrono::microseconds kServeInterval{100};
  static constexpr unsigned kDrainsPerLook = 32;
  static constexpr std::size_t kMaxPending = 64;
  /// Polls, connections accepted, Hellos heard in one look at the control plane, fewer if one of
  /// them gets a lane; lanes given up in one drain. Between two looks every lane has its turn.
  static constexpr unsigned kPollsPerServe = 16;
  static constexpr unsigned kAcceptsPerServe = 4;
  static constexpr unsigned kHellosPerServe = 2;
  static constexpr unsigned kRetiredPerDrain = 1;
  /// See flood.cpp.
  static constexpr std::chrono::milliseconds kRest{10};
  static constexpr std::chrono::microseconds kKnock{200};
  static constexpr std::chrono::microseconds kKnockBurst{256 * 200};
  static constexpr std::chrono::milliseconds kTurnover{4};
  static constexpr std::chrono::milliseconds kTurnoverBurst{64 * 4};
  static constexpr std::chrono::milliseconds kTurnoverDebt{2000};
  static constexpr std::chrono::milliseconds kHelloDeadline{1000};
  static constexpr std::size_t kMaxEvents = 65536;

  /// What a poller tag means: kind in the high half, lane slot or pending id in the low half.
  enum class Source : std::uint32_t {
    listener,
    pending,
    doorbell,
    connection,
    process,
    keeper,
    self,
    rest,
    door
  };
  static std::uint64_t tag(Source source, std::uint32_t id) noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(source)} << 32 | id;
  }

  /// A connection that has not said Hello yet.
  struct Pending {
    os::Descriptor connection;
    clock::time_point deadline;
    std::uint32_t id = 0;
  };

  // open.cpp
  static Result<std::unique_ptr<Impl>> open(std::string_view name, OwnerOptions options,
                                            detail::StateInfo state);
  Result<void> take_name(const detail::StateInfo& state);
  Result<void> make_kept(const detail::StateInfo& state);
  Result<void> adopt_kept(int memfd, const detail::StateInfo& state);
  void recover_state_commit() noexcept;
  Result<void> adopt(lane::LaneHandles handles);
  Result<std::unique_ptr<OwnerLane>> take_over(lane::LaneHandles& handles, std::uint32_t slot);
  void resume(OwnerLane& lane);

  /// Who joins, as the kernel tells.
  struct Peer {
    int connection = -1;
    std::uint32_t uid = 0;
    std::int32_t pid = 0;
  };

  // reception.cpp
  bool serve(clock::time_point deadline);
  void keeper_left();
  void accept_connections(unsigned& accepts, unsigned& hellos);
  void refuse_without_descriptors();
  void hear_hello(std::uint32_t pending_id, unsigned& hellos);
  void drop_overdue_pending();
  static void refuse(int connection, Errc code, std::string_view text) noexcept;
  static void refuse(int connection, const Error& error) noexcept;
  void invite(const lane::Hello& hello, os::Descriptor connection);
  Result<Writer> admit_here(JoinOptions join);
  Result<Writer> attach_here(OwnerLane& lane, JoinOptions join, int segment,
                             std::pair<os::Descriptor, os::Descriptor> ends);
  Result<void> take_in(OwnerLane& lane, int segment);
  bool send_welcome(OwnerLane& lane, int segment);

  // admission.cpp
  Result<OwnerLane*> admit(const lane::Hello& hello, const Peer& peer, os::Descriptor& segment);
  Result<std::string> check_policy(const lane::Hello& hello, const Peer& peer);
  Result<void> check_identity(const WriterId& presented);
  std::string free_name(const std::string& base) const;
  Error other_version(const lane::Hello& hello) const;
  Result<void> check_schemas(const lane::Hello& hello) const;
  Result<OwnerLane*> make_lane(const lane::Hello& hello, std::string writer, const Peer& peer,
                               os::Descriptor& segment);
  void begin_lane(OwnerLane& lane, const lane::Applied& start, bool writer_has_barrier);
  void begin_reading(OwnerLane& lane, const lane::Applied& from);
  Result<void> reserve_copy();
  Result<void> watch(OwnerLane& lane);
  void unwatch(OwnerLane& lane) noexcept;
  void discard(OwnerLane& lane);

  // round.cpp
  std::size_t drain(detail::HandlerRef handler, Budget budget);
  void look_at_control_plane();
  void go_round(detail::HandlerRef handler, std::size_t limit, std::size_t& done);
  bool take_turns(detail::HandlerRef handler, std::size_t limit, std::size_t& done);
  bool take_turn(std::size_t index, detail::HandlerRef handler, std::size_t limit,
                 std::size_t& done);
  void end_turn(std::size_t index, std::size_t handled) noexcept;
  bool give_headway() noexcept;

  // drain.cpp
  std::size_t drain_lane(OwnerLane& lane, detail::HandlerRef handler, std::size_t limit);
  void begin_state_turn() noexcept;
  void handle(OwnerLane& lane, detail::HandlerRef handler, const ring::Consumer::Record& record,
              const Message& message, Message::Parts& parts, bool again);
  void handler_failed(OwnerLane& lane, std::uint64_t failed_at);
  void count_failure(OwnerLane& lane, std::uint64_t failed_at);
  void release_lane(OwnerLane& lane, const lane::Applied& upto) noexcept;
  void wake_writer(OwnerLane& lane) noexcept;
  bool release(const Receipt& upto) noexcept;
  void release_all() noexcept;
  lane::Applied taken(const OwnerLane& lane) const noexcept;

  // sleep.cpp
  bool wait_until(clock::time_point deadline);
  bool spin(clock::time_point deadline) const noexcept;
  bool pending() const noexcept;
  bool others_wait() const noexcept;
  bool arm() noexcept;
  void disarm() noexcept;
  void prepare_descriptor(bool work_left) noexcept;
  void stir() noexcept;
  static void set_owner_state(OwnerLane& lane, std::uint64_t bit) noexcept;
  void ring_writer(OwnerLane& lane) noexcept;
  void ring_owed() noexcept;

  // flood.cpp
  void heard_doorbell(std::uint32_t slot) noexcept;
  void end_rest() noexcept;
  void count_knock(clock::time_point now) noexcept;
  void open_door() noexcept;
  void count_turnover() noexcept;
  bool may_make_lane() const noexcept;

  // departure.cpp
  void writer_left(std::uint32_t slot) noexcept;
  void condemn(OwnerLane& lane, std::string_view reason) noexcept;
  void retire(OwnerLane& lane, Left how);
  void retire_departed();
  bool departure_due() const noexcept;
  bool evict(std::string_view writer);
  void close() noexcept;
  void push_event(Event event);
  void announce(const OwnerLane& lane, Event::Kind kind, Left how = Left::closed) noexcept;
  Event event_of(const OwnerLane& lane, Event::Kind kind) const;

  ~Impl();
  bool forked() const noexcept { return !os::is_process(epoch); }
  int listener() const noexcept {
    return rendezvous ? rendezvous->listener() : inherited_listener.get();
  }
  OwnerLane* find(std::string_view writer) noexcept;
  OwnerLane* find(const WriterId& writer) noexcept;

  std::string name;
  OwnerOptions options;
  std::uint64_t epoch = 0;  ///< process_epoch() at open: differs in a forked child
  std::optional<Rendezvous> rendezvous;
  std::optional<lane::KeeperLink> keeper;
  os::Descriptor inherited_listener;
  os::Poller poller;
  os::Descriptor own_process;  ///< our pidfd, for writers to watch
  os::Descriptor spare;        ///< given up to refuse a join when there is no other descriptor
  os::Descriptor self_event;   ///< keeps fd() readable while work is left
  os::Descriptor rest_timer;   ///< set while a lane is muffled
  os::Descriptor door_timer;   ///< set while the door is shut

  std::unique_ptr<lane::KeptMemory> kept;
  std::uint64_t generation = 1;
  std::uint64_t forgotten = 0;
  bool barrier = false;                ///< this kernel has the global barrier
  std::byte* working_state = nullptr;  ///< the slot that is not committed, while a batch runs

  std::vector<std::unique_ptr<OwnerLane>> slots;  ///< by slot; null: free
  std::vector<OwnerLane*> lanes;                  ///< those in use, in scanning order
  owner::Scan scan;                               ///< of `lanes`
  std::size_t cursor = 0;                         ///< where the next drain begins
  std::vector<Pending> pending_joins;
  std::uint32_t next_pending = 0;
  bool knocking = false;          ///< the next look at the control plane will find more
  bool door_shut = false;         ///< the listener is not watched, door_timer is set
  bool resting = false;           ///< rest_timer is set
  clock::time_point knocks_paid;  ///< when all knocks so far are paid off
  std::uint64_t lanes_made = 0;
  clock::time_point turnovers_paid;   ///< when all turnovers so far are paid off
  std::unique_ptr<std::byte[]> copy;  ///< the private copy of the message being handled
  owner::HeldReply held_reply;        ///< with a kept state

  std::deque<Event> events;
  std::uint64_t dropped_events = 0;
  clock::time_point served_at;
  unsigned drains_until_look = 0;
  bool departures = false;  ///< some lane is leaving
  bool wakes_owed = false;  ///< some writer's wake-up could not be sent
  bool news = false;        ///< an event came since the last wait: the caller may not know yet
  std::uint64_t sleep_number = 0;  ///< of the last sleep; differs from all predecessors'
  bool armed = false;
  bool draining = false;   ///< a handler may be running
  bool loop_mode = false;  ///< fd() was called
  bool signalled = false;  ///< self_event is set
  bool closing = false;
};

}  // namespace cortado
