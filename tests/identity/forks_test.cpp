// Owners and writers that fork. What a process made before it forked is its own: the child changes
// nothing of it, and holding all its descriptors the child keeps nobody from anything either.
#include <cortado/typed.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include <sys/wait.h>

#include <cereal/types/string.hpp>
#include <poll.h>

#include "meeting.hpp"

namespace {

using namespace identity;

class ForkedOwner : public Meeting {};

TEST_F(ForkedOwner, is_not_disturbed_by_a_child_that_returns_from_the_handler) {
  Fault fault("owner-forks");
  auto owner = open();
  ForkedChild writing([this](Line& line) {
    cortado::Writer writer = joined("w");
    for (const char* text : {"1", "2"}) {
      if (writer.try_send(text) != SendStatus::sent) return 1;
    }
    line.tell('s');
    const auto answer = writer.ask("fork", kWatchdog);
    if (!answer || *answer != "of the parent") return 2;
    return writer.try_send("3") == SendStatus::sent && writer.close(kWatchdog) == 0 ? 0 : 3;
  });
  bool child = false;
  std::size_t behind_the_fork = 0;
  const auto handler = [&](const cortado::Message& m) {
    if (child) ++behind_the_fork;
    heard.emplace_back(m.text());
    if (m.text() != "fork") return;
    const pid_t pid = ::fork();
    child = pid == 0;
    if (child) {
      m.reply("of the child");
      return;
    }
    int status = 0;
    ::waitpid(pid, &status, 0);  // so the child went first
    EXPECT_EQ(status, 0) << "the child went on with the owner's work";
    fault.fired();
    EXPECT_EQ(m.reply("of the parent"), cortado::ReplyStatus::replied);
  };
  for (bool over = false; !over;) {
    const std::size_t handled = owner.drain(handler);
    if (child) ::_exit(behind_the_fork == 0 && owner.drain(handler) == 0 ? 0 : 1);
    if (handled == 0) owner.wait(kWatchdog);
    for (const auto& event : events(owner)) over |= event.kind == cortado::Event::Kind::left;
  }
  EXPECT_EQ(heard, (Texts{"1", "2", "fork", "3"}));
  EXPECT_EQ(writing.wait(), 0);
}

struct Order {
  static constexpr cortado::TypeInfo cortado_type{"Order", 1, "cup"};
  std::string cup;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cup);
  }
};

class ForkedWriter : public Meeting {};

/// 0, or the number of the first call that does not say `forked`.
int call_everything(cortado::Writer& writer, cortado::Claim& claimed) {
  const auto deadline = std::chrono::steady_clock::now() + 1s;
  const Order order{"Mocha"};
  const std::array statuses{writer.try_send("x"),
                            writer.send(std::string_view("x"), 1s),
                            writer.send(std::string_view("x"), deadline),
                            writer.try_send(order),
                            writer.send(order, deadline),
                            writer.claim(8).status(),
                            writer.claim_until(8, deadline).status(),
                            claimed.commit(),
                            writer.poll()};
  int number = 1;
  for (const SendStatus status : statuses) {
    if (status != SendStatus::forked) return number;
    ++number;
  }
  const std::array errors{writer.ask("x", 1s).error().code,
                          writer.ask<Order>(order, 1s).error().code,
                          writer.wait_applied(1s).error().code};
  for (const Errc error : errors) {
    if (error != Errc::forked) return number;
    ++number;
  }
  return 0;
}

TEST_F(ForkedWriter, says_so_in_the_child_whatever_is_called_and_goes_on_in_the_parent) {
  Fault fault("writer-forks");
  auto owner = open();
  auto writer = std::make_unique<cortado::Writer>(writer_of(owner, "w"));
  pollfd readable{writer->fd(), POLLIN, 0};
  ASSERT_EQ(writer->try_send("before"), SendStatus::sent);
  std::optional<cortado::Claim> claimed(writer->claim(8));
  ASSERT_TRUE(*claimed);
  ForkedChild child([&](Line&) {
    const int number = call_everything(*writer, *claimed);
    if (number != 0) return number;
    if (writer->unreleased() != 1 || writer->sequence() != 1) return 31;
    if (writer->max_message() == 0 || writer->name() != "w") return 32;
    if (writer->fd() != readable.fd || writer->stats().sent != 1) return 33;
    if (writer->close(1s) != 1 || writer->close(1s) != 1) return 34;
    cortado::Writer moved = std::move(*writer);
    return moved.poll() == SendStatus::forked ? 0 : 35;  // and is destroyed here
  });
  EXPECT_EQ(child.wait(), 0);
  fault.fired();
  EXPECT_EQ(::poll(&readable, 1, 0), 0) << "nobody woke the parent";
  std::memcpy(claimed->bytes().data(), "claimed!", 8);
  EXPECT_EQ(claimed->commit(), SendStatus::sent);
  ASSERT_EQ(writer->try_send("after"), SendStatus::sent);
  serve_until_heard(owner, 3);
  EXPECT_EQ(heard, (Texts{"w: before", "w: claimed!", "w: after"}));
  EXPECT_EQ(owner.writers(), 1U);
  EXPECT_EQ(left.size(), 0U);
  EXPECT_EQ(writer->close(kWatchdog), 0U);
}

TEST_F(ForkedWriter, both_sending_all_the_time_is_one_stream_and_the_child_joins_anew) {
  Fault fault("writer-forks");
  auto owner = open();
  constexpr int kMessages = 20'000;
  ForkedChild parent([this](Line&) {
    cortado::Writer writer = joined("parent");
    ForkedChild child([&](Line&) {
      cortado::Writer own = joined("child");
      for (int i = 0; i < kMessages; ++i) {
        if (writer.try_send("of the child") != SendStatus::forked) return 1;
        if (own.send(std::to_string(i), kWatchdog) != SendStatus::sent) return 2;
      }
      return own.close(kWatchdog) == 0 ? 0 : 3;
    });
    for (int i = 0; i < kMessages; ++i) {
      if (writer.send(std::to_string(i), kWatchdog) != SendStatus::sent) return 4;
    }
    return writer.close(kWatchdog) == 0 ? child.wait() : 5;
  });
  serve_until_left(owner, 2);
  EXPECT_EQ(parent.wait(), 0);
  fault.fired();
  int of_parent = 0;
  int of_child = 0;
  for (const std::string& each : heard) {
    int& next = each.starts_with("parent") ? of_parent : of_child;
    const std::string expected = each.substr(0, each.find(' ') + 1) + std::to_string(next++);
    ASSERT_EQ(each, expected);
  }
  EXPECT_EQ(of_parent, kMessages);
  EXPECT_EQ(of_child, kMessages);
  for (const cortado::Event& event : left) EXPECT_EQ(event.how, Left::closed) << event.writer;
}

}  // namespace
