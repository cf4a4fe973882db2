// ring::Consumer on the ring of a hostile producer.
//
// Input: Image. Plan: where the consumer begins, which flags it allows, after which records it
// releases or goes back. A step comes before each peek, and between peek and take.
//
// Invariants:
//   - peek says what the oracle below says, which is written from the picture in ring/layout.hpp
//   and
//     looks at single bytes of the ring, never at the mirror;
//   - an accepted record lies in the mapping, moves on by a multiple of 8 and at least 8 bytes, and
//     ends, with the word behind it, at most one capacity behind the released position;
//   - a copy of its payload is the payload, and stays inside a private buffer of the size that an
//     owner has;
//   - a zero word ends everything, whatever stands behind it.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../support/mirrored_memory.hpp"
#include "image.hpp"
#include "ring/copy.hpp"
#include "ring/ring.hpp"

CORTADO_UNWATCHED_BEGIN
namespace cortado::fuzz {
namespace {

struct Plan {
  std::uint64_t first = 0;
  std::uint64_t number = 0;
  std::uint64_t noise = 0;
  std::uint32_t releases = 0;  ///< bit k: after record k (modulo 32) all taken is released
  std::uint32_t rewinds = 0;   ///< bit k: after record k back to what is released
  std::uint64_t allowed = 0;   ///< low bit: the flags of the ring back

  static constexpr unsigned kRing = 0;
  static constexpr unsigned kAreas = 1;
  static constexpr std::uint8_t kFlags = ring::flag::send_mask & ring::flag::reply_mask;
  std::uint64_t start() const noexcept { return first & ~std::uint64_t{7}; }
  std::uint64_t sequence() const noexcept { return number; }
  std::uint8_t flags() const noexcept {
    return (allowed & 1) != 0 ? ring::flag::reply_mask : ring::flag::send_mask;
  }
  void change(Random& random) noexcept {
    switch (random.below(6)) {
      case 0:
        first = edge(random);
        break;
      case 1:
        number = edge(random);
        break;
      case 2:
        noise = random.one_in(4) ? random() : 0;
        break;
      case 3:
        releases = static_cast<std::uint32_t>(random() & random());
        break;
      case 4:
        rewinds = static_cast<std::uint32_t>(random.one_in(2) ? random() & random() & random() : 0);
        break;
      default:
        allowed = random();
        break;
    }
  }
};

struct Verdict {
  ring::Peek peek = ring::Peek::empty;
  ring::Fault fault = ring::Fault::none;
  std::uint64_t length = 0;
};

/// By the byte, from the layout: bits 0-31 length, 48-55 sequence, 56-63 flags.
Verdict oracle(const std::byte* ring, std::uint64_t position, std::uint64_t released,
               std::uint64_t sequence, unsigned allowed) {
  unsigned bytes[8];
  bool zero = true;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned>(ring[(position + i) % kAreaBytes]);
    zero = zero && bytes[i] == 0;
  }
  if (zero) return {};
  if (bytes[7] < 0x80 || (bytes[7] & ~allowed) != 0)
    return {ring::Peek::fault, ring::Fault::flags, 0};
  if (bytes[6] != sequence % 256) return {ring::Peek::fault, ring::Fault::sequence, 0};
  std::uint64_t length = 0;
  for (std::size_t i = 4; i-- > 0;) length = length * 256 + bytes[i];
  // The record, what is unreleased before it, and a word behind it: all in one ring.
  if ((position - released) + 8 + (length + 7) / 8 * 8 + 8 > kAreaBytes) {
    return {ring::Peek::fault, ring::Fault::length, 0};
  }
  return {ring::Peek::record, ring::Fault::none, length};
}

/// What an owner has (Owner::Impl::reserve_copy), and bytes behind it that must stay.
class PrivateCopy {
 public:
  void take(const ring::Consumer::Record& record, const std::byte* ring, std::uint64_t position) {
    const std::uint64_t length = record.commit.length;
    ring::copy_out(bytes_, record.payload, length);
    require(std::memcmp(bytes_ + kBytes, &kBehind, sizeof kBehind) == 0,
            "a copy of a payload stays inside the private buffer");
    if (length == 0) return;
    const std::uint64_t some[] = {0, length / 2, length - 1};
    for (const std::uint64_t i : some) {
      require(bytes_[i] == ring[(position + 8 + i) % kAreaBytes],
              "a copy of a payload is the payload");
    }
  }

 private:
  static constexpr std::uint64_t kBehind = 0x5a5a5a5a5a5a5a5aULL;
  static constexpr std::size_t kBytes = kAreaBytes + ring::kWordBytes;
  static std::byte* make() {
    auto* bytes = new std::byte[kBytes + sizeof kBehind];
    std::memcpy(bytes + kBytes, &kBehind, sizeof kBehind);
    return bytes;
  }
  std::byte* const bytes_ = make();  // as long as the program
};

/// More of the same finds nothing more.
constexpr int kMaxPeeks = 40;

void consume(const Plan& plan, std::byte* memory, Schedule& schedule, PrivateCopy& copy) {
  ring::Consumer consumer(memory, kAreaBytes, plan.start(), plan.sequence(), plan.flags());
  std::uint64_t released = plan.start(), released_sequence = plan.sequence();
  unsigned taken = 0;
  for (int peeks = 0; peeks < kMaxPeeks; ++peeks) {
    schedule.step();
    const std::uint64_t position = consumer.position();
    const std::uint64_t sequence = consumer.sequence();
    const Verdict expected = oracle(memory, position, released, sequence, plan.flags());
    ring::Consumer::Record record;
    const ring::Peek peek = consumer.peek(record);
    require(peek == expected.peek, "peek accepts, refuses and ends where the layout says");
    require(consumer.position() == position, "peek does not move");
    if (peek == ring::Peek::fault) {
      require(consumer.fault() == expected.fault, "a fault has the right name");
      return;
    }
    if (peek == ring::Peek::empty) {
      if (!schedule.skip_to_next()) return;
      continue;
    }
    require(record.commit.length == expected.length, "a record has the length that it says");
    require(record.next - position >= 8 && record.next % 8 == 0, "a record moves on by words");
    require(record.next - released <= kAreaBytes - 8, "a record fits, with the word behind it");
    require(record.payload == memory + position % kAreaBytes + 8 &&
                record.payload + expected.length <= memory + 2 * kAreaBytes,
            "a payload lies in the mapping");
    copy.take(record, memory, position);
    schedule.step();
    consumer.take(record);
    require(consumer.position() == record.next && consumer.sequence() == sequence + 1,
            "take moves to the next record");
    const std::uint32_t bit = std::uint32_t{1} << (taken++ % 32);
    if ((plan.releases & bit) != 0) {
      consumer.release(consumer.position());
      released = consumer.position();
      released_sequence = consumer.sequence();
    } else if ((plan.rewinds & bit) != 0) {
      consumer.rewind(released, released_sequence);
    }
  }
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static const cortado::test::MirroredMemory memory(0, kAreaBytes);
  static const Area areas[] = {{memory.ring(), true}};
  static Schedule schedule(areas);
  static PrivateCopy copy;
  Image<Plan> image(data, size);
  schedule.fill(areas[0], image.plan.noise, image.plan.start(), image.plan.sequence());
  schedule.begin(image.plan.start(), image.stores, image.count);
  consume(image.plan, memory.ring(), schedule, copy);
  schedule.clear();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return cortado::fuzz::mutate_image<cortado::fuzz::Plan>(data, size, max, seed);
}
CORTADO_UNWATCHED_END
