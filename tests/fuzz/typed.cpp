// decode<T> of hostile bytes, for types that hold everything a message may hold.
//
// Input: which type, and its bytes. The mutator begins with the encoding of a random value.
//
// Invariants:
//   - decoding allocates in proportion to the bytes, whatever sizes they claim;
//   - bytes that are refused are refused as malformed, with a reason;
//   - a value that was accepted can be sent on: it has an encoding, which is no longer than the
//   bytes
//     it came in, and that decodes to the same value.
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "../support/allocations.hpp"
#include "../unit/typed_samples.hpp"
#include "target.hpp"

namespace cortado::fuzz {
namespace {

using namespace samples;

using Prices = Box<std::map<std::string, std::vector<double>>>;
using Notes = Box<std::vector<std::variant<std::monostate, Cup, double>>>;
using Names = Box<std::deque<std::string>>;
using Row = Box<std::list<std::optional<Cup>>>;
using Index = Box<std::unordered_map<std::int32_t, std::u32string>>;
using Words = Box<std::set<std::string>>;
using Mix = Box<std::tuple<bool, Size, std::vector<bool>, std::array<Cup, 2>>>;

#if defined(CORTADO_SEED_ALLOCATES_FIRST)
/// Reads a size as a number, past the archive's check, and believes it.
struct Believing : Plain {
  template <class Archive>
  void save(Archive& archive) const {
    archive(id);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(id);
    std::vector<std::uint64_t> words(id & 0xfffff);
    for (std::uint64_t& word : words) archive(word);
  }
};
#else
using Believing = Plain;
#endif

/// Bytes that one byte of a message may make the owner allocate: a node of a tree or a list, with a
/// string or two in it, of 8 bytes; and as much again for vectors that grow.
constexpr std::size_t kMostPerByte = 64;
/// An empty deque, and the text of an error.
constexpr std::size_t kMostOnce = 8192;

template <class T>
void judge(std::span<const std::byte> bytes) {
  const std::size_t before = test::allocated_bytes();
  const auto value = decode<T>(bytes);
  require(test::allocated_bytes() - before <= kMostPerByte * bytes.size() + kMostOnce,
          "decoding allocates in proportion to the bytes");
  if (!value) {
    require(value.error().code == Errc::malformed, "what is refused is malformed");
    require(!value.error().text.empty(), "a refusal has a reason");
    return;
  }
  Bytes first(encoded_size(*value));
  require(first.size() <= bytes.size(), "a value takes no more bytes than it came in");
  require(encode(*value, first) == first.size(), "an encoding has the size that was told");
  const auto again = decode<T>(first);
  require(static_cast<bool>(again), "an encoding can be decoded");
  if (*value == *value) {
    require(*again == *value, "an encoding decodes to the value");
    return;
  }
  // There is a NaN in it, so compare bytes.
  Bytes second(encoded_size(*again));
  require(encode(*again, second) == second.size() && second == first, "an encoding is the value");
}

void judge(unsigned type, std::span<const std::byte> bytes) {
  switch (type % 10) {
    case 0:
      return judge<Tree>(bytes);
    case 1:
      return judge<Prices>(bytes);
    case 2:
      return judge<Notes>(bytes);
    case 3:
      return judge<Names>(bytes);
    case 4:
      return judge<Row>(bytes);
    case 5:
      return judge<Index>(bytes);
    case 6:
      return judge<Words>(bytes);
    case 7:
      return judge<Mix>(bytes);
    case 8:
      return judge<Believing>(bytes);
    default:
      return judge<Order>(bytes);
  }
}

// What the mutator begins with.

Tree random_tree(Random& random, unsigned depth) {
  Tree tree;
  tree.leaf = static_cast<std::uint8_t>(random());
  const std::uint64_t children = depth == 0 ? 0 : random.below(4);
  for (std::uint64_t n = children; n != 0; --n) {
    tree.children.push_back(random_tree(random, depth - 1));
  }
  return tree;
}

template <class T>
Bytes bytes_of(const T& value) {
  Bytes bytes(encoded_size(value));
  encode(value, bytes);
  return bytes;
}

Bytes random_value(unsigned type, Random& random) {
  std::mt19937_64 engine(random());
  const auto text = [&] { return random_text(engine); };
  const auto cup = [&] { return random_cup(engine); };
  switch (type % 10) {
    case 0:
      return bytes_of(random_tree(random, static_cast<unsigned>(random.below(5))));
    case 1:
      return bytes_of(Prices{{{text(), {1.5, 2}}, {text(), {}}}});
    case 2:
      return bytes_of(Notes{{{}, cup(), 2.5}});
    case 3:
      return bytes_of(Names{{text(), text(), ""}});
    case 4:
      return bytes_of(Row{{cup(), std::nullopt, cup()}});
    case 5:
      return bytes_of(Index{{{1, U"one"}, {static_cast<std::int32_t>(random()), U""}}});
    case 6:
      return bytes_of(Words{{text(), text()}});
    case 7:
      return bytes_of(Mix{{true, Size::large, {true, false, true}, {cup(), cup()}}});
    case 8:
      return bytes_of(Plain{random(), 1, 2});
    default:
      return bytes_of(random_order(engine));
  }
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  Choices input(data, size);
  const auto type = input.take<std::uint8_t>();
  judge(type, std::as_bytes(input.rest()));
  return 0;
}

CORTADO_UNWATCHED_BEGIN
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  using namespace cortado::fuzz;
  Random random(seed);
  if (size == 0 || random.one_in(16)) {
    data[0] = static_cast<std::uint8_t>(random());
    const auto bytes = random_value(data[0], random);
    size = 1 + std::min(bytes.size(), max - 1);
    std::memcpy(data + 1, bytes.data(), size - 1);
    if (random.one_in(2)) return size;
  }
  // A size is 8 bytes: most are small, the dangerous ones a little more than what is left.
  if (size > 9 && random.one_in(2)) {
    const std::size_t at = 1 + random.below(size - 8);
    const std::uint64_t left = size - at - 8;
    const std::uint64_t number = random.one_in(4)   ? edge(random)
                                 : random.one_in(2) ? random.below(left + 2)
                                                    : random.below(5);
    std::memcpy(data + at, &number, sizeof number);
    return size;
  }
  return 1 + LLVMFuzzerMutate(data + 1, size - 1, max - 1);
}
CORTADO_UNWATCHED_END
