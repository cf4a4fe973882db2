// What a writer makes of a Welcome, and of the segment that comes with it: Welcome::well_formed,
// Writer::Impl::check_welcome, lane::check_lane_head.
//
// Input: how many bytes and descriptors came, the bytes; the size of the segment and its head.
//
// Invariants:
//   - a writer goes in exactly if the Welcome says so in the right version, with a name that can be
//     shown in one line and at least a segment and a doorbell;
//   - a refusal is one line of text, whatever bytes the owner sent for one;
//   - the sizes that are believed are those of rings, and are all of the segment.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "../support/inside.hpp"
#include "lane/handshake.hpp"
#include "lane/segment.hpp"
#include "target.hpp"

namespace cortado::fuzz {
namespace {

constexpr auto kWelcomeBytes = static_cast<std::int32_t>(sizeof(lane::Welcome));

struct Delivery {
  std::int32_t received = 0;  ///< or -errno
  std::uint32_t descriptors = 0;
  std::uint64_t segment_bytes = 0;
  lane::LaneHead head{};
};

bool one_line(std::string_view text) {
  for (const char c : text) {
    if ((c >= 0 && c < 0x20) || c == 0x7f) return false;
  }
  return true;
}

bool lets_in(const Delivery& delivery, const lane::Welcome& welcome) {
  const void* end = std::memchr(welcome.name, 0, sizeof welcome.name);
  return delivery.received == kWelcomeBytes && welcome.magic == lane::kWelcomeMagic &&
         welcome.protocol_version == lane::kProtocolVersion && welcome.refused == 0 &&
         delivery.descriptors >= 2 && end != nullptr && end != welcome.name &&
         one_line(welcome.name);
}

bool ring_size(std::uint64_t bytes) {
  return bytes >= 4096 && bytes <= std::uint64_t{1} << 31 && std::popcount(bytes) == 1;
}

void judge_welcome(const Delivery& delivery, const lane::Welcome& welcome) {
  static auto& writer = *[] {
    auto* made = new test::WriterParts;
    made->owner = "orders";
    return made;
  }();
  const auto heard = writer.check_welcome(welcome, delivery.received, delivery.descriptors);
  require(static_cast<bool>(heard) == lets_in(delivery, welcome), "who is let in, goes in");
  if (heard) return;
  require(!heard.error().text.empty() && one_line(heard.error().text), "a refusal is one line");
  require(heard.error().code <= Errc::system, "a refusal has a known code");
}

void judge_head(const Delivery& delivery) {
  const lane::LaneHead& head = delivery.head;
  const auto sizes = lane::check_lane_head(head, delivery.segment_bytes);
  const bool good = head.magic == lane::kMagic && head.layout_version == ring::kLayoutVersion &&
                    ring_size(head.ring_bytes) && ring_size(head.reply_bytes) &&
                    delivery.segment_bytes == 4096 + head.ring_bytes + head.reply_bytes;
  require(static_cast<bool>(sizes) == good, "the sizes of a lane are those of its segment");
  if (!sizes) return;
  require(sizes->ring_bytes == head.ring_bytes && sizes->reply_bytes == head.reply_bytes,
          "the sizes that are believed are those that were checked");
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  Choices input(data, size);
  const auto delivery = input.take<Delivery>();
  const auto welcome = input.take<cortado::lane::Welcome>();
  judge_welcome(delivery, welcome);
  judge_head(delivery);
  return 0;
}

CORTADO_UNWATCHED_BEGIN
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado;
  using namespace cortado::fuzz;
  constexpr std::size_t kWhole = sizeof(Delivery) + sizeof(lane::Welcome);
  if (max < kWhole) return 0;
  Random random(seed);
  Choices input(data, size);
  auto delivery = input.take<Delivery>();
  auto welcome = size < kWhole ? lane::Welcome{} : input.take<lane::Welcome>();
  delivery.received = kWelcomeBytes;
  switch (random.below(6)) {
    case 0:
      delivery.descriptors =
          static_cast<std::uint32_t>(random.one_in(8) ? edge(random) : random.below(5));
      break;
    case 1:
      welcome.refused =
          static_cast<std::uint32_t>(random.one_in(4) ? edge(random) : random.below(24));
      break;
    case 2:
      lane::set_text(welcome.name, random.one_in(2) ? "anna" : "");
      lane::set_text(welcome.text, random.one_in(2) ? "no" : "");
      break;
    case 3:
      delivery.head.ring_bytes = std::uint64_t{1} << random.below(34);
      delivery.head.reply_bytes = std::uint64_t{1} << random.below(34);
      break;
    case 4:
      LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(&delivery), sizeof delivery,
                       sizeof delivery);
      break;
    default:
      LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(&welcome), sizeof welcome, sizeof welcome);
      break;
  }
  if (!random.one_in(8)) {
    welcome.magic = lane::kWelcomeMagic;
    welcome.protocol_version = lane::kProtocolVersion;
    delivery.received = kWelcomeBytes;
  }
  if (!random.one_in(8)) {
    delivery.head.magic = lane::kMagic;
    delivery.head.layout_version = ring::kLayoutVersion;
    delivery.segment_bytes = 4096 + delivery.head.ring_bytes + delivery.head.reply_bytes;
  }
  std::memcpy(data, &delivery, sizeof delivery);
  std::memcpy(data + sizeof delivery, &welcome, sizeof welcome);
  return kWhole;
}
CORTADO_UNWATCHED_END
