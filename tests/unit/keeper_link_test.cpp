// The link between keeper and owner, both ends in one process.
#include "lane/keeper_link.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "lane/keeper_end.hpp"
#include "lane/keeper_protocol.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/resource_limits.hpp"
#include "os/unix_socket.hpp"

namespace cortado::lane {
namespace {

using namespace std::chrono_literals;
using Kind = KeeperMessage::Kind;

/// A watchdog, not an expectation.
auto soon() {
  return std::chrono::steady_clock::now() + 30s;
}

ino_t inode(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

bool hung_up(int socket) {
  pollfd entry{socket, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLHUP | POLLRDHUP)) != 0;
}

/// A lane's descriptors as an owner has them; `peer` is the writer's end of the connection.
struct OwnLane {
  explicit OwnLane(bool with_process) {
    segment = std::move(*os::create_memory_file("lane", 4096));
    doorbell = std::move(*os::create_event());
    auto pair = os::socket_pair();
    connection = std::move(pair->first);
    peer = std::move(pair->second);
    if (with_process) process = std::move(*os::create_event());
  }
  Result<void> offer(KeeperLink& link, std::uint32_t lane_id) const {
    return link.offer_lane(lane_id, segment.get(), doorbell.get(), connection.get(), process.get());
  }
  os::Descriptor segment, doorbell, connection, process, peer;
};

struct KeeperLinkTest : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(os::raise_descriptor_limit());
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 4096) GTEST_SKIP() << "needs 4096 descriptors in one process";
    listener = std::move(*os::create_memory_file("listener", 4096));
    keeper.emplace("orders", listener.get(), 1000);
  }
  void TearDown() override { ::unsetenv(kKeeperVariable); }

  /// The next owner, as it finds itself started.
  std::optional<KeeperLink> next_owner() {
    auto socket = keeper->begin_generation();
    EXPECT_TRUE(socket);
    const std::string value = std::to_string(socket->release()) + ":orders";
    ::setenv(kKeeperVariable, value.c_str(), 1);
    return KeeperLink::from_environment("orders");
  }
  /// Receives while the keeper serves in its own thread.
  Result<Inheritance> receive(KeeperLink& link) {
    std::atomic<bool> done = false;
    std::thread serving([&] {
      while (!done) {
        EXPECT_TRUE(keeper->serve());
        std::this_thread::yield();
      }
    });
    auto inheritance = link.receive(soon());
    done = true;
    serving.join();
    EXPECT_TRUE(keeper->serve());
    return inheritance;
  }
  /// An owner that has taken over and offered lanes 1 to `count`, every second one with a pidfd.
  KeeperLink owner_with_lanes(std::uint32_t count) {
    auto link = next_owner();
    EXPECT_TRUE(receive(*link));
    for (std::uint32_t id = 1; id <= count; ++id) {
      OwnLane lane(id % 2 == 0);
      EXPECT_TRUE(lane.offer(*link, id));
      EXPECT_TRUE(keeper->serve());
      segments[id] = inode(lane.segment.get());
      peers[id] = std::move(lane.peer);
    }
    return std::move(*link);
  }

  os::Descriptor listener;
  std::optional<KeeperEnd> keeper;
  std::map<std::uint32_t, ino_t> segments;
  std::map<std::uint32_t, os::Descriptor> peers;
};

TEST_F(KeeperLinkTest, is_not_taken_by_an_owner_of_another_name) {
  auto socket = keeper->begin_generation();
  ASSERT_TRUE(socket);
  const std::string value = std::to_string(socket->get()) + ":orders";
  ::setenv(kKeeperVariable, value.c_str(), 1);
  EXPECT_FALSE(KeeperLink::from_environment("order"));
  EXPECT_STREQ(std::getenv(kKeeperVariable), value.c_str());
}

TEST_F(KeeperLinkTest, is_not_made_from_a_variable_that_names_no_seqpacket_socket) {
  const std::string file = std::to_string(listener.get()) + ":orders";
  for (const std::string& value : {std::string(), std::string("x:orders"), std::string("-1:orders"),
                                   std::string("999999:orders"), std::string(":orders"), file}) {
    ::setenv(kKeeperVariable, value.c_str(), 1);
    EXPECT_FALSE(KeeperLink::from_environment("orders")) << value;
  }
}

TEST_F(KeeperLinkTest, is_hidden_from_the_owners_own_children) {
  auto link = next_owner();
  ASSERT_TRUE(link);
  EXPECT_EQ(std::getenv(kKeeperVariable), nullptr);
  EXPECT_EQ(::fcntl(link->fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(KeeperLinkTest, gives_the_first_owner_the_listener_and_nothing_kept) {
  auto link = next_owner();
  auto inheritance = receive(*link);
  ASSERT_TRUE(inheritance);
  EXPECT_EQ(inheritance->name, "orders");
  EXPECT_EQ(inheritance->generation, 1U);
  EXPECT_EQ(inode(inheritance->listener.get()), inode(listener.get()));
  EXPECT_FALSE(inheritance->kept);
  EXPECT_TRUE(inheritance->lanes.empty());
  EXPECT_TRUE(keeper->handed_over());
}

TEST_F(KeeperLinkTest, hands_130_lanes_and_the_kept_segment_to_the_next_owner) {
  {
    KeeperLink first = owner_with_lanes(130);
    ASSERT_TRUE(first.offer_kept(listener.get()));
  }
  auto second = next_owner();
  auto inheritance = receive(*second);
  ASSERT_TRUE(inheritance) << inheritance.error().text;
  EXPECT_EQ(inheritance->generation, 2U);
  EXPECT_EQ(inode(inheritance->kept.get()), inode(listener.get()));
  ASSERT_EQ(inheritance->lanes.size(), 130U);
  std::uint32_t expected = 0;
  for (const LaneHandles& lane : inheritance->lanes) {
    EXPECT_EQ(lane.lane_id, ++expected);
    EXPECT_EQ(inode(lane.segment.get()), segments[lane.lane_id]);
    EXPECT_EQ(static_cast<bool>(lane.process), lane.lane_id % 2 == 0);
    EXPECT_EQ(::fcntl(lane.connection.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_FALSE(hung_up(peers[lane.lane_id].get()));
  }
  EXPECT_TRUE(keeper->handed_over());
}

TEST_F(KeeperLinkTest, sends_at_most_63_lanes_before_each_acknowledgement) {
  { KeeperLink first = owner_with_lanes(130); }
  auto socket = keeper->begin_generation();
  ASSERT_TRUE(socket);
  std::vector<std::uint32_t> counts;
  std::vector<std::uint32_t> remaining;
  std::vector<os::Descriptor> descriptors;
  for (;;) {
    KeeperMessage message;
    const auto receive_next = [&] {
      return os::receive_message(socket->get(), message.buffer(), descriptors, 253, MSG_DONTWAIT);
    };
    ASSERT_TRUE(keeper->serve());
    if (receive_next() <= 0) break;
    counts.push_back(message.count);
    remaining.push_back(message.remaining);
    ASSERT_TRUE(keeper->serve());
    EXPECT_EQ(receive_next(), -EAGAIN) << "a message that nothing acknowledged yet";
    KeeperMessage acknowledge;
    acknowledge.kind = Kind::acknowledge;
    ASSERT_GT(os::send_message(socket->get(), acknowledge.wire(), {}, 0), 0);
  }
  EXPECT_EQ(counts, (std::vector<std::uint32_t>{0, 63, 63, 4}));
  EXPECT_EQ(remaining, (std::vector<std::uint32_t>{130, 67, 4, 0}));
}

TEST_F(KeeperLinkTest, begins_the_hand_over_anew_when_a_successor_dies_in_the_middle) {
  test::Fault fault("owner-killed-in-adopt");
  { KeeperLink first = owner_with_lanes(130); }
  {
    auto socket = keeper->begin_generation();
    ASSERT_TRUE(socket);
    KeeperMessage acknowledge;
    acknowledge.kind = Kind::acknowledge;
    ASSERT_GT(os::send_message(socket->get(), acknowledge.wire(), {}, 0), 0);
    ASSERT_TRUE(keeper->serve());
  }
  fault.fired();
  auto third = next_owner();
  auto inheritance = receive(*third);
  ASSERT_TRUE(inheritance) << inheritance.error().text;
  EXPECT_EQ(inheritance->generation, 3U);
  EXPECT_EQ(inheritance->lanes.size(), 130U);
}

TEST_F(KeeperLinkTest, keeps_what_an_owner_offered_before_it_died_unheard) {
  {
    auto first = next_owner();  // never reads its greeting: its death is a reset, not a plain end
    KeeperMessage message;
    message.kind = Kind::lane;
    message.count = 1;
    message.entries[0] = {7, 3};
    const OwnLane lane(false);
    const std::vector<int> descriptors{lane.segment.get(), lane.doorbell.get(),
                                       lane.connection.get()};
    ASSERT_GT(os::send_message(first->fd(), message.wire(), descriptors, 0), 0);
    ASSERT_TRUE(first->offer_kept(listener.get()));
  }
  auto second = next_owner();
  auto inheritance = receive(*second);
  ASSERT_TRUE(inheritance);
  EXPECT_TRUE(inheritance->kept);
  ASSERT_EQ(inheritance->lanes.size(), 1U);
  EXPECT_EQ(inheritance->lanes[0].lane_id, 7U);
}

TEST_F(KeeperLinkTest, closes_a_retired_lane_in_the_keeper) {
  KeeperLink link = owner_with_lanes(2);
  EXPECT_FALSE(hung_up(peers[1].get()));
  link.retire_lane(1);
  ASSERT_TRUE(keeper->serve());
  EXPECT_EQ(keeper->lanes(), 1U);
  EXPECT_TRUE(hung_up(peers[1].get()));
  EXPECT_FALSE(hung_up(peers[2].get()));
}

TEST_F(KeeperLinkTest, answers_try_again_when_the_keeper_does_not_read) {
  KeeperLink link = owner_with_lanes(0);
  const OwnLane lane(false);
  std::uint32_t offered = 0;
  Result<void> last = lane.offer(link, 1);
  while (last && offered < 1000) last = lane.offer(link, ++offered + 1);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Errc::try_again);
  EXPECT_GE(offered, 1U);

  // Retirements that do not fit are not lost, and go before a new offer.
  for (std::uint32_t id = 1; id <= offered; ++id) link.retire_lane(id);
  EXPECT_FALSE(link.flush());
  EXPECT_FALSE(lane.offer(link, 5000));
  ASSERT_TRUE(keeper->serve());
  EXPECT_EQ(keeper->lanes(), offered);
  EXPECT_TRUE(lane.offer(link, 5000));
  ASSERT_TRUE(keeper->serve());
  EXPECT_EQ(keeper->lanes(), 1U);
}

TEST_F(KeeperLinkTest, refuses_more_lanes_than_the_keeper_can_hold) {
  keeper.emplace("orders", listener.get(), 2);
  KeeperLink link = owner_with_lanes(2);
  const OwnLane lane(false);
  const auto third = lane.offer(link, 3);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::descriptors);
  link.retire_lane(1);
  EXPECT_TRUE(lane.offer(link, 3));
}

TEST_F(KeeperLinkTest, reports_a_broken_message_and_goes_on_with_the_next) {
  auto link = next_owner();
  ASSERT_TRUE(receive(*link));
  const OwnLane lane(false);
  const std::vector<int> two{lane.segment.get(), lane.doorbell.get()};
  KeeperMessage short_of_descriptors;
  short_of_descriptors.kind = Kind::lane;
  short_of_descriptors.count = 1;
  short_of_descriptors.entries[0] = {1, 3};
  KeeperMessage unknown;
  unknown.kind = static_cast<Kind>(77);
  KeeperMessage too_many;
  too_many.kind = Kind::retire;
  too_many.count = 64;
  const std::vector<std::byte> noise(5);
  const std::vector<std::byte> long_noise(1000);
  const auto head = std::as_bytes(std::span(&too_many, 1)).first(KeeperMessage::bytes_for(0));
  ASSERT_GT(os::send_message(link->fd(), short_of_descriptors.wire(), two, 0), 0);
  ASSERT_GT(os::send_message(link->fd(), unknown.wire(), {}, 0), 0);
  ASSERT_GT(os::send_message(link->fd(), head, {}, 0), 0);
  ASSERT_GT(os::send_message(link->fd(), noise, {}, 0), 0);
  ASSERT_GT(os::send_message(link->fd(), long_noise, {}, 0), 0);
  ASSERT_TRUE(lane.offer(*link, 9));

  for (int broken = 0; broken < 5; ++broken) {
    const auto served = keeper->serve();
    ASSERT_FALSE(served) << broken;
    EXPECT_EQ(served.error().code, Errc::malformed);
  }
  EXPECT_TRUE(keeper->serve());
  EXPECT_EQ(keeper->lanes(), 1U);
}

TEST_F(KeeperLinkTest, times_out_when_the_keeper_is_silent) {
  { KeeperLink first = owner_with_lanes(1); }
  auto second = next_owner();
  const auto inheritance = second->receive(std::chrono::steady_clock::now() + 1ms);
  ASSERT_FALSE(inheritance);
  EXPECT_EQ(inheritance.error().code, Errc::timed_out);
}

TEST_F(KeeperLinkTest, tells_the_owner_by_hang_up_that_the_keeper_is_gone) {
  KeeperLink link = owner_with_lanes(1);
  EXPECT_FALSE(hung_up(link.fd()));
  keeper.reset();
  EXPECT_TRUE(hung_up(link.fd()));
  const OwnLane lane(false);
  const auto offered = lane.offer(link, 2);
  ASSERT_FALSE(offered);
  EXPECT_EQ(offered.error().code, Errc::system);
  link.retire_lane(1);
  EXPECT_TRUE(link.flush());
}

}  // namespace
}  // namespace cortado::lane
