// Typed messages end to end, as the README shows them.
#include <cortado/cortado.hpp>

#include <atomic>
#include <thread>

#include <cereal/types/string.hpp>

#include "setting.hpp"

namespace {

using namespace conformance;

struct Order {
  std::string drink;
  static constexpr cortado::TypeInfo cortado_type{"Order", 1, "drink:string"};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(drink);
  }
};

struct Look {
  static constexpr cortado::TypeInfo cortado_type{"Look", 1, ""};
};

struct Cup {
  std::string content;
  std::uint32_t orders = 0;
  static constexpr cortado::TypeInfo cortado_type{"Cup", 1, "content:string orders:u32"};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(content, orders);
  }
};

struct Count {
  std::uint64_t number = 0;
  static constexpr cortado::TypeInfo cortado_type{"Count", 1, "number:u64"};
};

class Typed : public Setting {};

TEST_F(Typed, orders_are_applied_and_asked_for) {
  auto chosen = options();
  chosen.schemas = cortado::schemas<Order, Look>();
  auto owner = open(chosen);
  std::thread barista([&] {
    auto writer = cortado::Writer::join<Order, Look>("setting", as("barista"));
    ASSERT_TRUE(writer) << writer.error().text;
    EXPECT_EQ(writer->send(Order{"Mocha"}, 60s), cortado::SendStatus::sent);
    EXPECT_EQ(writer->try_send(Order{"Banana Shake"}), cortado::SendStatus::sent);
    auto cup = writer->ask<Cup>(Look{}, 60s);
    ASSERT_TRUE(cup) << cup.error().text;
    EXPECT_EQ(cup->content, "Banana Shake");
    EXPECT_EQ(cup->orders, 2U);
  });
  Cup buffer;
  bool left = false;
  while (!left) {
    owner.wait(kWatchdog);
    owner.drain([&](const cortado::Message& m) {
      if (auto order = m.is<Order>() ? m.as<Order>() : cortado::Error{}) {
        buffer.content = order->drink;
        ++buffer.orders;
      } else if (m.is<Look>()) {
        EXPECT_EQ(m.reply(buffer), cortado::ReplyStatus::replied);
      }
    });
    for (const cortado::Event& event : events(owner)) {
      left = left || event.kind == cortado::Event::Kind::left;
    }
  }
  barista.join();
}

TEST_F(Typed, an_answer_of_another_type_is_malformed_not_guessed) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    while (!stop.load()) {
      owner.drain([](const cortado::Message& m) { m.reply(Order{"Mocha"}); });
      owner.wait(5ms);
    }
  });
  auto cup = writer.ask<Cup>(Look{}, kWatchdog);
  stop.store(true);
  thread.join();
  ASSERT_FALSE(cup);
  EXPECT_EQ(cup.error().code, cortado::Errc::malformed);
}

TEST_F(Typed, a_plain_message_or_question_is_seen_where_it_stands) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  ASSERT_EQ(writer.try_send(Count{7}), cortado::SendStatus::sent);
  std::atomic<bool> stop{false};
  std::uint64_t sum = 0;
  std::thread thread([&] {
    while (!stop.load()) {
      owner.drain([&](const cortado::Message& m) {
        const Count* const count = m.view<Count>();
        ASSERT_NE(count, nullptr);
        EXPECT_EQ(static_cast<const void*>(count), m.bytes().data());
        sum += count->number;
        if (m.is_ask()) m.reply(Count{sum});
      });
      owner.wait(5ms);
    }
  });
  auto answer = writer.ask<Count>(Count{35}, kWatchdog);
  stop.store(true);
  thread.join();
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(answer->number, 42U);
}

TEST_F(Typed, bytes_of_another_type_are_malformed_not_guessed) {
  auto owner = open();
  auto writer = writer_of(owner, "a");
  ASSERT_EQ(writer.try_send("no order"), cortado::SendStatus::sent);
  owner.drain([](const cortado::Message& m) {
    auto order = m.as<Order>();
    ASSERT_FALSE(order);
    EXPECT_EQ(order.error().code, cortado::Errc::malformed);
  });
}

}  // namespace
