// Message types and helpers that the tests of typed messages share.
#pragma once

#include <cortado/typed.hpp>

#include <cstdlib>
#include <random>

#include <cereal/types/array.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <gtest/gtest.h>

namespace cortado::samples {

using Bytes = std::vector<std::byte>;

template <class T>
struct Box {
  T value{};
  static constexpr cortado::TypeInfo cortado_type{"Box", 1, "value"};
  friend bool operator==(const Box&, const Box&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};

enum class Size : std::uint16_t { small = 1, large = 700 };

struct Cup {
  std::string drink;
  Size size = Size::small;
  bool sugar = false;
  friend bool operator==(const Cup&, const Cup&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::make_nvp("drink", drink), size, sugar);
  }
};

struct Order {
  std::uint32_t table = 0;
  std::vector<Cup> cups;
  std::map<std::string, std::int64_t> prices;
  std::optional<Cup> spare;
  std::variant<std::monostate, std::int32_t, std::string> note;
  std::pair<double, std::uint8_t> rated;
  std::array<std::int16_t, 3> place{};
  std::vector<bool> paid;
  char code[4] = {};
  static constexpr cortado::TypeInfo cortado_type{"Order", 3, "table cups prices spare note ..."};
  friend bool operator==(const Order&, const Order&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(table, cups, prices, spare, note, rated, place, paid, code);
  }
};

struct Tree {
  std::uint8_t leaf = 0;
  std::vector<Tree> children;
  static constexpr cortado::TypeInfo cortado_type{"Tree", 1, "leaf:u8 children:Tree[]"};
  friend bool operator==(const Tree&, const Tree&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(leaf, children);
  }
};

struct Plain {
  std::uint64_t id = 0;
  float x = 0, y = 0;
  static constexpr cortado::TypeInfo cortado_type{"Plain", 1, "id:u64 x:f32 y:f32"};
  friend bool operator==(const Plain&, const Plain&) = default;
};

struct Look {
  static constexpr cortado::TypeInfo cortado_type{"Look", 1, ""};
};

template <class T>
Bytes encoded(const T& value) {
  Bytes bytes(cortado::encoded_size(value));
  EXPECT_EQ(cortado::encode(value, bytes), bytes.size());
  return bytes;
}

inline Bytes size_tag(std::uint64_t size, std::size_t more = 0) {
  Bytes bytes(sizeof(size) + more);
  std::memcpy(bytes.data(), &size, sizeof(size));
  return bytes;
}

template <class T>
void expect_round_trip(const T& value) {
  const auto back = cortado::decode<T>(encoded(value));
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(*back, value);
}

template <class T>
void expect_malformed(const Bytes& bytes, const char* why) {
  const auto result = cortado::decode<T>(bytes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, cortado::Errc::malformed);
  EXPECT_NE(result.error().text.find(why), std::string::npos) << result.error().text;
}

inline std::string random_text(std::mt19937_64& random) {
  std::string text(random() % 20, '\0');
  for (char& letter : text) letter = static_cast<char>(random());
  return text;
}

inline Cup random_cup(std::mt19937_64& random) {
  return {random_text(random), random() % 2 == 0 ? Size::small : Size::large, random() % 2 == 0};
}

inline Order random_order(std::mt19937_64& random) {
  Order order;
  order.table = static_cast<std::uint32_t>(random());
  for (auto n = random() % 5; n != 0; --n) order.cups.push_back(random_cup(random));
  for (auto n = random() % 5; n != 0; --n) {
    order.prices[random_text(random)] = static_cast<std::int64_t>(random());
  }
  if (random() % 2 == 0) order.spare = random_cup(random);
  if (random() % 3 == 0) order.note = static_cast<std::int32_t>(random());
  if (random() % 3 == 0) order.note = random_text(random);
  order.rated = {static_cast<double>(random()), static_cast<std::uint8_t>(random())};
  for (auto& place : order.place) place = static_cast<std::int16_t>(random());
  for (auto n = random() % 9; n != 0; --n) order.paid.push_back(random() % 2 == 0);
  for (char& letter : order.code) letter = static_cast<char>(random());
  return order;
}

}  // namespace cortado::samples
