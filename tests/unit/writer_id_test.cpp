// Which writer it is: given by the first owner, presented to each next one, and nobody else's.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../support/estate.hpp"
#include "../support/fault.hpp"
#include "../support/keep.hpp"
#include "forked_child.hpp"
#include "lane/handshake.hpp"
#include "lane/rendezvous.hpp"
#include "os/unix_socket.hpp"
#include "temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

class WriterIdentity : public ::testing::Test {
 protected:
  static constexpr const char* kName = "identity";

  Owner open(bool manual_release = false) const {
    OwnerOptions options;
    options.directory = directory.path();
    options.manual_release = manual_release;
    auto owner = Owner::open(kName, options);
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  }
  static Writer writer_of(Owner& owner, const std::string& name) {
    JoinOptions options;
    options.name = name;
    auto writer = owner.make_writer(options);
    EXPECT_TRUE(writer) << writer.error().text;
    return std::move(*writer);
  }

  struct Seen {
    WriterId id;
    std::uint64_t sequence;
    std::uint32_t uid;
    std::string text;
  };
  /// Drains until so many messages came.
  static std::vector<Seen> hear(Owner& owner, std::size_t count) {
    std::vector<Seen> seen;
    const auto note = [&](const Message& m) {
      seen.push_back({m.writer_id(), m.sequence(), m.writer_uid(), std::string(m.text())});
    };
    while (seen.size() < count) {
      if (owner.drain(note) == 0) owner.wait(kWatchdog);
    }
    return seen;
  }

  /// What an owner that drains says to who presents `id` under `name`. By hand, in the process that
  /// calls.
  lane::Welcome say_hello(const WriterId& id, const std::string& name) const {
    auto socket = connect_to_owner(kName, directory.path());
    lane::Welcome welcome;
    welcome.refused = ~std::uint32_t{0};
    if (!socket) return welcome;
    lane::Hello hello;
    hello.identity = id;
    hello.first_sequence = 1'000'000;
    lane::set_text(hello.name, name);
    std::vector<os::Descriptor> handed;
    if (::send(socket->get(), &hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello) {
      pollfd answered{socket->get(), POLLIN, 0};
      ::poll(&answered, 1, -1);
      os::receive_message(socket->get(), std::as_writable_bytes(std::span(&welcome, 1)), handed, 3,
                          0);
    }
    return welcome;
  }
  /// The exit status of a child that says Hello; nobody sends meanwhile.
  static int serve_until_exit(Owner& owner, ForkedChild& child) {
    siginfo_t ended{};
    while (ended.si_pid == 0) {
      owner.drain([](const Message&) { ADD_FAILURE() << "a message"; });
      owner.wait(1ms);
      ::waitid(P_PID, static_cast<id_t>(child.pid()), &ended, WEXITED | WNOHANG | WNOWAIT);
    }
    return child.wait();
  }
  static std::uint32_t refused_as(Errc code) { return 1 + static_cast<std::uint32_t>(code); }

  TemporaryDirectory directory;
};

TEST_F(WriterIdentity, is_given_at_the_first_join_and_told_to_the_handler) {
  Owner owner = open();
  Writer a = writer_of(owner, "a");
  Writer b = writer_of(owner, "b");
  EXPECT_TRUE(a.id());
  EXPECT_TRUE(b.id());
  EXPECT_NE(a.id(), b.id());
  ASSERT_EQ(a.try_send("from a"), SendStatus::sent);
  ASSERT_EQ(b.try_send("from b"), SendStatus::sent);
  for (const Seen& each : hear(owner, 2)) {
    EXPECT_EQ(each.id, each.text == "from a" ? a.id() : b.id());
    EXPECT_EQ(each.uid, ::geteuid());
  }
}

TEST_F(WriterIdentity, of_the_same_name_differs_from_the_last_ones) {
  Owner owner = open();
  const WriterId first = writer_of(owner, "a").id();
  while (owner.writers() != 0) {
    if (owner.drain([](const Message&) {}) == 0) owner.wait(kWatchdog);
  }
  EXPECT_NE(writer_of(owner, "a").id(), first);
}

TEST_F(WriterIdentity, and_sequence_go_on_under_the_next_owner) {
  auto first = std::make_unique<Owner>(open());
  Writer writer = writer_of(*first, "a");
  const WriterId id = writer.id();
  ASSERT_EQ(writer.try_send("0"), SendStatus::sent);
  hear(*first, 1);
  ASSERT_EQ(writer.try_send("1"), SendStatus::sent);
  first.reset();
  Owner next = open();
  ForkedChild other([this](Line& line) {
    JoinOptions options;
    options.directory = directory.path();
    auto joined = Writer::join(kName, options);
    line.tell(joined ? 'j' : 'x');
    line.hear();
    return 0;
  });
  while (writer.poll() != SendStatus::sent) next.drain([](const Message&) { FAIL(); }, {0});
  const auto seen = hear(next, 1);
  EXPECT_EQ(writer.id(), id);
  EXPECT_EQ(seen[0].id, id);
  EXPECT_EQ(seen[0].sequence, 1U);
  while (next.writers() < 2) {
    next.drain([](const Message&) { FAIL(); });
    next.wait(1ms);
  }
  EXPECT_EQ(other.line().hear(), 'j') << "others may join meanwhile";
}

TEST(WriterIdentityUnderAKeeper, is_known_to_the_next_owner) {
  Keep keep;
  const OwnerBody body = [](Owner& owner, const Reports& reports) {
    for (;;) {
      std::vector<std::string> ids;
      owner.drain([&](const Message& m) { ids.push_back(m.writer_id().text()); });
      for (const std::string& id : ids) reports.tell(id);
      while (auto event = owner.next_event()) reports.tell(told(*event));
      if (ids.empty()) owner.wait(kWatchdog);
    }
  };
  keep.start(body);
  Writer writer = keep.join("w");
  keep.heard_until("joined w");
  ASSERT_EQ(writer.try_send("x"), SendStatus::sent);
  keep.heard_until(writer.id().text());
  keep.kill();
  keep.start(body);
  ASSERT_EQ(writer.try_send("y"), SendStatus::sent);
  keep.heard_all({"adopted w", writer.id().text()});
}

TEST(WriterIdentityUnderAKeeper, in_a_kept_segment_without_identities_is_refused) {
  Estate estate(0);
  estate.begin({0, 0});
  estate.header().magic.store(0x315f7470656b6f63ULL);  // "cokept_1"
  estate.hand_over();
  auto owner = Owner::open(Estate::kName);
  ASSERT_FALSE(owner);
  EXPECT_EQ(owner.error().code, Errc::schema_mismatch);
  EXPECT_NE(owner.error().text.find("another cortado"), std::string::npos) << owner.error().text;
}

/// Two processes besides the owner's: one that sends, one that presents its identity all the while.
TEST_F(WriterIdentity, of_a_live_writer_is_refused_to_another_process) {
  Fault fault("copied-writer-identity");
  constexpr std::size_t kMessages = 2000;
  Owner owner = open();
  ForkedChild honest([this](Line& line) {
    JoinOptions options;
    options.directory = directory.path();
    options.name = "honest";
    auto writer = Writer::join(kName, options);
    if (!writer) return 1;
    for (std::size_t i = 0; i < kMessages; ++i) {
      if (i == kMessages / 2 && line.hear() != 'g') return 2;
      if (writer->send(std::to_string(i), kWatchdog) != SendStatus::sent) return 3;
    }
    return writer->close(kWatchdog) == 0 && writer->stats().rejoins == 0 ? 0 : 4;
  });
  auto seen = hear(owner, kMessages / 2);
  const WriterId stolen = seen[0].id;
  ForkedChild thief([&](Line&) {
    int refused = 0;
    for (const char* name : {"honest", "thief", ""}) {
      const lane::Welcome welcome = say_hello(stolen, name);
      const std::string_view text = lane::get_text(welcome.text);
      const bool named = text.find("'honest'") != std::string_view::npos;
      refused += welcome.refused == refused_as(Errc::name_in_use) && named ? 1 : 0;
    }
    return refused;
  });
  const int refusals = serve_until_exit(owner, thief);
  EXPECT_EQ(refusals, 3);
  fault.fired(static_cast<std::uint64_t>(refusals));
  EXPECT_EQ(owner.writers(), 1U);
  honest.line().tell('g');
  for (Seen& each : hear(owner, kMessages / 2)) seen.push_back(std::move(each));
  for (std::size_t i = 0; i < kMessages; ++i) {
    EXPECT_EQ(seen[i].id, stolen);
    EXPECT_EQ(seen[i].sequence, i);
    EXPECT_EQ(seen[i].text, std::to_string(i));
  }
  while (owner.writers() != 0) {
    if (owner.drain([](const Message&) {}) == 0) owner.wait(kWatchdog);
  }
  EXPECT_EQ(honest.wait(), 0);
}

TEST_F(WriterIdentity, of_one_that_is_still_being_read_has_to_wait) {
  Owner owner = open(true);
  WriterId id;
  {
    Writer writer = writer_of(owner, "gone");
    id = writer.id();
    ASSERT_EQ(writer.try_send("last"), SendStatus::sent);
  }
  hear(owner, 1);
  const auto answer = [&] {
    ForkedChild child([&](Line&) { return static_cast<int>(say_hello(id, "another").refused); });
    return serve_until_exit(owner, child);
  };
  EXPECT_EQ(answer(), static_cast<int>(refused_as(Errc::try_again)));
  owner.release_all();
  EXPECT_EQ(answer(), 0) << "it left: this is how it would come back";
}

}  // namespace
}  // namespace cortado::test
