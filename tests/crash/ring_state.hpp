// Ring states for the crash points, and the judges of what a kill leaves of them. States are built
// by hand; judges are fresh peers that know what was sent and see only an image of the bytes.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "../support/mirrored_memory.hpp"
#include "../support/ring_bytes.hpp"
#include "ring/ring.hpp"

namespace cortado::test {

inline constexpr std::uint64_t kCapacity = ring::kMinCapacity;
inline constexpr std::uint64_t kMaxLength = ring::max_length(kCapacity);
inline constexpr std::uint64_t kFirstSequence = 250;  // its low byte wraps behind a few records

/// The page before the ring: what owner and writer say to each other beside it, and where the owner
/// puts what it took.
struct ControlPage {
  std::atomic<std::uint64_t> released;
  std::uint64_t copied_length;
  std::array<std::byte, 4080> copied;
};
static_assert(sizeof(ControlPage) == 4096);

/// How much of the ring is in use before the operation.
enum class Fill { empty, some, just_fits, one_word_short };

struct RingState {
  std::uint64_t start = 0;   ///< position of the first unreleased record
  Fill fill = Fill::empty;   ///< just_fits, one_word_short: for a record of `length`
  std::uint64_t length = 0;  ///< of the record that the operation sends
  bool stale = false;        ///< all other words are forged records of an earlier lap

  std::string name() const {
    static constexpr const char* kFills[] = {"empty", "some", "just fits", "one word short"};
    std::ostringstream text;
    text << kFills[static_cast<int>(fill)] << ", start " << start << ", length " << length
         << (stale ? ", stale words" : ", zeros");
    return text.str();
  }

  /// Every state of the table; a position near 2^64 passes it, one near the capacity wraps.
  static std::vector<RingState> all() {
    std::vector<RingState> states;
    for (const std::uint64_t start :
         {std::uint64_t{0}, 7 * kCapacity - 8, ~std::uint64_t{0} - 7, ~std::uint64_t{0} - 63}) {
      for (const Fill fill : {Fill::empty, Fill::some, Fill::just_fits, Fill::one_word_short}) {
        for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{8},
                                           std::uint64_t{100}, kMaxLength}) {
          if (length == kMaxLength && fill == Fill::just_fits) continue;  // an empty ring
          for (const bool stale : {false, true}) states.push_back({start, fill, length, stale});
        }
      }
    }
    return states;
  }

  /// Payload lengths of the records that stand unreleased in the ring.
  std::vector<std::uint64_t> earlier() const {
    if (fill == Fill::empty) return {};
    if (fill == Fill::some) return {0, 3, 24};
    const std::uint64_t needed = ring::record_bytes(length) + ring::kWordBytes;
    std::uint64_t used = kCapacity - needed + (fill == Fill::one_word_short ? 8 : 0);
    std::vector<std::uint64_t> lengths;
    for (std::uint64_t bytes; used != 0; used -= bytes) {
      bytes = std::min<std::uint64_t>(used, 808);
      lengths.push_back(bytes == 8 ? 0 : bytes - 8 - lengths.size() % 8);
    }
    return lengths;
  }
};

/// One ring in shared memory, in a given state, and the memory where its images are judged.
class RingUnderTest {
 public:
  /// Builds the state. Afterwards position() is where the operation's record goes.
  std::vector<std::span<std::byte>> build(const RingState& state) {
    state_ = state;
    earlier_.clear();
    for (const std::uint64_t length : state.earlier()) {
      earlier_.push_back(content(earlier_.size(), length));
    }
    const std::span<std::byte> bytes = shared_.ring_bytes();
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    if (state.stale) fill_with_forged_words(bytes, new_sequence() + 1);
    position_ = state.start;
    for (std::uint64_t i = 0; i < earlier_.size(); ++i) {
      position_ = put_record(bytes, position_, commit_for(i), earlier_[i]);
    }
    put_word(bytes, position_, 0);
    control().released.store(state.start);
    control().copied_length = 0;
    control().copied.fill(std::byte{0});
    payload_ = content(new_number(), state.length);
    return {shared_.bytes()};
  }

  bool fits() const {
    const std::uint64_t used = position_ - state_.start;
    return used + ring::record_bytes(state_.length) + ring::kWordBytes <= kCapacity;
  }
  ring::Producer producer() { return {shared_.ring(), kCapacity, position_, &control().released}; }
  ring::Consumer consumer() {
    return {shared_.ring(), kCapacity, state_.start, kFirstSequence, ring::flag::send_mask};
  }
  ControlPage& control() { return *reinterpret_cast<ControlPage*>(shared_.prefix()); }
  const Bytes& payload() const { return payload_; }
  ring::Commit new_commit() const { return commit_for(new_number()); }

  /// A kill of the writer: all earlier records intact, the new one whole or absent, nothing else;
  /// both roles can go on from there. `must_arrive`: the send was complete.
  std::string judge_send(std::span<const std::byte> image, bool must_arrive) {
    load(image);
    if (judged().released.load() != state_.start) return "the writer wrote the released word";
    ring::Consumer owner = successor(state_.start, kFirstSequence);
    for (std::uint64_t i = 0; i < earlier_.size(); ++i) {
      const std::string wrong = take(owner, i, earlier_[i]);
      if (!wrong.empty()) return wrong;
    }
    if (owner.pending()) {
      const std::string wrong = take(owner, new_number(), payload_);
      if (!wrong.empty()) return wrong;
    } else if (must_arrive) {
      return "the record of a complete send is absent";
    }
    return go_on(owner);
  }

  /// A kill of the owner that copies its first record and then releases it: what is released has
  /// been copied whole, what is not is still there, and both roles can go on.
  std::string judge_take(std::span<const std::byte> image, bool must_be_released) {
    load(image);
    const std::uint64_t released = judged().released.load();
    const std::uint64_t second = state_.start + ring::record_bytes(earlier_[0].size());
    if (released != state_.start && released != second) return "released word is neither";
    if (must_be_released && released != second) return "a complete take has not released";
    const std::uint64_t taken = released == second ? 1 : 0;
    if (taken == 1 && !copied_whole()) return "released before it was copied";
    ring::Consumer owner = successor(released, kFirstSequence + taken);
    for (std::uint64_t i = taken; i < earlier_.size(); ++i) {
      const std::string wrong = take(owner, i, earlier_[i]);
      if (!wrong.empty()) return wrong;
    }
    return go_on(owner);
  }

 private:
  static ring::Commit commit_for(std::uint64_t number) {
    return {0, static_cast<std::uint16_t>(number + 1),
            static_cast<std::uint8_t>(kFirstSequence + number), 0};
  }
  std::uint64_t new_number() const { return earlier_.size(); }
  std::uint64_t new_sequence() const { return kFirstSequence + new_number(); }
  ControlPage& judged() { return *reinterpret_cast<ControlPage*>(judged_.prefix()); }

  void load(std::span<const std::byte> image) {
    std::copy(image.begin(), image.end(), judged_.bytes().begin());
  }

  ring::Consumer successor(std::uint64_t position, std::uint64_t sequence) {
    return {judged_.ring(), kCapacity, position, sequence, ring::flag::send_mask};
  }

  bool copied_whole() {
    const Bytes& expected = earlier_[0];
    return judged().copied_length == expected.size() &&
           std::equal(expected.begin(), expected.end(), judged().copied.begin());
  }

  /// Takes the record with this number. Empty: it is there and whole.
  static std::string take(ring::Consumer& owner, std::uint64_t number, const Bytes& expected) {
    const std::string which = "record " + std::to_string(number);
    ring::Consumer::Record record;
    const ring::Peek peek = owner.peek(record);
    if (peek == ring::Peek::empty) return which + " is absent";
    if (peek == ring::Peek::fault) return which + " is refused";
    if (record.commit.length != expected.size() || record.commit.tag != commit_for(number).tag) {
      return which + " has another length or tag: something that was not sent";
    }
    if (!std::equal(expected.begin(), expected.end(), record.payload)) return which + " is torn";
    owner.take(record);
    return {};
  }

  /// Nothing stands behind what was taken; after its release a fresh writer can fill the ring.
  std::string go_on(ring::Consumer& owner) {
    if (owner.pending()) return "something that was not sent stands behind the last record";
    owner.release(owner.position());
    judged().released.store(owner.position());
    ring::Producer writer(judged_.ring(), kCapacity, owner.position(), &judged().released);
    const std::uint64_t number = owner.sequence() - kFirstSequence;
    if (!writer.write(largest_, commit_for(number))) {
      return "a fresh writer finds no room";
    }
    const std::string wrong = take(owner, number, largest_);
    if (!wrong.empty()) return "sent by a fresh writer: " + wrong;
    return owner.pending() ? "something stands behind what a fresh writer sent" : "";
  }

  MirroredMemory shared_{sizeof(ControlPage), kCapacity};
  MirroredMemory judged_{sizeof(ControlPage), kCapacity};
  RingState state_;
  std::vector<Bytes> earlier_;  ///< payloads that stand unreleased in the ring
  std::uint64_t position_ = 0;
  Bytes payload_;  ///< of the operation's record
  const Bytes largest_ = content(1000, kMaxLength);
};

}  // namespace cortado::test
