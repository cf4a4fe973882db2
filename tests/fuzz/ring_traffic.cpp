// ring::Producer and ring::Consumer with each other, over bytes of earlier laps that a writer
// chose.
//
// Input: where both begin, and operations of four bytes each: a kind and a length. All payloads,
// and the ring before the first of them, consist of words each of which would be accepted as the
// next record, were it not for the terminator.
//
// Invariants:
//   - the consumer gets exactly what was committed, whole and in order, and nothing else: behind
//   the
//     last committed record stands a zero word, whatever was there before;
//   - there is room for a message exactly if it fits, with a word behind it, into what is not
//     unreleased;
//   - claimed room lies in the mapping, also if the consumer's word is nonsense: then there is
//   none,
//     or what the word's own arithmetic allows.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../support/mirrored_memory.hpp"
#include "ring/ring.hpp"
#include "target.hpp"

CORTADO_UNWATCHED_BEGIN
namespace cortado::fuzz {
namespace {

constexpr std::uint64_t kCapacity = ring::kMinCapacity;

struct Plan {
  std::uint64_t first = 0;
  std::uint64_t number = 0;
  std::uint64_t nonsense = 0;  ///< what a hostile consumer says it has released
};

struct Operation {
  enum Kind : std::uint8_t { write, commit, consume, release, lie, kinds };
  std::uint8_t kind = 0;
  std::uint8_t less = 0;  ///< bytes that are claimed and not committed; records to consume
  std::uint16_t length = 0;
};
static_assert(sizeof(Operation) == 4);
constexpr std::size_t kMaxOperations = 40;

class Traffic {
 public:
  Traffic(std::byte* memory, const Plan& plan)
      : memory_(memory),
        sequence_(plan.number),
        released_{plan.first & ~std::uint64_t{7}},
        producer_(memory, kCapacity, released_, &released_),
        consumer_(memory, kCapacity, released_, plan.number, ring::flag::send_mask) {
    forge(memory, kCapacity);
    // Whoever makes a ring makes it of zeros: there is a terminator.
    const std::uint64_t zero = 0;
    std::memcpy(memory + released_ % kCapacity, &zero, sizeof zero);
  }

  void put(const Operation& operation, bool less) {
    const std::uint64_t length = operation.length % (ring::max_length(kCapacity) + 1);
    std::byte* room = producer_.claim(length);
    const std::uint64_t unreleased = producer_.position() - released_;
    require((room != nullptr) == (unreleased + ring::record_bytes(length) + 8 <= kCapacity),
            "there is room exactly if a message fits");
    if (room == nullptr) return;
    require(room == memory_ + producer_.position() % kCapacity + 8 &&
                room + length <= memory_ + 2 * kCapacity,
            "claimed room lies in the mapping");
    forge(room, length);
    const std::uint64_t dropped = less && length != 0 ? operation.less % length : 0;
    if (less && operation.less == 255) return;  // claimed, filled, and never committed
    sent_[(sequence_ + waiting_) % kMaxWaiting] = length - dropped;
    ++waiting_;
    producer_.commit({static_cast<std::uint32_t>(length - dropped), 3,
                      static_cast<std::uint8_t>(sequence_ + waiting_ - 1), 0});
  }

  void consume(std::uint64_t records) {
    for (; records != 0; --records) {
      ring::Consumer::Record record;
      const ring::Peek peek = consumer_.peek(record);
      if (waiting_ == 0) {
        require(peek == ring::Peek::empty, "behind the last committed record there is nothing");
        return;
      }
      require(peek == ring::Peek::record, "what is committed is there");
      require(record.commit.length == sent_[sequence_ % kMaxWaiting] && record.commit.tag == 3,
              "what is committed is whole and in order");
      consumer_.take(record);
      ++sequence_;
      --waiting_;
    }
    require(consumer_.pending() == (waiting_ != 0), "what is pending is what was not consumed");
  }

  void release() {
    consumer_.release(consumer_.position());
    released_.store(consumer_.position());
  }

  /// The consumer's word is nonsense for a moment.
  void lie(std::uint64_t nonsense, std::uint64_t length) {
    length %= ring::max_length(kCapacity) + 1;
    const std::uint64_t truth = released_.exchange(nonsense);
    producer_.refresh();
    const std::byte* room = producer_.claim(length);
    const std::uint64_t used = producer_.position() - nonsense;
    require(room == nullptr || (used <= kCapacity && room >= memory_ + 8 &&
                                room + length <= memory_ + 2 * kCapacity),
            "nonsense gives no room outside of the mapping");
    released_.store(truth);
    producer_.refresh();
  }

 private:
  static constexpr std::size_t kMaxWaiting = 1024;  // more than a ring can hold

  /// Words that look like the records that come next.
  void forge(std::byte* at, std::uint64_t length) const {
    for (std::uint64_t i = 0; i < length; i += 8) {
      const auto number = static_cast<std::uint8_t>(sequence_ + waiting_ + (i / 8) % 2);
      const std::uint64_t word = ring::pack({0, 9, number, ring::flag::committed});
      std::memcpy(at + i, &word, length - i < 8 ? static_cast<std::size_t>(length - i) : 8);
    }
  }

  std::byte* memory_;
  std::uint64_t sequence_;           // of the next record to consume
  std::uint64_t waiting_ = 0;        // committed and not consumed
  std::uint64_t sent_[kMaxWaiting];  // their lengths
  std::atomic<std::uint64_t> released_;
  ring::Producer producer_;
  ring::Consumer consumer_;
};

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static const cortado::test::MirroredMemory memory(0, kCapacity);
  Choices input(data, size);
  const Plan plan = input.take<Plan>();
  Traffic traffic(memory.ring(), plan);
  for (std::size_t i = 0; i < kMaxOperations && !input.empty(); ++i) {
    const auto operation = input.take<Operation>();
    switch (operation.kind % Operation::kinds) {
      case Operation::write:
        traffic.put(operation, false);
        break;
      case Operation::commit:
        traffic.put(operation, true);
        break;
      case Operation::consume:
        traffic.consume(1 + operation.less % 8U);
        break;
      case Operation::release:
        traffic.release();
        break;
      default:
        traffic.lie(plan.nonsense, operation.length);
        break;
    }
  }
  traffic.consume(~std::uint64_t{0});
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado::fuzz;
  Random random(seed);
  Choices input(data, size);
  Plan plan = input.take<Plan>();
  Operation operations[kMaxOperations];
  std::size_t count = 0;
  while (count < kMaxOperations && !input.empty()) operations[count++] = input.take<Operation>();

  const std::uint64_t position = plan.first & ~std::uint64_t{7};
  if (size == 0 || random.one_in(16)) plan.first = edge(random);
  if (size == 0 || random.one_in(16)) plan.number = edge(random);
  if (size == 0 || random.one_in(8)) {
    plan.nonsense = random.one_in(2) ? edge(random) : position + random.below(3 * kCapacity);
  }
  if (count != 0 && random.one_in(4)) operations[random.below(count)] = operations[count - 1];
  for (std::uint64_t n = 1 + random.below(4); n != 0; --n) {
    if (count != 0 && random.one_in(3)) --count;
    if (count == kMaxOperations) break;
    constexpr std::uint16_t kLengths[] = {0, 1, 7, 8, 9, 100, 128, 129, 1000, 2000, 4080};
    const auto any = static_cast<std::uint16_t>(random.below(4081));
    operations[count++] = {static_cast<std::uint8_t>(random.below(Operation::kinds)),
                           static_cast<std::uint8_t>(random()),
                           random.one_in(2) ? random.of(kLengths) : any};
  }
  if (max < sizeof plan) return 0;
  count = std::min(count, (max - sizeof plan) / sizeof(Operation));
  std::memcpy(data, &plan, sizeof plan);
  std::memcpy(data + sizeof plan, operations, count * sizeof(Operation));
  return sizeof plan + count * sizeof(Operation);
}
CORTADO_UNWATCHED_END
