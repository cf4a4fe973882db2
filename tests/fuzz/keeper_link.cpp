// lane::KeeperLink::receive, to which the keeper says anything.
//
// Input: letters (messages.hpp), all sent before the owner listens; behind the last one the keeper
// is gone.
//
// Invariants:
//   - an owner goes on exactly if it heard a greeting and then as many lanes messages as were
//     announced, each in the right form, with the descriptors that belong to it;
//   - it has all of their lanes, in order, each with segment, doorbell and connection;
//   - what it reserves for what the keeper says is bounded;
//   - whatever came, is closed when the owner is gone: no descriptor is lost.
#include "lane/keeper_link.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "../support/allocations.hpp"
#include "messages.hpp"

namespace cortado::fuzz {
namespace {

using Kind = KeeperMessage::Kind;

constexpr std::size_t kMaxLetters = 8;
/// A number for each lane that there can be, and then some.
constexpr std::size_t kMostBytes = 2 * lane::kMaxLanes * sizeof(std::uint32_t);

/// What these letters mean, if anything.
struct Expected {
  bool understood = false;
  std::vector<std::uint32_t> lanes;
  bool kept = false;
};

Expected read(const std::vector<Letter>& letters) {
  Expected expected;
  if (letters.empty()) return expected;
  const Letter& greeting = letters[0];
  const std::size_t files = greeting.files();
  if (greeting.is_odd() || greeting.kind % 8 != static_cast<unsigned>(Kind::greeting))
    return expected;
  if (files < 1 || files > 2) return expected;
  expected.kept = files == 2;
  std::uint32_t left = greeting.remaining;
  for (std::size_t next = 1; left != 0; ++next) {
    if (next == letters.size()) return expected;
    const Letter& lanes = letters[next];
    if (lanes.is_odd() || lanes.kind % 8 != static_cast<unsigned>(Kind::lanes)) return expected;
    if (lanes.entries() == 0 || !lanes.announces_lanes()) return expected;
    if (lanes.files() != lanes.files_announced()) return expected;
    for (std::size_t i = 0; i < lanes.entries(); ++i) expected.lanes.push_back(lanes.lane_id(i));
    left = lanes.remaining;
  }
  expected.understood = true;
  return expected;
}

void hear(const std::vector<Letter>& letters, int file) {
  auto ends = os::socket_pair();
  require(static_cast<bool>(ends), "there are sockets");
  std::vector<Letter> sent;
  for (const Letter& letter : letters) {
    if (letter.send(ends->first.get(), file)) sent.push_back(letter);
  }
  ::shutdown(ends->first.get(), SHUT_WR);

  const std::string value = std::to_string(ends->second.release()) + ":bench";
  ::setenv(lane::kKeeperVariable, value.c_str(), 1);
  auto link = lane::KeeperLink::from_environment("bench");
  require(link.has_value(), "there is a link");
  const std::size_t before = test::allocated_bytes();
  const auto heard = link->receive(std::chrono::steady_clock::now() + std::chrono::seconds(60));

  require(test::allocated_bytes() - before < kMostBytes,
          "what a keeper says reserves no more than that");
  const Expected expected = read(sent);
  require(static_cast<bool>(heard) == expected.understood, "what is in the right form is taken");
  if (!heard) {
    require(!heard.error().text.empty(), "what is not taken has a reason");
    return;
  }
  require(static_cast<bool>(heard->listener), "there is a listener");
  require(static_cast<bool>(heard->kept) == expected.kept, "what was kept comes along");
  require(heard->lanes.size() == expected.lanes.size(), "every lane comes along");
  for (std::size_t i = 0; i < expected.lanes.size(); ++i) {
    const lane::LaneHandles& lane = heard->lanes[i];
    require(lane.lane_id == expected.lanes[i], "lanes come in order");
    require(lane.segment && lane.doorbell && lane.connection, "a lane is whole");
  }
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static const cortado::os::Descriptor file = std::move(*cortado::os::create_event());
  const int next = next_descriptor();
  std::vector<Letter> letters;
  Choices input(data, size);
  while (letters.size() < kMaxLetters && !input.empty()) letters.push_back(input.take<Letter>());
  hear(letters, file.get());
  require(next_descriptor() == next, "no descriptor is lost");
  return 0;
}

CORTADO_UNWATCHED_BEGIN
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado::fuzz;
  Random random(seed);
  Choices input(data, size);
  Letter letters[kMaxLetters];
  std::size_t count = 0;
  while (count < kMaxLetters && !input.empty()) letters[count++] = input.take<Letter>();
  if (count != 0 && random.one_in(2)) letters[random.below(count)].change(random);
  if (count != 0 && random.one_in(4)) --count;
  if (count < kMaxLetters) {
    Letter& letter = letters[count++];
    letter = {};
    letter.kind = static_cast<std::uint8_t>(Kind::lanes);
    letter.count = static_cast<std::uint8_t>(1 + random.below(3));
    for (auto& lane : letter.lane_ids) lane = static_cast<std::uint8_t>(random());
  }
  // As a keeper would: one greeting, then lanes, each message telling how many are left.
  if (!random.one_in(8)) {
    letters[0].kind = static_cast<std::uint8_t>(Kind::greeting);
    letters[0].count = 0;
    letters[0].descriptors = static_cast<std::uint8_t>(1 + random.below(2));
    std::uint32_t left = 0;
    for (std::size_t i = count; i-- > 0;) {
      letters[i].remaining = left;
      if (i == 0) break;
      left += static_cast<std::uint32_t>(letters[i].entries());
      letters[i].descriptors = static_cast<std::uint8_t>(letters[i].files_announced());
    }
  }
  count = std::min(count, max / sizeof(Letter));
  std::memcpy(data, letters, count * sizeof(Letter));
  return count * sizeof(Letter);
}
CORTADO_UNWATCHED_END
