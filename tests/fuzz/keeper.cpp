// lane::KeeperEnd, whose owner says anything, dies at any moment, and is followed by one that takes
// over what there is.
//
// Input: letters (messages.hpp). Kinds beyond the protocol's: the owner dies and the next one
// begins; the owner reads what it was sent.
//
// Invariants:
//   - the keeper holds exactly the lanes that were offered in the right form and not retired, at
//   most
//     as many as agreed, each under one number;
//   - a next owner is handed exactly these, in order, with the descriptors that belong to each;
//   - whatever else comes, is closed: no descriptor is lost.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lane/keeper_end.hpp"
#include "messages.hpp"

namespace cortado::fuzz {
namespace {

using Kind = KeeperMessage::Kind;

constexpr std::uint32_t kCapacity = 4;
constexpr std::size_t kMaxLetters = 14;
constexpr std::uint8_t kDies = 0;
constexpr std::uint8_t kReads = 7;

class Group {
 public:
  explicit Group(int listener) : listener_(listener), keeper_("group", listener, kCapacity) {
    next_owner();
  }

  void say(const Letter& letter) {
    switch (letter.kind % 8) {
      case kDies:
        owner_.reset();
        next_owner();
        break;
      case kReads:
        read();
        break;
      default:
        if (letter.send(owner_.get(), listener_)) expect(letter);
        break;
    }
    // An error is one message that could not be used.
    for (int i = 0; i < 4 && !keeper_.serve(); ++i) {
    }
    require(keeper_.lanes() == held(), "the keeper holds the lanes that were offered");
  }

  /// The next owner is a good one.
  void take_over() {
    owner_.reset();
    next_owner();
    std::uint32_t lane = 0;
    std::uint32_t left = 0;
    do {
      Heard heard = read();
      if (heard.message.kind == Kind::greeting) {
        require(heard.message.generation == keeper_.generation(), "an owner has a generation");
        require(heard.message.capacity == kCapacity, "an owner knows how many lanes there may be");
        require(heard.files == (has_kept_ ? 2U : 1U), "a listener, and what was kept");
      } else {
        require(heard.message.kind == Kind::lanes && heard.message.count != 0, "then come lanes");
        require(heard.files == heard.message.announced(), "with all that belongs to them");
        for (std::size_t i = 0; i < heard.message.count; ++i) {
          const KeeperMessage::Entry& entry = heard.message.entries[i];
          while (lane < kLanes && files_[lane] == 0) ++lane;
          require(entry.lane_id == lane && entry.descriptors == files_[lane], "in order");
          ++lane;
        }
      }
      left = heard.message.remaining;
      Letter yes;
      yes.kind = static_cast<std::uint8_t>(Kind::acknowledge);
      yes.send(owner_.get(), listener_);
      require(static_cast<bool>(keeper_.serve()), "a good owner is understood");
    } while (left != 0);
    require(keeper_.handed_over(), "a good owner takes everything over");
    while (lane < kLanes && files_[lane] == 0) ++lane;
    require(lane == kLanes, "and nothing is left");
  }

 private:
  static constexpr std::size_t kLanes = 8;
  struct Heard {
    KeeperMessage message;
    std::size_t files = 0;
  };

  void next_owner() {
    auto owner = keeper_.begin_generation();
    require(static_cast<bool>(owner), "an owner can begin");
    owner_ = std::move(*owner);
  }

  Heard read() {
    Heard heard;
    std::vector<os::Descriptor> files;
    const ssize_t length =
        os::receive_message(owner_.get(), heard.message.buffer(), files, 253, MSG_DONTWAIT);
    require(length < 0 || heard.message.well_formed(static_cast<std::size_t>(length)),
            "a keeper's messages are well formed");
    heard.files = files.size();
    return heard;
  }

  /// What a letter of the right form does.
  void expect(const Letter& letter) {
    if (letter.is_odd() || letter.files() > 4) return;
    const std::size_t files = letter.files();
    switch (static_cast<Kind>(letter.kind % 8)) {
      case Kind::kept:
        has_kept_ = has_kept_ || files == 1;
        break;
      case Kind::lane: {
        std::size_t& lane = files_[letter.lane_id(0)];
        if (letter.entries() == 1 && letter.announces_lanes() && files == letter.files_of(0) &&
            held() < kCapacity && lane == 0) {
          lane = files;
        }
        break;
      }
      case Kind::retire:
        for (std::size_t i = 0; i < letter.entries(); ++i) files_[letter.lane_id(i)] = 0;
        break;
      default:
        break;
    }
  }

  std::size_t held() const {
    std::size_t lanes = 0;
    for (const std::size_t files : files_) lanes += files != 0 ? 1 : 0;
    return lanes;
  }

  int listener_;
  lane::KeeperEnd keeper_;
  os::Descriptor owner_;
  bool has_kept_ = false;
  std::size_t files_[kLanes] = {};  ///< by lane_id; 0: not held
};

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static const cortado::os::Descriptor listener = std::move(*cortado::os::create_event());
  const int next = next_descriptor();
  {
    Choices input(data, size);
    Group group(listener.get());
    for (std::size_t i = 0; i < kMaxLetters && !input.empty(); ++i) group.say(input.take<Letter>());
    group.take_over();
  }
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
  if (count != 0 && random.one_in(3)) letters[random.below(count)].change(random);
  if (count != 0 && random.one_in(4)) --count;
  for (std::uint64_t n = 1 + random.below(3); n != 0 && count < kMaxLetters; --n) {
    constexpr Kind kKinds[] = {Kind::lane, Kind::lane, Kind::kept, Kind::retire, Kind::acknowledge};
    Letter letter;
    letter.kind = static_cast<std::uint8_t>(random.of(kKinds));
    letter.lane_ids[0] = static_cast<std::uint8_t>(random());
    if (letter.kind == static_cast<std::uint8_t>(Kind::lane)) {
      letter.count = 1;
      letter.descriptors = random.one_in(2) ? 3 : 4;
      letter.announced = static_cast<std::uint8_t>(letter.descriptors - 2);
    }
    letter.descriptors =
        letter.kind == static_cast<std::uint8_t>(Kind::kept) ? 1 : letter.descriptors;
    letter.count = letter.kind == static_cast<std::uint8_t>(Kind::retire) ? 2 : letter.count;
    if (random.one_in(6)) letter.kind = random.one_in(2) ? kDies : kReads;
    if (random.one_in(6)) letter.change(random);
    letters[count++] = letter;
  }
  count = std::min(count, max / sizeof(Letter));
  std::memcpy(data, letters, count * sizeof(Letter));
  return count * sizeof(Letter);
}
CORTADO_UNWATCHED_END
