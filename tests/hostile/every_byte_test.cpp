// Every byte of a lane's control page and of a commit word takes every value, while nobody moves:
// all in one process, so that it can be quick, and a sanitizer sees each read of the owner.
//
// After each value: the owner has returned; the honest lane's message came; the owner's private
// position stands behind what it took; and the damaged lane's next message either came, or the lane
// is condemned. Then the page is put back to what the owner believes, for the next value.
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../support/estate.hpp"
#include "../support/fault.hpp"
#include "../unit/temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

/// What a writer's bytes may be mistaken for ends here.
constexpr std::size_t kUsedBytes = offsetof(lane::LaneControl, reply_released) + 8;

OwnerOptions small_rings(const std::string& directory) {
  OwnerOptions options;
  options.directory = directory;
  options.ring_bytes = options.reply_bytes = ring::kMinCapacity;
  options.spin = 0ns;
  return options;
}

/// An owner of this process, an honest writer, and one whose memory is damaged.
template <class AnyOwner>
class Damaged {
 public:
  explicit Damaged(AnyOwner owner) : owner_(std::move(owner)), honest_(made()) { renew(); }

  lane::LaneControl& control() { return inside(*victim_).memory->control(); }
  std::byte* page() { return reinterpret_cast<std::byte*>(&control()); }
  owner::OwnerLane& lane() { return *lane_; }
  Writer& victim() { return *victim_; }

  /// The commit word at which the owner looks next.
  std::atomic_ref<std::uint64_t> next_word() {
    return ring::word_at(lane_->memory->ring(), ring::kMinCapacity, lane_->there.position());
  }

  /// A fresh lane in place of the damaged one.
  void renew() {
    victim_.reset();
    owner_.wait(0ns);
    drain();
    victim_.emplace(made());
    lane_ = inside(owner_).lanes.back();
    std::memcpy(clean_.data(), page(), clean_.size());
  }
  /// What stands in the page becomes what the owner believes.
  void repair() {
    std::memcpy(page(), clean_.data(), clean_.size());
    control().released.store(lane_->there.released());
    control().in_hand.store(lane_->there.position());
    control().reply_released.store(lane_->back.position());
    // The writer is honest again, too.
    auto& parts = inside(*victim_);
    parts.there = ring::Producer(lane_->memory->ring(), ring::kMinCapacity, lane_->there.position(),
                                 &control().released);
    parts.sequence = lane_->there.sequence();
  }
  bool condemned() {
    for (const auto* each : inside(owner_).lanes) {
      if (each == lane_) return each->condemned;
    }
    return true;  // and gone
  }
  /// Handles what waits; the number of messages of (honest, victim).
  std::pair<int, int> drain() {
    std::pair<int, int> seen;
    const auto handler = [&](const Message& message, auto&...) {
      ++(message.writer() == honest_.name() ? seen.first : seen.second);
      if (message.is_ask()) static_cast<void>(message.reply("answer"));
    };
    owner_.drain(handler);
    if constexpr (requires { owner_.state(); }) return seen;
    if (inside(owner_).options.manual_release) owner_.release_all();
    return seen;
  }
  bool honest_comes() {
    return honest_.try_send("honest") == SendStatus::sent && drain().first == 1;
  }
  void sleep() { owner_.wait(0ns); }

 private:
  Writer made() {
    auto writer = owner_.make_writer();
    if (!writer) std::abort();
    return std::move(*writer);
  }

  AnyOwner owner_;
  Writer honest_;
  std::optional<Writer> victim_;
  owner::OwnerLane* lane_ = nullptr;
  std::array<std::byte, lane::kPageBytes> clean_{};
};

/// The record that an honest writer would put next, by hand: the page says nothing to it.
template <class AnyOwner>
std::uint64_t put_next(Damaged<AnyOwner>& damaged, std::uint8_t flags) {
  auto& lane = damaged.lane();
  const std::uint64_t position = lane.there.position();
  std::byte* ring = lane.memory->ring();
  const std::uint64_t next = position + ring::record_bytes(16);
  ring::word_at(ring, ring::kMinCapacity, next).store(0);
  const ring::AskPrefix prefix{64, 0};
  std::memcpy(ring + (position & (ring::kMinCapacity - 1)) + 8, &prefix, sizeof prefix);
  damaged.next_word().store(ring::pack({16, 0, static_cast<std::uint8_t>(lane.there.sequence()),
                                        static_cast<std::uint8_t>(ring::flag::committed | flags)}));
  return next;
}

template <class AnyOwner>
void damage_page(AnyOwner owner, Fault& fault) {
  Damaged damaged(std::move(owner));
  for (std::size_t at = 0; at < lane::kPageBytes; ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      damaged.page()[at] = static_cast<std::byte>(value);
      fault.fired();
      if (at < kUsedBytes) damaged.sleep();
      // By turns a message and an ask: the answer looks at other fields.
      const std::uint64_t next = put_next(damaged, value % 2 == 0 ? 0 : ring::flag::ask);
      ASSERT_EQ(damaged.drain().second, 1) << "byte " << at << " = " << value;
      ASSERT_EQ(damaged.lane().there.position(), next) << "byte " << at << " = " << value;
      if (at < kUsedBytes) {
        ASSERT_TRUE(damaged.honest_comes()) << "byte " << at << " = " << value;
      }
      ASSERT_FALSE(damaged.condemned());
      damaged.repair();
    }
  }
}

/// Plain, by hand, with a kept state: each has a release of its own.
TEST(EveryHeaderByte, of_the_control_page_moves_no_position_and_stops_no_lane) {
  Fault fault("every-header-byte");
  const TemporaryDirectory directory;
  damage_page(std::move(*Owner::open("plain", small_rings(directory.path()))), fault);
  OwnerOptions by_hand = small_rings(directory.path());
  by_hand.manual_release = true;
  damage_page(std::move(*Owner::open("by-hand", by_hand)), fault);
  damage_page(std::move(*Owner::open<std::uint64_t>("state", small_rings(directory.path()))),
              fault);
  std::printf("%llu values of the page\n", static_cast<unsigned long long>(fault.count()));
}

/// Commit words from which one byte is changed: nothing there, a message, a long one, an ask.
std::vector<std::uint64_t> base_words(std::uint8_t sequence) {
  const auto flags = [](int more) {
    return static_cast<std::uint8_t>(ring::flag::committed | more);
  };
  return {0, ring::pack({16, 0, sequence, flags(0)}), ring::pack({4000, 7, sequence, flags(0)}),
          ring::pack({16, 0, sequence, flags(ring::flag::ask)})};
}

template <class AnyOwner>
void damage_word(AnyOwner owner, Fault& fault) {
  Damaged damaged(std::move(owner));
  std::uint64_t condemned = 0;
  for (unsigned byte = 0; byte < 8; ++byte) {
    for (std::uint64_t value = 0; value < 256; ++value) {
      for (std::size_t base = 0; base < 4; ++base) {
        SCOPED_TRACE("byte " + std::to_string(byte) + " = " + std::to_string(value) + " of base " +
                     std::to_string(base));
        const std::uint64_t position = damaged.lane().there.position();
        const auto sequence = static_cast<std::uint8_t>(damaged.lane().there.sequence());
        const std::uint64_t word =
            (base_words(sequence)[base] & ~(std::uint64_t{0xff} << (8 * byte))) | value
                                                                                      << (8 * byte);
        damaged.next_word().store(word);
        fault.fired();
        damaged.sleep();
        const int seen = damaged.drain().second;
        ASSERT_TRUE(damaged.honest_comes());
        if (damaged.condemned()) {
          ++condemned;
          ASSERT_EQ(seen, 0);
          damaged.renew();
          continue;
        }
        const ring::Commit commit = ring::unpack(word);
        ASSERT_EQ(seen, word == 0 ? 0 : 1);
        ASSERT_EQ(damaged.lane().there.position(),
                  position + (word == 0 ? 0 : ring::record_bytes(commit.length)));
        ASSERT_EQ(word != 0 && commit.sequence != sequence, false);
        // What was taken for a record ended somewhere: nothing stands there, and the next comes.
        const std::uint64_t next = put_next(damaged, 0);
        ASSERT_EQ(damaged.drain().second, 1);
        ASSERT_EQ(damaged.lane().there.position(), next);
        std::memset(damaged.lane().memory->ring(), 0, ring::kMinCapacity);
        damaged.repair();
      }
    }
  }
  EXPECT_GT(condemned, 0U);
  std::printf("%llu words condemned\n", static_cast<unsigned long long>(condemned));
}

TEST(EveryHeaderByte, of_a_commit_word_is_legal_or_condemns_its_lane) {
  Fault fault("every-header-byte");
  const TemporaryDirectory directory;
  damage_word(std::move(*Owner::open("plain", small_rings(directory.path()))), fault);
  damage_word(std::move(*Owner::open<std::uint64_t>("state", small_rings(directory.path()))),
              fault);
  std::printf("%llu commit words\n", static_cast<unsigned long long>(fault.count()));
}

/// A lane as it is handed to a successor: three messages, the first of them applied; a reply.
class Inherited {
 public:
  Inherited() : estate_(0) { reset(); }

  Estate& estate() { return estate_; }
  /// Positions of the records; the last is where the next one goes.
  static constexpr std::array<std::uint64_t, 4> kAt{64, 88, 112, 136};

  void reset() {
    estate_.begin({kAt[1], 6});
    estate_.kept_lane().in_hand.store(kAt[2]);
    put(kAt[1], 6, 0);
    put(kAt[2], 7, 0);
    // An answer that stands in the ring, and in nobody's count.
    const ring::ReplyPrefix prefix{5};
    std::memcpy(estate_.reply_ring() + kAt[1] + 8, &prefix, sizeof prefix);
    ring::word_at(estate_.reply_ring(), Estate::kRingBytes, kAt[1])
        .store(ring::pack({sizeof prefix, 0, 0, ring::flag::committed}));
  }
  /// A record of 16 bytes that could be an ask of 8.
  void put(std::uint64_t position, std::uint8_t sequence, std::uint8_t flags) {
    const ring::AskPrefix prefix{64, 0};
    std::memcpy(estate_.ring().data() + position + 8, &prefix, sizeof prefix);
    ring::word_at(estate_.ring().data(), Estate::kRingBytes, position)
        .store(ring::pack(
            {16, 0, sequence, static_cast<std::uint8_t>(ring::flag::committed | flags)}));
  }

  /// What a successor makes of it; empty if it is as promised.
  std::string judge(bool may_be_condemned) {
    estate_.hand_over();
    auto owner = Owner::open(Estate::kName);
    if (!owner) return owner.error().text;
    auto& lanes = inside(*owner).lanes;
    if (lanes.empty()) return "the lane was given up";
    const auto handler = [](const Message& message) {
      if (message.is_ask()) static_cast<void>(message.reply("answer"));
    };
    std::size_t handled = 0;
    for (int i = 0; i < 3; ++i) handled += owner->drain(handler);
    if (lanes.empty() || lanes[0]->condemned) {
      return may_be_condemned ? "" : "the lane was condemned";
    }
    const std::uint64_t position = lanes[0]->there.position();
    if (!may_be_condemned && (handled != 2 || position != kAt[3])) {
      return std::to_string(handled) + " handled, position " + std::to_string(position);
    }
    // The next one comes, as an ask: its answer goes where the last answers ended.
    if (position > Estate::kRingBytes - 64) return "";
    ring::word_at(estate_.ring().data(), Estate::kRingBytes, position + 24).store(0);
    put(position, static_cast<std::uint8_t>(lanes[0]->there.sequence()), ring::flag::ask);
    if (owner->drain(handler) != 1) return "the next message did not come";
    if (lanes.empty() || lanes[0]->there.position() != position + 24) return "a wrong position";
    owner->wait(0ns);
    return "";
  }

 private:
  Estate estate_;
};

TEST(EveryHeaderByte, of_the_control_page_leaves_a_successor_at_its_own_position) {
  Fault fault("every-header-byte");
  Inherited inherited;
  for (std::size_t at = 0; at < kUsedBytes; ++at) {
    // Between the fields nobody looks; two values show it.
    const bool field = at < 48 || (at >= 256 && at < 264) || (at >= 384 && at < 392) ||
                       (at >= 512 && at < 528) || at >= 640;
    for (unsigned value = 0; value < 256; value += field ? 1 : 0xff) {
      inherited.reset();
      reinterpret_cast<std::byte*>(&inherited.estate().control())[at] =
          static_cast<std::byte>(value);
      fault.fired();
      ASSERT_EQ(inherited.judge(false), "") << "byte " << at << " = " << value;
    }
  }
  std::printf("%llu values of the page\n", static_cast<unsigned long long>(fault.count()));
}

TEST(EveryHeaderByte, of_a_commit_word_is_legal_or_condemns_its_lane_for_a_successor) {
  Fault fault("every-header-byte");
  Inherited inherited;
  // The words of a message in hand, of the one after it, of the reply, and the reply's number.
  for (unsigned word = 0; word < 4; ++word) {
    for (unsigned byte = 0; byte < 8; ++byte) {
      for (unsigned value = 0; value < 256; ++value) {
        inherited.reset();
        std::byte* const ring = inherited.estate().ring().data();
        std::byte* const reply = inherited.estate().reply_ring();
        constexpr auto kAt = Inherited::kAt;
        std::byte* const words[] = {ring + kAt[1], ring + kAt[2], reply + kAt[1],
                                    reply + kAt[1] + 8};
        words[word][byte] = static_cast<std::byte>(value);
        fault.fired();
        ASSERT_EQ(inherited.judge(word < 2), "")
            << "word " << word << " byte " << byte << " = " << value;
      }
    }
  }
  std::printf("%llu words\n", static_cast<unsigned long long>(fault.count()));
}

}  // namespace
}  // namespace cortado::test
