// Owner: the one that holds the buffer and takes the writers' messages.
#pragma once

#include <cortado/event.hpp>
#include <cortado/export.hpp>
#include <cortado/message.hpp>
#include <cortado/options.hpp>
#include <cortado/result.hpp>
#include <cortado/writer.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cortado {

namespace detail {

/// A handler by reference: no allocation, one indirect call. Lives as long as the call it is
/// passed to. `state` is the working copy of the kept state, or null.
class HandlerRef {
 public:
  template <class F>
  explicit HandlerRef(F& handler) noexcept
      : object_(&handler), call_([](void* object, const Message& message, void* state) {
          (*static_cast<F*>(object))(message, state);
        }) {}
  void operator()(const Message& message, void* state) const { call_(object_, message, state); }

 private:
  void* object_;
  void (*call_)(void*, const Message&, void*);
};

/// Size and identity of a kept state; bytes 0: none.
struct StateInfo {
  std::size_t bytes = 0;
  std::uint64_t hash = 0;
  const void* initial = nullptr;
};

}  // namespace detail

/// A kept state: copied byte by byte between two slots, and read by a successor process.
template <class T>
concept KeptState = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>;

template <KeptState State>
class KeptOwner;

/// The owner of a name. Move-only; destroying it gives the name back.
///
/// Every function: one thread at a time, and not in a forked child. None starts a thread, installs
/// a signal handler, or logs. Errors of the running owner are events (next_event), not results.
///
/// Memory ordering: what a writer did before its send returned `sent` is visible to the handler
/// that is given the message; what a handler did is visible to a writer whose wait_applied, close
/// or ask returned after it.
class CORTADO_API Owner {
 public:
  /// Takes the name. Started by a keeper (`cortado launch`, Group), it takes over its lanes, too.
  /// Does not block for longer than it takes to ask the keeper. Allocates.
  ///
  /// name: 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot.
  /// Errc::name_taken: a live owner, perhaps a stopped one, holds the name. Errc::permission: the
  /// directory or a file in it belongs to somebody else. Errc::invalid_argument: an option is out
  /// of range. Errc::no_memory, Errc::descriptors: raise the limit that the text names.
  static Result<Owner> open(std::string_view name, OwnerOptions options = {});

  /// The same, with a kept state: see KeptOwner.
  template <KeptState State>
  static Result<KeptOwner<State>> open(std::string_view name, OwnerOptions options = {});

  Owner(Owner&&) noexcept;
  Owner& operator=(Owner&&) noexcept;
  /// Lanes end: their writers see `no_owner` (with a keeper: wait for the next owner). What was
  /// not released is theirs still.
  ~Owner();

  /// Hands waiting messages to `handler(const Message&)`, lane by lane, each lane in order, a
  /// bounded share of each per call; admits and retires writers now and then. Returns how many
  /// were handled. Never blocks; does not allocate but for joins. Inside a handler: does nothing.
  /// If all that there is are streams it has caught up with, it looks at them after up to 3.2 us,
  /// as long as that makes them faster.
  ///
  /// A message counts as applied when the handler has returned; its ring bytes are released at the
  /// end of its lane's turn (or by release(), if manual). If the handler throws, what it had
  /// finished is released, the exception passes through, and the message comes again, flagged
  /// `redelivered`; after the third failure its lane is quarantined.
  template <std::invocable<const Message&> Handler>
  std::size_t drain(Handler&& handler, Budget budget = {}) {
    auto call = [&handler](const Message& message, void*) { handler(message); };
    return drain_with(detail::HandlerRef(call), budget);
  }

  /// Sleeps until a message waits, a writer comes or goes, or `timeout` is over. Looks at the rings
  /// for OwnerOptions::spin first. True: call drain. Does not allocate.
  bool wait(std::chrono::nanoseconds timeout);
  bool wait_until(std::chrono::steady_clock::time_point deadline);

  /// A descriptor for poll, epoll and event loops; readable when drain has something to do. Stays
  /// the same. From the first call on, a drain that leaves nothing behind arms the lanes (one
  /// barrier system call); so call it only if you sleep on the descriptor, and call drain once
  /// before the first sleep.
  int fd() noexcept;

  /// With OwnerOptions::manual_release: everything up to this message, on its lane, is applied for
  /// good and may be overwritten. Cumulative. False: releases are not manual, that lane is gone,
  /// the message was released before, or its handler has not returned yet. Does not block or
  /// allocate.
  bool release(const Receipt& upto) noexcept;
  /// The same for every message that any lane has handed out.
  void release_all() noexcept;
  /// As it was opened (OwnerOptions::manual_release).
  bool manual_release() const noexcept;

  /// A writer for a thread of this process, admitted on the spot: for use in the owner's own thread
  /// too, where join would wait for itself. Errors as Writer::join.
  Result<Writer> make_writer(JoinOptions options = {});

  /// Takes no further message: writers get `closing`. Those sent before still come through drain.
  void close() noexcept;
  /// True if no lane holds anything to handle or to release.
  bool drained() const noexcept;

  /// Sends a writer away, for good, after what it has published so far is handled. (Should this
  /// owner end before that, without a keeper, no next one gets the rest. A send that is under way
  /// may yet return `sent` for what comes too late to be read.) False: no such writer.
  bool evict(std::string_view writer);

  /// The oldest event that was not yet asked for. At most 65536 are kept; events_dropped counts.
  std::optional<Event> next_event();
  std::uint64_t events_dropped() const noexcept;

  std::vector<LaneStats> stats() const;
  std::size_t writers() const noexcept;
  const std::string& name() const noexcept;
  /// Which owner this is since the keeper began: 1 is the first. Without a keeper always 1.
  std::uint64_t generation() const noexcept;
  /// Messages that predecessors had applied to buffers that died with them; short by one batch if
  /// one was killed between its commit and its count.
  std::uint64_t forgotten() const noexcept;

 private:
  template <KeptState State>
  friend class KeptOwner;
  struct CORTADO_LOCAL Impl;
  explicit Owner(std::unique_ptr<Impl> impl) noexcept;
  static Result<Owner> open_with(std::string_view name, OwnerOptions options,
                                 detail::StateInfo state);
  std::size_t drain_with(detail::HandlerRef handler, Budget budget);
  const void* kept_state() const noexcept;

  std::unique_ptr<Impl> impl_;
};

/// An owner whose state survives it: `drain` gives the handler a working copy, and the copy and the
/// position of the messages in it are committed together, by one store, at the end of each lane's
/// turn. A reply goes out after the commit of the state it tells about, so it ends its turn. Under
/// a keeper, effects on the state are exactly once whoever is killed; without one, the state ends
/// with the owner. One turn copies the whole state once: keep it small, or turns long.
template <KeptState State>
class KeptOwner : public Owner {
 public:
  /// As Owner::drain; `handler(const Message&, State&)`. If it throws, the turn's changes are
  /// discarded and its messages come again.
  template <std::invocable<const Message&, State&> Handler>
  std::size_t drain(Handler&& handler, Budget budget = {}) {
    auto call = [&handler](const Message& message, void* state) {
      handler(message, *static_cast<State*>(state));
    };
    return drain_with(detail::HandlerRef(call), budget);
  }

  /// The committed state. Valid until the next drain.
  const State& state() const noexcept { return *static_cast<const State*>(kept_state()); }

 private:
  friend class Owner;
  explicit KeptOwner(Owner&& owner) noexcept : Owner(std::move(owner)) {}
};

// It is moved from; the check misses that in a template.
template <KeptState State>
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Result<KeptOwner<State>> Owner::open(std::string_view name, OwnerOptions options) {
  static_assert(alignof(State) <= 4096);
  const State initial{};
  std::uint64_t hash = sizeof(State);
  if constexpr (DeclaredMessage<State>) {
    hash = fnv1a(State::cortado_type.name) ^ fnv1a(State::cortado_type.fields) ^
           (std::uint64_t{State::cortado_type.version} << 32) ^ sizeof(State);
  }
  auto owner = open_with(name, std::move(options), {sizeof(State), hash, &initial});
  if (!owner) return owner.error();
  return KeptOwner<State>(std::move(*owner));
}

}  // namespace cortado
