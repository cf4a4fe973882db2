#include <cortado/typed.hpp>

#include "../support/seed.hpp"
#include "typed_samples.hpp"

namespace {

using namespace cortado::samples;
using cortado::test::seed;

struct Versioned {
  std::int32_t value = 0;
  static constexpr cortado::TypeInfo cortado_type{"Versioned", 1, "value:i32"};
  template <class Archive>
  void serialize(Archive& archive, std::uint32_t) {
    archive(value);
  }
};

struct Padded {
  char letter;
  int number;
};
struct HoldsBool {
  bool flag;
};
struct HoldsPointer {
  int* pointer;
};
static_assert(cortado::detail::PlainBytes<Plain>);
static_assert(!cortado::detail::PlainBytes<Padded>);
static_assert(!cortado::detail::PlainBytes<HoldsBool>);
static_assert(!cortado::detail::PlainBytes<HoldsPointer>);
static_assert(cortado::TypedMessage<Order> && !cortado::TypedMessage<Cup>);
static_assert(!cortado::TypedMessage<const Order> && !cortado::TypedMessage<int>);

TEST(Typed, decodes_what_was_encoded) {
  SCOPED_TRACE("CORTADO_SEED=" + std::to_string(seed()));
  std::mt19937_64 random(seed());
  for (int i = 0; i < 2000; ++i) expect_round_trip(random_order(random));
}

TEST(Typed, decodes_every_supported_container) {
  expect_round_trip(Box<std::deque<std::string>>{{"a", "", "c"}});
  expect_round_trip(Box<std::list<Cup>>{{{"Mocha", Size::large, true}}});
  expect_round_trip(Box<std::set<std::string>>{{"x", "y"}});
  expect_round_trip(Box<std::unordered_map<int, std::string>>{{{1, "x"}, {2, "y"}}});
  expect_round_trip(Box<std::tuple<int, std::string, bool>>{{1, "x", true}});
  expect_round_trip(Box<std::vector<std::vector<double>>>{{{1.5, 2.5}, {}, {3.5}}});
  expect_round_trip(Box<std::array<bool, 3>>{{true, false, true}});
  expect_round_trip(Box<std::u32string>{U"caf\u00e9"});
  expect_round_trip(Box<std::vector<std::monostate>>{std::vector<std::monostate>(5)});
}

TEST(Typed, lays_a_message_out_little_endian_without_gaps) {
  const Cup cup{"ab", Size::large, true};
  const Bytes expected = {std::byte{2},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          {},
                          std::byte{'a'},
                          std::byte{'b'},
                          std::byte{0xbc},
                          std::byte{2},
                          std::byte{1}};
  EXPECT_EQ(encoded(Box<Cup>{cup}), expected);
}

TEST(Typed, copies_a_plain_type_as_it_stands) {
  const Plain plain{42, 1.5F, -2.0F};
  EXPECT_EQ(encoded(plain).size(), sizeof(Plain));
  expect_round_trip(plain);
  expect_malformed<Plain>(Bytes(sizeof(Plain) - 1), "at byte 15 of 15");
  expect_malformed<Plain>(Bytes(sizeof(Plain) + 1), "length");
}

TEST(Typed, shows_a_plain_type_where_it_stands) {
  const Plain plain{42, 1.5F, -2.0F};
  alignas(8) std::array<std::byte, sizeof(Plain) + 8> memory{};
  std::memcpy(memory.data() + 8, &plain, sizeof plain);
  cortado::Message::Parts parts;
  parts.tag = cortado::tag_of<Plain>();
  parts.bytes = std::span(memory).last(sizeof(Plain));
  const cortado::Message message(parts);
  ASSERT_NE(message.view<Plain>(), nullptr);
  EXPECT_EQ(static_cast<const void*>(message.view<Plain>()), memory.data() + 8);
  EXPECT_EQ(*message.view<Plain>(), plain);
  EXPECT_EQ(message.view<Look>(), nullptr);  // another type
  parts.bytes = std::span(memory).subspan(8, sizeof(Plain) - 1);
  EXPECT_EQ(message.view<Plain>(), nullptr);  // another length
  parts.bytes = std::span(memory).subspan(4, sizeof(Plain));
  EXPECT_EQ(message.view<Plain>(), nullptr);  // not aligned
  parts.tag = cortado::tag_of<Look>();
  parts.bytes = std::span(memory).first(0);
  EXPECT_NE(message.view<Look>(), nullptr);
}

TEST(Typed, takes_no_bytes_for_an_empty_message) {
  EXPECT_EQ(cortado::encoded_size(Look{}), 0U);
  EXPECT_EQ(cortado::encode(Look{}, {}), 0U);
  EXPECT_TRUE(cortado::decode<Look>({}));
  expect_malformed<Look>(Bytes(1), "length");
}

TEST(Typed, carries_the_version_of_a_versioned_class) {
  const auto back = cortado::decode<Versioned>(encoded(Versioned{-7}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->value, -7);
}

TEST(Typed, does_not_write_past_a_span_that_is_too_short) {
  std::mt19937_64 random(1);
  const Order order = random_order(random);
  const std::size_t size = cortado::encoded_size(order);
  for (std::size_t length = 0; length < size; ++length) {
    Bytes bytes(size, std::byte{0xee});
    EXPECT_EQ(cortado::encode(order, std::span(bytes).first(length)), cortado::kNotEncodable);
    for (std::size_t i = length; i < size; ++i) ASSERT_EQ(bytes[i], std::byte{0xee});
  }
  EXPECT_EQ(cortado::encode(Plain{}, {}), cortado::kNotEncodable);
}

TEST(Typed, refuses_every_proper_prefix_and_every_extension) {
  std::mt19937_64 random(3);
  Bytes bytes = encoded(random_order(random));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(cortado::decode<Order>(std::span(bytes).first(length)));
  }
  bytes.push_back({});
  expect_malformed<Order>(bytes, "left over");
}

TEST(Typed, tells_type_offset_and_reason_of_a_refusal) {
  const auto result = cortado::decode<Order>(Bytes(6));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text.rfind("decode 'Order' version 3: at byte 4 of 6: the bytes end", 0),
            0U)
      << result.error().text;
  EXPECT_EQ(result.error().text.find('\n'), std::string::npos);
}

}  // namespace
