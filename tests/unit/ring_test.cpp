// Ring states built by hand; one function is called; the bytes are compared.
#include "ring/ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "../support/mirrored_memory.hpp"
#include "../support/ring_bytes.hpp"

namespace cortado::test {
namespace {

using ring::Commit;
using ring::Consumer;
using ring::Fault;
using ring::kWordBytes;
using ring::Peek;
using ring::Producer;
using ring::record_bytes;

constexpr std::uint64_t kCapacity = ring::kMinCapacity;
constexpr std::uint64_t kMaxLength = ring::max_length(kCapacity);
constexpr std::uint64_t kSequence = 0x1fe;  // its low byte is about to wrap

/// Start of the ring, middle, last word before the end, and just below 2^64.
constexpr std::array<std::uint64_t, 8> kPositions{0,
                                                  8,
                                                  2048,
                                                  4088,
                                                  3 * kCapacity + 4080,
                                                  ~std::uint64_t{0} - 7,
                                                  ~std::uint64_t{0} - 15,
                                                  ~std::uint64_t{0} - kCapacity + 1};
constexpr std::array<std::uint64_t, 9> kLengths{0, 1, 7, 8, 9, 15, 100, kMaxLength - 1, kMaxLength};

class Ring : public ::testing::Test {
 protected:
  std::byte* ring() { return memory_.ring(); }
  std::span<std::byte> bytes() { return memory_.ring_bytes(); }
  Bytes copy() { return {bytes().begin(), bytes().end()}; }

  /// Nothing is published at `position`; every other word is a forged record of an earlier lap.
  void empty_at(std::uint64_t position, std::uint64_t sequence = kSequence) {
    fill_with_forged_words(bytes(), sequence);
    put_word(bytes(), position, 0);
  }

  Producer producer(std::uint64_t position, std::uint64_t released) {
    released_.store(released);
    return {ring(), kCapacity, position, &released_};
  }

  Consumer consumer(std::uint64_t position) {
    return {ring(), kCapacity, position, kSequence, ring::flag::send_mask};
  }

  /// What the consumer says to this commit word at position 0 of an otherwise empty ring.
  Peek verdict(std::uint64_t word, Fault* fault, std::uint8_t allowed = ring::flag::send_mask) {
    put_word(bytes(), 0, word);
    Consumer judge(ring(), kCapacity, 0, kSequence, allowed);
    Consumer::Record record;
    const Peek peek = judge.peek(record);
    *fault = judge.fault();
    EXPECT_EQ(judge.position(), 0U);
    return peek;
  }

  MirroredMemory memory_{0, kCapacity};
  std::atomic<std::uint64_t> released_{0};
};

void expect_payload(const Consumer::Record& record, const Bytes& payload) {
  ASSERT_EQ(record.commit.length, payload.size());
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), record.payload));
}

TEST_F(Ring, is_empty_where_the_commit_word_is_zero_whatever_stands_elsewhere) {
  for (const std::uint64_t position : kPositions) {
    empty_at(position);
    Consumer reader = consumer(position);
    Consumer::Record record;
    EXPECT_FALSE(reader.pending());
    EXPECT_EQ(reader.peek(record), Peek::empty);
    EXPECT_EQ(reader.fault(), Fault::none);
    EXPECT_EQ(reader.position(), position);
  }
}

TEST_F(Ring, write_changes_commit_word_payload_and_terminator_and_no_other_byte) {
  for (const std::uint64_t position : kPositions) {
    for (const std::uint64_t length : kLengths) {
      SCOPED_TRACE(testing::Message() << "position " << position << " length " << length);
      empty_at(position);
      const Bytes payload = content(1, length);
      const Commit commit{0, 0x1234, 0xfe, ring::flag::ask};
      Bytes expected = copy();
      put_word(expected, put_record(expected, position, commit, payload), 0);

      Producer writer = producer(position, position);
      EXPECT_TRUE(writer.write(payload, commit));
      EXPECT_EQ(copy(), expected);
      EXPECT_EQ(writer.position(), position + record_bytes(length));
      EXPECT_EQ(writer.unreleased_bytes(), record_bytes(length));
    }
  }
}

TEST_F(Ring, peek_returns_a_record_built_by_hand_also_across_the_end) {
  for (const std::uint64_t position : kPositions) {
    for (const std::uint64_t length : kLengths) {
      SCOPED_TRACE(testing::Message() << "position " << position << " length " << length);
      empty_at(position, kSequence + 1);
      const Bytes payload = content(2, length);
      const std::uint64_t next = put_record(bytes(), position, {0, 0xffff, 0xfe, 0x81}, payload);
      put_word(bytes(), next, 0);
      const Bytes before = copy();

      Consumer reader = consumer(position);
      Consumer::Record record;
      EXPECT_TRUE(reader.pending());
      ASSERT_EQ(reader.peek(record), Peek::record);
      expect_payload(record, payload);
      EXPECT_EQ(record.next, next);
      EXPECT_EQ(record.commit.tag, 0xffff);
      EXPECT_EQ(record.commit.flags, 0x81);
      reader.take(record);
      EXPECT_EQ(reader.position(), next);
      EXPECT_EQ(reader.sequence(), kSequence + 1);
      EXPECT_EQ(reader.released(), position);
      EXPECT_EQ(reader.peek(record), Peek::empty);
      EXPECT_EQ(copy(), before);
    }
  }
}

TEST_F(Ring, takes_a_record_that_fills_it_exactly_and_refuses_one_word_less_room) {
  for (const std::uint64_t position : kPositions) {
    for (const std::uint64_t length : kLengths) {
      SCOPED_TRACE(testing::Message() << "position " << position << " length " << length);
      const Bytes payload = content(3, length);
      const std::uint64_t needed = record_bytes(length) + kWordBytes;
      empty_at(position);
      const Bytes before = copy();

      Producer refused = producer(position, position + needed - kCapacity - 8);
      EXPECT_EQ(refused.claim(length), nullptr);
      EXPECT_FALSE(refused.write(payload, {}));
      EXPECT_EQ(copy(), before);
      EXPECT_EQ(refused.position(), position);

      Producer writer = producer(position, position + needed - kCapacity);
      EXPECT_TRUE(writer.write(payload, {}));
      EXPECT_EQ(writer.unreleased_bytes(), kCapacity - kWordBytes);
      EXPECT_EQ(writer.claim(0), nullptr) << "the terminator's word is not room for a record";
    }
  }
}

TEST_F(Ring, full_becomes_writable_at_exactly_the_released_position_it_names) {
  for (const std::uint64_t position : kPositions) {
    Producer writer = producer(position, position - (kCapacity - kWordBytes));
    ASSERT_EQ(writer.claim(100), nullptr);
    const std::uint64_t needed = writer.needed_released(100);
    released_.store(needed - 8);
    EXPECT_EQ(writer.claim(100), nullptr);
    released_.store(needed);
    EXPECT_NE(writer.claim(100), nullptr);
    EXPECT_EQ(writer.released(), needed);
  }
}

TEST_F(Ring, counts_as_full_while_the_released_word_is_nonsense) {
  const std::uint64_t position = 5 * kCapacity;
  const std::uint64_t nonsense[] = {position + 1,
                                    position + 8,
                                    position + kCapacity,
                                    position - kCapacity - 1,
                                    position - kCapacity - 8,
                                    position + (std::uint64_t{1} << 63),
                                    0,
                                    ~std::uint64_t{0}};
  empty_at(position);
  const Bytes before = copy();
  for (const std::uint64_t released : nonsense) {
    SCOPED_TRACE(testing::Message() << "released " << released);
    Producer writer = producer(position, released);
    EXPECT_FALSE(writer.write({}, {}));
    EXPECT_GT(writer.unreleased_bytes(), kCapacity);
    EXPECT_EQ(copy(), before);
    released_.store(position);
    EXPECT_NE(writer.claim(kMaxLength), nullptr) << "sense returned";
  }
}

TEST_F(Ring, claim_changes_no_byte) {
  for (const std::uint64_t length : kLengths) {
    empty_at(4088);
    const Bytes before = copy();
    Producer writer = producer(4088, 4088);
    EXPECT_EQ(writer.claim(length), ring() + kCapacity);
    EXPECT_EQ(copy(), before);
    EXPECT_EQ(writer.position(), 4088U);
  }
}

TEST_F(Ring, commit_of_less_than_was_claimed_publishes_only_that) {
  empty_at(4080);
  Producer writer = producer(4080, 4080);
  std::byte* room = writer.claim(kMaxLength);
  ASSERT_NE(room, nullptr);
  fill_with_forged_words({room, kMaxLength}, kSequence + 1);
  const Bytes payload = content(4, 21);
  std::copy(payload.begin(), payload.end(), room);
  writer.commit({21, 0, 0xfe, 0});

  Consumer reader = consumer(4080);
  Consumer::Record record;
  ASSERT_EQ(reader.peek(record), Peek::record);
  expect_payload(record, payload);
  reader.take(record);
  EXPECT_EQ(reader.peek(record), Peek::empty);
}

TEST_F(Ring, shows_nothing_of_a_claim_that_was_filled_and_dropped) {
  empty_at(4080);
  Producer writer = producer(4080, 4080);
  fill_with_forged_words({writer.claim(kMaxLength), kMaxLength}, kSequence + 1);
  Consumer reader = consumer(4080);
  Consumer::Record record;
  EXPECT_EQ(reader.peek(record), Peek::empty);

  ASSERT_TRUE(writer.write(content(5, 3), {0, 0, 0xfe, 0}));
  ASSERT_EQ(reader.peek(record), Peek::record);
  expect_payload(record, content(5, 3));
  reader.take(record);
  EXPECT_EQ(reader.peek(record), Peek::empty);
}

TEST_F(Ring, never_delivers_bytes_of_an_earlier_lap_that_look_like_the_next_record) {
  for (const std::uint64_t position : kPositions) {
    for (const std::uint64_t length : kLengths) {
      SCOPED_TRACE(testing::Message() << "position " << position << " length " << length);
      empty_at(position, kSequence + 1);
      Producer writer = producer(position, position);
      ASSERT_TRUE(writer.write(content(6, length), {0, 0, 0xfe, 0}));
      Consumer reader = consumer(position);
      Consumer::Record record;
      ASSERT_EQ(reader.peek(record), Peek::record);
      reader.take(record);
      EXPECT_FALSE(reader.pending());
      ASSERT_EQ(reader.peek(record), Peek::empty);
    }
  }
}

TEST_F(Ring, refuses_each_flag_byte_that_the_direction_does_not_allow) {
  for (const std::uint8_t mask : {ring::flag::send_mask, ring::flag::reply_mask}) {
    for (unsigned flags = 0; flags < 256; ++flags) {
      SCOPED_TRACE(testing::Message() << "mask " << unsigned{mask} << " flags " << flags);
      const bool allowed = (flags & 0x80U) != 0 && (flags | mask) == mask;
      Fault fault{};
      const Peek peek =
          verdict(ring::pack({1, 0, 0xfe, static_cast<std::uint8_t>(flags)}), &fault, mask);
      EXPECT_EQ(peek, allowed ? Peek::record : Peek::fault);
      EXPECT_EQ(fault, allowed ? Fault::none : Fault::flags);
    }
  }
}

TEST_F(Ring, refuses_a_word_that_is_neither_zero_nor_committed) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    Fault fault{};
    EXPECT_EQ(verdict(std::uint64_t{1} << bit, &fault), Peek::fault) << "bit " << bit;
    EXPECT_EQ(fault, Fault::flags) << "bit " << bit;
  }
}

TEST_F(Ring, refuses_each_sequence_byte_but_the_one_that_follows) {
  for (unsigned sequence = 0; sequence < 256; ++sequence) {
    Fault fault{};
    const bool follows = sequence == (kSequence & 0xff);
    const Peek peek =
        verdict(ring::pack({1, 0, static_cast<std::uint8_t>(sequence), 0x80}), &fault);
    EXPECT_EQ(peek, follows ? Peek::record : Peek::fault) << sequence;
    EXPECT_EQ(fault, follows ? Fault::none : Fault::sequence) << sequence;
  }
}

TEST_F(Ring, refuses_a_record_longer_than_an_empty_ring_can_hold) {
  for (std::uint64_t length = 0; length <= 2 * kCapacity; ++length) {
    Fault fault{};
    const bool fits = length <= kMaxLength;
    const Peek peek =
        verdict(ring::pack({static_cast<std::uint32_t>(length), 0, 0xfe, 0x80}), &fault);
    ASSERT_EQ(peek, fits ? Peek::record : Peek::fault) << "length " << length;
    ASSERT_EQ(fault, fits ? Fault::none : Fault::length) << "length " << length;
  }
  for (const std::uint32_t length : {0x7fffffffU, 0x80000000U, 0x80000001U, 0xfffffff0U,
                                     0xfffffff7U, 0xfffffff8U, 0xffffffffU}) {
    Fault fault{};
    EXPECT_EQ(verdict(ring::pack({length, 0, 0xfe, 0x80}), &fault), Peek::fault) << length;
    EXPECT_EQ(fault, Fault::length) << length;
  }
}

TEST_F(Ring, refuses_a_record_that_would_reach_into_bytes_not_yet_released) {
  for (const std::uint64_t position : kPositions) {
    SCOPED_TRACE(testing::Message() << "position " << position);
    empty_at(position);
    const std::uint64_t second = put_record(bytes(), position, {0, 0, 0xfe, 0}, content(7, 1000));
    const std::uint64_t longest = kMaxLength - record_bytes(1000);
    for (const std::uint64_t length : {longest, longest + 1, longest + 8, kMaxLength}) {
      put_word(bytes(), second, ring::pack({static_cast<std::uint32_t>(length), 0, 0xff, 0x80}));
      Consumer reader = consumer(position);
      Consumer::Record record;
      ASSERT_EQ(reader.peek(record), Peek::record);
      reader.take(record);
      EXPECT_EQ(reader.peek(record), length == longest ? Peek::record : Peek::fault) << length;
      reader.release(second);
      EXPECT_EQ(reader.peek(record), Peek::record) << length;
    }
  }
}

TEST_F(Ring, delivers_again_after_rewind_what_was_not_released) {
  empty_at(4072);
  const std::uint64_t second = put_record(bytes(), 4072, {0, 0, 0xfe, 0}, content(8, 30));
  put_word(bytes(), put_record(bytes(), second, {0, 0, 0xff, 0}, content(9, 5)), 0);
  Consumer reader = consumer(4072);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [number, length] : {std::pair{8, 30}, std::pair{9, 5}}) {
      Consumer::Record record;
      ASSERT_EQ(reader.peek(record), Peek::record);
      expect_payload(
          record, content(static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(length)));
      reader.take(record);
    }
    reader.rewind(4072, kSequence);
  }
}

TEST(RingLayout, accepts_powers_of_two_from_one_page_to_two_gigabytes_as_capacity) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t capacity = std::uint64_t{1} << bit;
    EXPECT_EQ(ring::valid_capacity(capacity), bit >= 12 && bit <= 31) << capacity;
    EXPECT_FALSE(ring::valid_capacity(capacity | 8 | capacity >> 1)) << capacity;
  }
  EXPECT_FALSE(ring::valid_capacity(0));
}

TEST(RingLayout, pack_keeps_each_field_at_the_bits_of_the_picture) {
  EXPECT_EQ(ring::pack({0x11223344, 0x5566, 0x77, 0x88}), 0x8877556611223344U);
  EXPECT_EQ(ring::unpack(0x8877556611223344U).length, 0x11223344U);
  EXPECT_EQ(ring::unpack(0x8877556611223344U).tag, 0x5566U);
  EXPECT_EQ(ring::unpack(0x8877556611223344U).sequence, 0x77U);
  EXPECT_EQ(ring::unpack(0x8877556611223344U).flags, 0x88U);
}

}  // namespace
}  // namespace cortado::test
