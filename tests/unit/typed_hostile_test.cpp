#include <cortado/typed.hpp>

#include <new>
#include <stdexcept>

#include "../support/allocations.hpp"
#include "../support/fault.hpp"
#include "../support/seed.hpp"
#include "typed_samples.hpp"

namespace {

using namespace cortado::samples;
using cortado::test::allocated_bytes;
using cortado::test::seed;

struct Nothing {  // not empty, but archives no byte
  int unused = 0;
  friend bool operator<(const Nothing&, const Nothing&) { return false; }
  template <class Archive>
  void serialize(Archive&) {}
};

struct Wide {
  std::array<std::uint64_t, 512> words{};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(words);
  }
};

template <int kWhat>
struct Picky {
  std::uint8_t value = 0;
  static constexpr cortado::TypeInfo cortado_type{"Picky", 1, "value:u8"};
  template <class Archive>
  void save(Archive& archive) const {
    archive(value);
    if (value == 255) throw std::runtime_error("cannot save 255");
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(value);
    if (kWhat == 0) throw std::runtime_error("no such value");
    if (kWhat == 1) throw 7;
    if (kWhat == 2) throw std::bad_alloc();
  }
};

struct Swallowing {
  std::string text;
  static constexpr cortado::TypeInfo cortado_type{"Swallowing", 1, "text:string"};
  template <class Archive>
  void serialize(Archive& archive) {
    try {
      archive(text);
    } catch (const std::exception&) {
      text = "default";
    }
  }
};

TEST(TypedHostile, needs_no_allocation_to_encode) {
  std::mt19937_64 random(2);
  const Order order = random_order(random);
  Bytes bytes(cortado::encoded_size(order));
  const std::size_t before = allocated_bytes();
  const std::size_t counted = cortado::encoded_size(order);
  const std::size_t written = cortado::encode(order, bytes);
  EXPECT_EQ(allocated_bytes(), before);
  EXPECT_EQ(counted, written);
}

template <class T>
void expect_refused_without_allocation() {
  for (const std::uint64_t size :
       {std::uint64_t{1} << 63, std::uint64_t{1} << 32, ~std::uint64_t{0}, std::uint64_t{3}}) {
    const Bytes hostile = size_tag(size, 2);
    const std::size_t before = allocated_bytes();
    const auto result = cortado::decode<Box<T>>(hostile);
    const std::size_t asked = allocated_bytes() - before;
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, cortado::Errc::malformed);
    EXPECT_NE(result.error().text.find("size"), std::string::npos) << result.error().text;
    EXPECT_LT(asked, 8192U) << "more than an empty deque and the text of the error";
  }
}

TEST(TypedHostile, refuses_ten_hostile_bytes_without_allocating) {
  cortado::test::Fault fault("archive-bombs");
  expect_refused_without_allocation<std::string>();
  expect_refused_without_allocation<std::u32string>();
  expect_refused_without_allocation<std::vector<std::uint8_t>>();
  expect_refused_without_allocation<std::vector<double>>();
  expect_refused_without_allocation<std::vector<bool>>();
  expect_refused_without_allocation<std::vector<Wide>>();
  expect_refused_without_allocation<std::vector<std::string>>();
  expect_refused_without_allocation<std::vector<std::monostate>>();
  expect_refused_without_allocation<std::vector<Nothing>>();
  expect_refused_without_allocation<std::deque<Wide>>();
  expect_refused_without_allocation<std::list<Wide>>();
  expect_refused_without_allocation<std::map<int, int>>();
  expect_refused_without_allocation<std::set<Nothing>>();
  expect_refused_without_allocation<std::unordered_map<int, int>>();
  fault.fired();
}

TEST(TypedHostile, refuses_a_size_whose_elements_would_not_fit) {
  expect_malformed<Box<std::vector<double>>>(size_tag(2, 15), "size");
  EXPECT_TRUE(cortado::decode<Box<std::vector<double>>>(size_tag(2, 16)));
  // A size of numbers must not carry over to what follows the container.
  using After = Box<std::pair<std::vector<double>, std::string>>;
  expect_round_trip(After{{{1.0}, "x"}});
}

TEST(TypedHostile, allocates_in_proportion_to_bytes_and_not_to_the_size_claimed) {
  cortado::test::Fault fault("archive-bombs");
  const Bytes hostile = size_tag(60'000, 60'000);  // as elements: 245 MB
  const std::size_t before = allocated_bytes();
  EXPECT_FALSE(cortado::decode<Box<std::vector<Wide>>>(hostile));
  EXPECT_FALSE(cortado::decode<Box<std::deque<Wide>>>(hostile));
  EXPECT_FALSE(cortado::decode<Box<std::list<Wide>>>(hostile));
  EXPECT_LT(allocated_bytes() - before, 1'000'000U);
  fault.fired();
}

TEST(TypedHostile, refuses_elements_that_take_no_bytes_in_both_directions) {
  EXPECT_EQ(cortado::encoded_size(Box<std::vector<Nothing>>{{{}, {}}}), cortado::kNotEncodable);
  expect_malformed<Box<std::vector<Nothing>>>(size_tag(8, 8), "take no bytes");
  expect_malformed<Box<std::multiset<Nothing>>>(size_tag(8, 8), "take no bytes");
  // Nested, these would be the square of the length if only the innermost sizes were bounded.
  using Nested = Box<std::vector<std::vector<Nothing>>>;
  Bytes bytes = size_tag(1000);
  for (int i = 0; i < 1000; ++i) {
    const Bytes inner = size_tag(100);
    bytes.insert(bytes.end(), inner.begin(), inner.end());
  }
  expect_malformed<Nested>(bytes, "at byte 16 of");
}

Tree chain(std::size_t length) {
  Tree tree;
  for (; length > 1; --length) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

TEST(TypedHostile, refuses_what_is_nested_too_deep_in_both_directions) {
  const std::size_t deepest = cortado::kMaxNesting / 2;  // a Tree and a vector for each level
  expect_round_trip(chain(deepest));
  EXPECT_EQ(cortado::encoded_size(chain(deepest + 1)), cortado::kNotEncodable);
  Bytes hostile;
  for (int i = 0; i < 100'000; ++i) {
    const Bytes one = size_tag(1);
    hostile.push_back({});
    hostile.insert(hostile.end(), one.begin(), one.end());
  }
  expect_malformed<Tree>(hostile, "kMaxNesting");
}

TEST(TypedHostile, refuses_a_bool_that_is_neither_0_nor_1) {
  const Bytes two = {std::byte{2}};
  expect_malformed<Box<bool>>(two, "bool");
  expect_malformed<Box<std::optional<int>>>(two, "bool");
  expect_malformed<Box<std::array<bool, 2>>>({std::byte{1}, std::byte{2}}, "bool");
  Bytes flags = size_tag(1);
  flags.push_back(std::byte{255});
  expect_malformed<Box<std::vector<bool>>>(flags, "bool");
}

TEST(TypedHostile, refuses_a_variant_index_outside_its_alternatives) {
  using Choice = Box<std::variant<std::int32_t, std::string>>;
  expect_malformed<Choice>(Bytes(8, std::byte{255}), "variant");
  expect_malformed<Choice>({std::byte{2}, {}, {}, {}, {}, {}, {}, {}}, "variant");
}

TEST(TypedHostile, refuses_a_mark_of_an_empty_class_other_than_zero) {
  expect_malformed<Box<std::monostate>>({std::byte{1}}, "empty class");
}

TEST(TypedHostile, turns_whatever_a_load_throws_into_an_error) {
  const Bytes one(1);
  expect_malformed<Picky<0>>(one, "no such value");
  expect_malformed<Picky<1>>(one, "no std::exception");
  const auto result = cortado::decode<Picky<2>>(one);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, cortado::Errc::no_memory);
}

TEST(TypedHostile, has_no_encoding_for_a_value_whose_save_throws) {
  EXPECT_EQ(cortado::encoded_size(Picky<3>{255}), cortado::kNotEncodable);
  EXPECT_EQ(cortado::encoded_size(Picky<3>{254}), 1U);
}

TEST(TypedHostile, refuses_even_when_a_serialize_swallows_the_exception) {
  expect_malformed<Swallowing>(size_tag(5), "size");
}

template <class T>
std::size_t feed(std::mt19937_64& random, const T& sample, int inputs) {
  const Bytes valid = encoded(sample);
  std::size_t accepted = 0;
  for (int i = 0; i < inputs; ++i) {
    Bytes bytes = valid;
    if (i % 2 == 0) {
      bytes.resize(random() % 64);
      for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 8 == 0 ? random() : 0);
    } else if (!bytes.empty()) {
      for (auto n = 1 + random() % 3; n != 0; --n) {
        bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      }
    }
    const auto result = cortado::decode<T>(bytes);
    if (!result) {
      EXPECT_EQ(result.error().code, cortado::Errc::malformed);
      continue;
    }
    ++accepted;
    // What was accepted can be sent on, and never takes more bytes than it came in.
    EXPECT_LE(cortado::encoded_size(*result), bytes.size());
  }
  return accepted;
}

TEST(TypedHostile, survives_random_and_damaged_bytes) {
  SCOPED_TRACE("CORTADO_SEED=" + std::to_string(seed()));
  std::mt19937_64 random(seed());
  constexpr int kInputs = 20'000;
  std::size_t accepted = feed(random, random_order(random), kInputs);
  accepted += feed(random, chain(5), kInputs);
  accepted += feed(random, Box<std::vector<std::string>>{{"Mocha", "with", "Milk"}}, kInputs);
  accepted += feed(random, Box<std::map<std::string, std::vector<double>>>{{{"x", {1}}}}, kInputs);
  accepted +=
      feed(random, Box<std::vector<std::variant<std::monostate, Cup, double>>>{{{}, 1.0}}, kInputs);
  EXPECT_GT(accepted, 0U) << "none of the inputs was valid: the test sees only the first check";
  EXPECT_LT(accepted, 5U * kInputs);
}

}  // namespace
