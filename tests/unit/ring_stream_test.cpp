// Streams through the ring: against a model in one thread, and with a peer in another thread.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "../support/mirrored_memory.hpp"
#include "../support/ring_bytes.hpp"
#include "../support/seed.hpp"
#include "ring/ring.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;
using ring::Commit;
using ring::Consumer;
using ring::Peek;
using ring::Producer;
using ring::record_bytes;

constexpr std::uint64_t kCapacity = ring::kMinCapacity;
constexpr std::uint64_t kMaxLength = ring::max_length(kCapacity);
constexpr auto kWatchdog = 50s;

Commit commit_for(std::uint64_t number) {
  return {0, static_cast<std::uint16_t>(number * 31), static_cast<std::uint8_t>(number), 0};
}

/// Empty: whole and as sent. Otherwise what is wrong with the record.
std::string judge(const Consumer::Record& record, std::uint64_t number, std::uint64_t length) {
  const Bytes expected = content(number, length);
  if (record.commit.length != length) return "length " + std::to_string(record.commit.length);
  if (record.commit.tag != commit_for(number).tag) return "tag";
  if (!std::equal(expected.begin(), expected.end(), record.payload)) return "payload";
  return {};
}

/// A ring and a model of it: what was written and not taken, what was taken and not released.
class Modelled {
 public:
  explicit Modelled(std::uint64_t start) : released_(start) {
    producer_ = Producer(memory_.ring(), kCapacity, start, &released_);
    consumer_ = Consumer(memory_.ring(), kCapacity, start, 0, ring::flag::send_mask);
  }

  /// True if it was written. Model and ring must agree on whether it fits.
  bool write(std::uint64_t length) {
    const bool fits = used_ + record_bytes(length) + ring::kWordBytes <= kCapacity;
    const bool written = producer_.write(content(sent_, length), commit_for(sent_));
    EXPECT_EQ(written, fits) << "length " << length << " with " << used_ << " bytes in use";
    if (!written) return false;
    unread_.push_back(length);
    used_ += record_bytes(length);
    ++sent_;
    return true;
  }

  /// False if there was nothing to take.
  bool take() {
    Consumer::Record record;
    const Peek peek = consumer_.peek(record);
    EXPECT_EQ(peek, unread_.empty() ? Peek::empty : Peek::record) << "message " << taken_;
    if (peek != Peek::record || unread_.empty()) return false;
    EXPECT_EQ(judge(record, taken_, unread_.front()), "") << "message " << taken_;
    consumer_.take(record);
    unreleased_.push_back(unread_.front());
    unread_.pop_front();
    ++taken_;
    return true;
  }

  void release() {
    for (const std::uint64_t length : unreleased_) used_ -= record_bytes(length);
    unreleased_.clear();
    consumer_.release(consumer_.position());
    released_.store(consumer_.position(), std::memory_order_release);
  }

 private:
  MirroredMemory memory_{0, kCapacity};
  std::atomic<std::uint64_t> released_;
  Producer producer_;
  Consumer consumer_;
  std::deque<std::uint64_t> unread_;
  std::deque<std::uint64_t> unreleased_;
  std::uint64_t used_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t taken_ = 0;
};

TEST(RingStream, agrees_with_a_deque_for_every_length_and_any_order_of_calls) {
  std::mt19937_64 random(test::seed());
  Modelled ring(~std::uint64_t{0} - 300 * kCapacity + 1);  // passes 2^64 on the way
  std::vector<std::uint64_t> lengths;
  for (std::uint64_t length = 0; length <= kMaxLength; ++length) lengths.push_back(length);
  for (int i = 0; i < 20000; ++i) lengths.push_back(random() % 64);
  std::shuffle(lengths.begin(), lengths.end(), random);

  for (const std::uint64_t length : lengths) {
    while (!ring.write(length)) {
      while (random() % 8 != 0 && ring.take()) {
      }
      if (random() % 2 == 0) ring.release();
      ASSERT_FALSE(HasFailure());
    }
    if (random() % 4 == 0) ring.take();
    if (random() % 16 == 0) ring.release();
    ASSERT_FALSE(HasFailure());
  }
  while (ring.take()) {
  }
}

/// Every length twice, long and short ones mixed, so that many records stand in the ring as well
/// as one that fills it.
std::uint64_t stream_length(std::uint64_t number) {
  return number % 2 == 0 ? number / 2 % (kMaxLength + 1) : number % 41;
}

void write_stream(Producer producer, std::uint64_t messages, const std::atomic<bool>& stop) {
  for (std::uint64_t number = 0; number < messages; ++number) {
    const Bytes payload = content(number, stream_length(number));
    while (!producer.write(payload, commit_for(number))) {
      if (stop.load(std::memory_order_relaxed)) return;
      std::this_thread::yield();
    }
  }
}

/// Empty: every message arrived whole and in order. Otherwise the first thing that is wrong.
std::string read_stream(Consumer consumer, std::atomic<std::uint64_t>& released,
                        std::uint64_t messages) {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  const auto release = [&] {
    consumer.release(consumer.position());
    released.store(consumer.position(), std::memory_order_release);
  };
  for (std::uint64_t number = 0; number < messages;) {
    Consumer::Record record;
    const Peek peek = consumer.peek(record);
    if (peek == Peek::empty) {
      release();  // the next one may need the whole ring
      if (std::chrono::steady_clock::now() > deadline) return "watchdog: nothing arrives";
      std::this_thread::yield();
      continue;
    }
    const std::string where = "message " + std::to_string(number) + ": ";
    if (peek == Peek::fault) return where + "fault";
    const std::string wrong = judge(record, number, stream_length(number));
    if (!wrong.empty()) return where + wrong;
    consumer.take(record);
    ++number;
    if (number % 5 == 0) release();
  }
  Consumer::Record record;
  return consumer.peek(record) == Peek::empty ? "" : "something stands behind the last message";
}

TEST(RingStream, carries_every_length_whole_and_in_order_from_thread_to_thread) {
  constexpr std::uint64_t kMessages = 4 * (kMaxLength + 1);
  constexpr std::uint64_t kStart = ~std::uint64_t{0} - 1000 * kCapacity + 1;
  const MirroredMemory memory(0, kCapacity);
  std::atomic<std::uint64_t> released{kStart};
  std::atomic<bool> stop{false};

  std::thread writer(write_stream, Producer(memory.ring(), kCapacity, kStart, &released), kMessages,
                     std::cref(stop));
  const std::string wrong = read_stream(
      Consumer(memory.ring(), kCapacity, kStart, 0, ring::flag::send_mask), released, kMessages);
  stop.store(true);
  writer.join();
  EXPECT_EQ(wrong, "");
}

}  // namespace
}  // namespace cortado::test
