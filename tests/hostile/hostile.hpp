// A hostile writer, in its own process: joins as any, then stores what it likes where it likes.
//
// It keeps a position and a sequence of its own, as the owner does, so that it can go on correctly
// after an attack: that its next message arrives shows that the owner's private position has not
// moved; else its lane must have been quarantined.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "../support/inside.hpp"
#include "ring/layout.hpp"
#include "ring/ring.hpp"

namespace cortado::test {

/// What became of a hostile lane.
enum class Fate { goes_on, quarantined };

class Hostile {
 public:
  /// Joins; a process that cannot, ends.
  Hostile(const std::string& directory, const std::string& name)
      : writer_(join(directory, name)),
        memory_(inside(writer_).memory),
        position_(inside(writer_).there.position()) {}

  lane::LaneControl& control() const { return memory_->control(); }
  /// The page as bytes.
  std::byte* page() const { return reinterpret_cast<std::byte*>(&memory_->control()); }
  std::byte* ring() const { return memory_->ring(); }
  std::uint64_t capacity() const { return memory_->sizes().ring_bytes; }
  std::byte* reply_ring() const { return memory_->reply_ring(); }
  int doorbell() const { return inside(const_cast<Writer&>(writer_)).doorbell.get(); }
  int connection() const { return inside(const_cast<Writer&>(writer_)).connection.get(); }
  std::uint64_t position() const { return position_; }
  std::uint8_t sequence() const { return static_cast<std::uint8_t>(sequence_); }

  /// What stands at the position where the owner looks next.
  void publish_word(std::uint64_t word) const {
    ring::word_at(ring(), capacity(), position_).store(word, std::memory_order_release);
    ring_bell();
  }
  /// A record: `commit` as given, but for its `committed` bit, and these bytes.
  void put(ring::Commit commit, std::string_view bytes) {
    commit.length = static_cast<std::uint32_t>(bytes.size());
    commit.flags |= ring::flag::committed;
    const std::uint64_t next = position_ + ring::record_bytes(commit.length);
    ring::word_at(ring(), capacity(), next).store(0, std::memory_order_relaxed);
    std::ranges::copy(std::as_bytes(std::span(bytes)),
                      ring() + (position_ & (capacity() - 1)) + ring::kWordBytes);
    publish_word(ring::pack(commit));
    position_ = next;
    ++sequence_;
  }
  /// A message as an honest writer sends it.
  void put_honest(std::string_view bytes) { put({0, 0, sequence(), 0}, bytes); }
  /// The owner was led to believe in a record of that length.
  void step_over(std::uint64_t length) {
    position_ += ring::record_bytes(length);
    ++sequence_;
  }

  void ring_bell() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(doorbell(), &one, sizeof one);
  }
  bool quarantined() const {
    return (control().owner_state.load() & lane::owner_state::quarantined) != 0;
  }
  bool hung_up() const {
    pollfd state{connection(), 0, 0};
    return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
  }
  /// Waits until the owner has applied all up to our position, or ended the lane.
  Fate fate() const {
    for (;;) {
      if (control().released.load(std::memory_order_acquire) == position_) return Fate::goes_on;
      if (hung_up()) return Fate::quarantined;
      ::sched_yield();
    }
  }

 private:
  static Writer join(const std::string& directory, const std::string& name) {
    JoinOptions options;
    options.directory = directory;
    options.name = name;
    options.timeout = std::chrono::seconds(60);
    auto writer = Writer::join("arena", options);
    if (writer) return std::move(*writer);
    std::fprintf(stderr, "hostile: %s\n", writer.error().text.c_str());
    std::_Exit(9);
  }

  Writer writer_;
  std::shared_ptr<lane::LaneMemory> memory_;
  std::uint64_t position_;
  std::uint64_t sequence_ = 0;
};

}  // namespace cortado::test
