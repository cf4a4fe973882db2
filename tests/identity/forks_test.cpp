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

class ForkedOwner : public Meeting {
 public:
  /// An owner that handles one message, then leaves a child behind that has all it had, and waits
  /// to be killed.
  int own_and_fork(Line& line) const {
    auto owner = open();
    line.tell('o');
    std::size_t handled = 0;
    while (handled == 0) {
      handled = owner.drain([](const cortado::Message&) {});
      if (handled == 0) owner.wait(kWatchdog);
    }
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      line.tell('f');
      line.hear();  // until the test is over
      ::_exit(0);
    }
    for (;;) ::pause();
  }
};

TEST_F(ForkedOwner, that_dies_leaves_its_name_and_its_writers_to_the_next_though_its_child_lives) {
  Fault fault("owner-forks");
  ForkedChild first([this](Line& line) { return own_and_fork(line); });
  ASSERT_EQ(first.line().hear(), 'o');
  cortado::Writer writer = joined("w");
  ASSERT_EQ(writer.try_send("applied"), SendStatus::sent);
  ASSERT_TRUE(writer.wait_applied(kWatchdog));
  ASSERT_EQ(first.line().hear(), 'f');
  ASSERT_EQ(writer.try_send("unread"), SendStatus::sent);
  first.kill();
  first.wait();
  fault.fired();
  // Nobody listens, though the child's copy of the listener is open.
  EXPECT_EQ(writer.poll(), SendStatus::no_owner);
  EXPECT_EQ(writer.poll(), SendStatus::no_owner);
  EXPECT_EQ(writer.send(std::string_view("nothing is written"), 10ms), SendStatus::no_owner);
  const auto late = cortado::Writer::join("setting", as("late"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::no_owner) << late.error().text;

  auto next = open();
  serve_until(next, [&] { return writer.poll() == SendStatus::sent; });
  ASSERT_EQ(writer.try_send("more"), SendStatus::sent);
  serve_until_heard(next, 2);
  EXPECT_EQ(heard, (Texts{"w: unread", "w: more"}));
}

TEST_F(ForkedOwner, that_dies_while_a_writer_knocks_keeps_it_not_from_the_next) {
  Fault fault("owner-forks");
  ForkedChild first([this](Line& line) { return own_and_fork(line); });
  ASSERT_EQ(first.line().hear(), 'o');
  {
    cortado::Writer writer = joined("w");
    ASSERT_EQ(writer.try_send("go on"), SendStatus::sent);
    ASSERT_EQ(first.line().hear(), 'f');
  }
  // The owner does not drain any more: this one has knocked, and waits when the owner dies.
  ForkedChild knocking([this](Line& line) {
    line.tell('k');
    cortado::Writer writer = joined("knocking");
    return writer.try_send("at last") == SendStatus::sent ? 0 : 1;
  });
  ASSERT_EQ(knocking.line().hear(), 'k');
  ::usleep(20'000);  // it has most likely knocked; nothing here depends on that
  first.kill();
  first.wait();
  fault.fired();
  auto next = open();
  serve_until_heard(next, 1);
  EXPECT_EQ(heard, Texts{"knocking: at last"});
  EXPECT_EQ(knocking.wait(), 0);
}

/// The process that listened lives: that tells nothing.
TEST_F(ForkedOwner, that_ends_in_order_while_a_writer_knocks_keeps_it_not_from_the_next) {
  Fault fault("owner-forks");
  std::optional<cortado::Owner> owner(open());
  ForkedChild knocking([this](Line&) {  // it has the listener, too
    cortado::Writer writer = joined("knocking");
    return writer.try_send("at last") == SendStatus::sent ? 0 : 1;
  });
  pollfd knocked{owner->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&knocked, 1, 60'000), 1);
  owner.reset();
  fault.fired();
  owner.emplace(open());
  serve_until_heard(*owner, 1);
  EXPECT_EQ(heard, Texts{"knocking: at last"});
  EXPECT_EQ(knocking.wait(), 0);
}

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
