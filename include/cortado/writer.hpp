// Writer: sends messages to one owner.
#pragma once

#include <cortado/export.hpp>
#include <cortado/options.hpp>
#include <cortado/result.hpp>
#include <cortado/writer_id.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cortado {

/// What became of a send.
enum class [[nodiscard]] SendStatus : std::uint8_t{
    sent,         ///< the queue will not lose it and keeps its order, whoever is killed next
    full,         ///< no room now, or not before the deadline; nothing was written: try again
    no_owner,     ///< the owner is gone; nothing was written: try again, a next owner takes it
    too_large,    ///< longer than max_message(); nothing was written: split it, or a larger ring
    closing,      ///< the owner takes no further message, or sent this writer away (evict), or
                  ///< this writer is closed; nothing was written
    quarantined,  ///< the owner no longer reads this lane, for good; nothing was written
    forked,       ///< this Writer belongs to the parent process; nothing was written: join anew
};

CORTADO_API const char* to_string(SendStatus status) noexcept;

/// Counters of a writer, since it was made.
struct WriterStats {
  std::uint64_t sent = 0;       ///< messages
  std::uint64_t bytes = 0;      ///< of payload
  std::uint64_t waits = 0;      ///< times a call slept for space, a reply or a release
  std::uint64_t doorbells = 0;  ///< times the owner had to be woken
  std::uint64_t rejoins = 0;    ///< owners that were found after one was lost
};

class Claim;

/// A writer of one owner. Move-only; one thread at a time.
///
/// `try_` functions never block. Blocking functions sleep without using a core and take a deadline:
/// a duration, or a time of steady_clock. Sends do not allocate.
///
/// If the owner dies under a keeper, the next one goes on with the same lane and this class notices
/// nothing. Without a keeper, a call that needs the owner (a full ring, ask, close, poll,
/// wait_applied) finds it gone, joins the next one as soon as there is one, and hands it every
/// message that was not released, in order, before anything new.
///
/// Memory ordering: see Owner.
class CORTADO_API Writer {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Joins the owner of that name; it must be running its drain or wait. Blocks up to
  /// options.timeout. Allocates.
  ///
  /// Errc::no_owner: start one. Errc::timed_out: the owner is there but does not drain.
  /// Errc::name_in_use, too_many_writers, quota, schema_mismatch, version_mismatch, permission,
  /// descriptors, closing: the text says what to change. Errc::try_again: repeat the call.
  static Result<Writer> join(std::string_view owner, JoinOptions options = {});

  /// The same, declaring the typed messages that will be sent.
  template <DeclaredMessage First, DeclaredMessage... More>
  static Result<Writer> join(std::string_view owner, JoinOptions options = {}) {
    options.schemas = schemas<First, More...>();
    return join(owner, std::move(options));
  }

  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  /// Leaves in order, at once: what was sent stays readable for the owner. (Without a keeper, and
  /// with no owner there, it is lost: call close first and look at what it returns.)
  ~Writer();

  SendStatus try_send(std::span<const std::byte> message) noexcept { return try_send(message, 0); }
  SendStatus try_send(std::string_view text) noexcept { return try_send(as_bytes(text), 0); }
  SendStatus send(std::span<const std::byte> message, time_point deadline) noexcept {
    return send(message, 0, deadline);
  }
  SendStatus send(std::string_view text, time_point deadline) noexcept {
    return send(as_bytes(text), 0, deadline);
  }
  template <class Message>
  SendStatus send(const Message& message, std::chrono::nanoseconds timeout) noexcept {
    return send(message, deadline_after(timeout));
  }
  /// Typed messages; the encoding is written straight into the ring. Defined in
  /// <cortado/typed.hpp>.
  template <DeclaredMessage T>
  SendStatus try_send(const T& message);
  template <DeclaredMessage T>
  SendStatus send(const T& message, time_point deadline);

  /// Room for a message of up to `length` bytes, to be filled in place. `claim` does not block;
  /// with a deadline it waits for room.
  Claim claim(std::size_t length, std::uint16_t tag = 0) noexcept;
  Claim claim_until(std::size_t length, time_point deadline, std::uint16_t tag = 0) noexcept;

  /// Sends, and waits for the answer. Allocates the answer. Errc::unknown: no answer in time, the
  /// message may or may not be applied. Errc::unanswered: it was applied, without an answer. Errors
  /// of sending as in SendStatus.
  Result<std::vector<std::byte>> ask(std::span<const std::byte> message, time_point deadline,
                                     AskOptions options = {}) {
    return ask(message, 0, deadline, options);
  }
  Result<std::string> ask(std::string_view text, std::chrono::nanoseconds timeout,
                          AskOptions options = {});
  /// Typed ask. Errc::malformed: the owner replied with another type. Defined in
  /// <cortado/typed.hpp>.
  template <DeclaredMessage Reply, DeclaredMessage Request>
  Result<Reply> ask(const Request& request, std::chrono::nanoseconds timeout,
                    AskOptions options = {});

  /// Waits until every message sent so far is applied and released. An owner that is closing
  /// applies what was sent before. Errc::timed_out; no_owner: the deadline passed without one;
  /// quarantined; closing: this writer is closed, or was evicted; forked.
  Result<void> wait_applied(time_point deadline);
  Result<void> wait_applied(std::chrono::nanoseconds timeout) {
    return wait_applied(deadline_after(timeout));
  }

  /// Waits like wait_applied, then leaves. Returns how many messages were not released (0: all
  /// applied); called again, the same number. Afterwards every call returns `closing`. In a forked
  /// child it only counts.
  std::uint64_t close(time_point deadline);
  std::uint64_t close(std::chrono::nanoseconds timeout) { return close(deadline_after(timeout)); }

  /// For event loops: readable when there may be room again, a reply, or the owner is gone; then
  /// call poll(). Stays the same. From the first call on, a try_send that returns `full` asks the
  /// owner to be woken when a part of the ring is free. While poll() says `no_owner` nothing can
  /// tell when the next one comes: call it now and then.
  int fd() noexcept;
  /// Takes note of wake-ups, of the owner's death, and (without a keeper) of a next owner. `sent`:
  /// all is well; else the status that a send would have. Does not block.
  SendStatus poll() noexcept;

  /// Longest message in bytes.
  std::size_t max_message() const noexcept;
  /// Sequence of the next message; equals the number of messages sent so far.
  std::uint64_t sequence() const noexcept;
  /// Messages whose ring bytes the owner has not given back yet. Walks the ring.
  std::uint64_t unreleased() const noexcept;
  const std::string& name() const noexcept;
  /// Which writer this is to its owner and to each next one: Message::writer_id().
  const WriterId& id() const noexcept;
  const WriterStats& stats() const noexcept;

 private:
  friend class Owner;
  friend class Claim;
  struct CORTADO_LOCAL Impl;
  explicit Writer(std::unique_ptr<Impl> impl) noexcept;

  static std::span<const std::byte> as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text.data(), text.size()));
  }
  static time_point deadline_after(std::chrono::nanoseconds timeout) noexcept;
  SendStatus try_send(std::span<const std::byte> message, std::uint16_t tag) noexcept;
  SendStatus send(std::span<const std::byte> message, std::uint16_t tag,
                  time_point deadline) noexcept;
  Result<std::vector<std::byte>> ask(std::span<const std::byte> message, std::uint16_t tag,
                                     time_point deadline, AskOptions options);

  std::uint16_t answer_tag() const noexcept;

  std::unique_ptr<Impl> impl_;
};

/// Room in the ring that is not yet published; one at a time per writer. A send, an ask, close, and
/// the loss of the owner give the room up; so does dropping the claim. Nothing is published then.
class CORTADO_API Claim {
 public:
  explicit operator bool() const noexcept { return status_ == SendStatus::sent; }
  /// Why there is no room; `sent` if there is.
  SendStatus status() const noexcept { return status_; }
  Claim* operator->() noexcept { return this; }

  /// Uninitialised ring memory: fill all of what you commit. It holds bytes of earlier messages of
  /// this writer, never another's.
  std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// Publishes all of bytes(), or the first `length` of them. Once. Does not block. `full`: the
  /// room was given up, claim anew; `too_large`: longer than bytes(); `quarantined`, `closing`: the
  /// owner ended this lane meanwhile; else the claim's own status.
  SendStatus commit() noexcept { return commit(bytes_.size()); }
  SendStatus commit(std::size_t length) noexcept;
  /// Gives the room back. Nothing was ever visible.
  void discard() noexcept { *this = Claim(SendStatus::full); }

 private:
  friend class Writer;
  explicit Claim(SendStatus status) noexcept : status_(status) {}
  Claim(Writer::Impl* writer, std::span<std::byte> bytes, std::uint16_t tag,
        std::uint64_t mark) noexcept
      : writer_(writer), bytes_(bytes), mark_(mark), tag_(tag), status_(SendStatus::sent) {}

  CORTADO_LOCAL SendStatus check(std::size_t length) noexcept;

  Writer::Impl* writer_ = nullptr;
  std::span<std::byte> bytes_;
  std::uint64_t mark_ = 0;  ///< of the writer, when the room was claimed
  std::uint16_t tag_ = 0;
  SendStatus status_;
};

}  // namespace cortado
