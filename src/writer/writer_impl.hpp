// Writer::Impl: the parts of a writer, and which file has which of its functions.
//
//   send.cpp     claim, copy, publish, ring the doorbell: the hot path
//   wait.cpp     sleep for space, a reply, a release; see the owner die
//   join.cpp     Hello and Welcome; the next owner, and what it must be given again
//   ask.cpp      questions and their answers
//   writer.cpp   the public class: thin
#pragma once

#include <cortado/writer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lane/handshake.hpp"
#include "lane/rendezvous.hpp"
#include "lane/segment.hpp"
#include "os/descriptor.hpp"
#include "os/poller.hpp"
#include "ring/ring.hpp"

namespace cortado {

struct Writer::Impl {
  using clock = std::chrono::steady_clock;

  /// A lane whose owner died: its records from `position` on go to the next owner first.
  struct Backlog {
    std::shared_ptr<lane::LaneMemory> memory;
    std::uint64_t position = 0;  ///< of the next record to hand over
    std::uint64_t end = 0;       ///< behind the last
    std::uint64_t in_hand = 0;   ///< records before it may have been handled
  };

  /// An ask that has no answer yet, and the ring bytes that are kept free for it.
  struct Asked {
    std::uint64_t sequence = 0;
    std::uint64_t credit = 0;
  };

  enum class Awaits : std::uint8_t { space, reply };

  // join.cpp
  static Result<std::unique_ptr<Impl>> join(std::string_view owner, JoinOptions options);
  static Result<lane::Hello> make_hello(const JoinOptions& options);
  static Result<Writer> attach_here(std::string owner, JoinOptions options, std::string name,
                                    const WriterId& id, std::shared_ptr<lane::LaneMemory> memory,
                                    os::Descriptor doorbell, os::Descriptor connection,
                                    os::Descriptor owner_process);
  static Result<std::unique_ptr<Impl>> prepare(std::string owner, JoinOptions options);
  Result<void> knock();
  Result<bool> hear_welcome();
  Result<void> check_welcome(const lane::Welcome& welcome, ssize_t received,
                             std::size_t descriptors) const;
  Result<void> enter(std::shared_ptr<lane::LaneMemory> memory, os::Descriptor bell,
                     os::Descriptor socket, os::Descriptor process);
  void lose_owner();
  bool find_next_owner(clock::time_point deadline);
  bool try_next_owner() noexcept;
  bool hand_over_backlog();
  bool copy_backlog();

  // send.cpp
  SendStatus check() noexcept;
  bool may_surely_send() const noexcept;
  SendStatus try_send(std::span<const std::byte> message, std::uint16_t tag) noexcept;
  SendStatus try_send_unusual(std::span<const std::byte> message, std::uint16_t tag) noexcept;
  SendStatus send(std::span<const std::byte> message, std::uint16_t tag,
                  clock::time_point deadline) noexcept;
  SendStatus send_later(std::span<const std::byte> message, std::uint16_t tag,
                        clock::time_point deadline, SendStatus status) noexcept;
  std::byte* claim(std::size_t length, SendStatus& status) noexcept;
  std::byte* claim_unusual(std::size_t length, SendStatus& status) noexcept;
  std::byte* claim_until(std::size_t length, clock::time_point deadline,
                         SendStatus& status) noexcept;
  void publish(std::size_t length, std::uint16_t tag, std::uint8_t flags) noexcept;
  SendStatus sent(std::size_t length) noexcept;
  SendStatus ring_if_armed() noexcept;
  SendStatus ring_doorbell(std::uint64_t sleep_number) noexcept;
  /// Changes when claimed room is claimed no longer: with every message sent, and every owner lost.
  std::uint64_t claim_mark() const noexcept { return closed ? 0 : 1 + sequence + losses; }
  SendStatus no_room(std::size_t length) noexcept;
  void ask_to_be_woken(std::uint64_t position) noexcept;

  // wait.cpp
  std::uint64_t release_needed(std::size_t length) const noexcept;
  bool wait_for_release(std::uint64_t position, clock::time_point deadline,
                        bool while_closing = false) noexcept;
  bool sleep(clock::time_point deadline) noexcept;
  void give_back_wakeup() noexcept;
  bool owner_gone() noexcept;
  bool ended() const noexcept;
  bool owner_lost() noexcept;
  void swallow_wakeup() noexcept;
  SendStatus trouble() noexcept;
  Result<void> wait_applied(clock::time_point deadline);
  std::uint64_t close(clock::time_point deadline);
  SendStatus poll() noexcept;
  static std::uint64_t records_between(const lane::LaneMemory& lane, std::uint64_t from,
                                       std::uint64_t to) noexcept;
  std::uint64_t unreleased() const noexcept;
  void leave() noexcept;

  // ask.cpp
  Result<std::vector<std::byte>> ask(std::span<const std::byte> message, std::uint16_t tag,
                                     clock::time_point deadline, AskOptions options);
  Result<void> put_ask(std::span<const std::byte> message, std::uint16_t tag,
                       clock::time_point deadline, AskOptions options);
  bool take_reply(std::uint64_t sequence, Result<std::vector<std::byte>>& answer);
  std::uint64_t back_capacity() const noexcept {
    return memory == nullptr ? 0 : memory->sizes().reply_bytes;
  }
  Error sending_error(SendStatus status, const char* attempted) const;

  ~Impl();

  // Used by every send.
  ring::Producer there;
  lane::LaneControl* control = nullptr;
  std::uint64_t epoch = 0;     ///< process_epoch() at join: differs in a forked child
  std::uint64_t sequence = 0;  ///< of the next message
  std::uint64_t max_length = 0;
  std::uint64_t rung = 0;     ///< the sleep (arm number) the doorbell was rung for last
  bool usable = false;        ///< has an owner, is not closed, has no backlog
  bool fenced = false;        ///< the owner's barrier does not reach this process
  bool loop_mode = false;     ///< fd() was called
  bool wakeup_taken = false;  ///< by a call that waited
  WriterStats stats;

  std::string owner;
  std::string name;
  WriterId id;  ///< zero before the first join
  JoinOptions options;
  std::uint32_t lane_id = 0;
  bool keeper = false;  ///< the lane outlives its owner: wait for the next one
  bool closed = false;
  bool lost = false;      ///< the owner is gone and there is no next one yet
  bool poisoned = false;  ///< no owner takes what this writer has to hand over

  std::shared_ptr<lane::LaneMemory> memory;
  ring::Consumer back;
  os::Descriptor doorbell;
  os::Descriptor connection;
  os::Descriptor owner_process;
  os::Descriptor self_event;  ///< makes fd() readable if there is room after all
  os::Poller poller;

  os::Descriptor knocking;  ///< a connection whose Welcome has not come yet
  Door door;                ///< that it went through
  std::deque<Backlog> backlog;
  std::uint64_t failed_sequence = 0;  ///< the message that the last owner to fail was handling
  std::uint32_t attempts = 0;         ///< owners that failed there
  std::uint64_t losses = 0;           ///< owners lost: room claimed before is gone
  std::uint64_t left_behind = 0;      ///< what close returned

  std::uint16_t answer_tag = 0;  ///< of the last answer
  std::deque<Asked> asked;
  std::uint64_t credit = 0;  ///< sum over `asked`
  std::uint32_t reply_ticket = 0;
  unsigned fulls = 0;  ///< in a row, since the owner was last looked at
};

}  // namespace cortado
