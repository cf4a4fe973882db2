// Owners without a keeper: the last thing that one does, and what the next one is given.
#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include <sys/socket.h>
#include <sys/syscall.h>

#include <poll.h>
#include <unistd.h>

#include "setting.hpp"

namespace {

/// Of this thread's next calls of recvmsg, the first finds nothing, and those after it wait for
/// what comes: so the answer to a Hello comes exactly between two looks for it.
thread_local bool answer_comes_between = false;
thread_local bool looked = false;

}  // namespace

/// In place of the C library's.
extern "C" ssize_t recvmsg(int socket, msghdr* message, int flags) {
  if (answer_comes_between && !std::exchange(looked, true)) {
    errno = EAGAIN;
    return -1;
  }
  if (answer_comes_between) {
    pollfd state{socket, POLLIN, 0};
    ::poll(&state, 1, -1);
  }
  return ::syscall(SYS_recvmsg, socket, message, flags);
}

namespace {

using namespace conformance;
using cortado::SendStatus;

class NextOwner : public Setting {};

TEST_F(NextOwner, that_is_found_by_a_send_without_room_does_not_make_it_sent) {
  for (const bool by_claim : {false, true}) {
    auto chosen = options();
    chosen.ring_bytes = 4096;
    auto first = std::make_unique<cortado::Owner>(open(chosen));
    auto writer = writer_of(*first, "a");
    while (writer.sequence() < 3) {
      ASSERT_EQ(writer.try_send(std::string(1000, ' ')), SendStatus::sent);
    }
    first.reset();
    auto next = open(chosen);
    std::atomic<bool> done{false};
    std::size_t received = 0;
    std::thread owner([&] {
      while (!done) received += next.drain([](const cortado::Message&) {});
      received += drain(next).size();
    });
    answer_comes_between = true;
    looked = false;
    const std::uint64_t before = writer.sequence();
    const std::string text(2000, ' ');
    const SendStatus status = by_claim ? writer.claim(text.size()).status() : writer.try_send(text);
    answer_comes_between = false;
    EXPECT_TRUE(looked);
    EXPECT_EQ(writer.stats().rejoins, 1U);
    EXPECT_EQ(status, SendStatus::full);
    EXPECT_EQ(writer.sequence(), before);
    EXPECT_EQ(writer.close(kWatchdog), 0U);
    done = true;
    owner.join();
    EXPECT_EQ(received, before);
  }
}

TEST_F(NextOwner, gets_a_backlog_that_is_larger_than_its_ring_though_it_sleeps) {
  auto first = std::make_unique<cortado::Owner>(open());
  auto writer = writer_of(*first, "a");
  constexpr std::size_t kMessages = 50;
  for (std::size_t i = 0; i < kMessages; ++i) {
    ASSERT_EQ(writer.try_send(std::to_string(i) + std::string(1000, ' ')), SendStatus::sent);
  }
  first.reset();
  auto chosen = options();
  chosen.ring_bytes = 4096;
  auto next = open(chosen);
  std::thread closing([&] { EXPECT_EQ(writer.close(kWatchdog), 0U); });
  std::size_t received = 0;
  while (received < kMessages) {
    const std::size_t now = next.drain([&](const cortado::Message& m) {
      EXPECT_EQ(std::stoul(std::string(m.text())), received++);
      EXPECT_FALSE(m.redelivered());
    });
    if (now == 0 && !next.wait(kWatchdog)) {
      ADD_FAILURE() << "the owner slept over the backlog, after " << received;
      break;
    }
  }
  EXPECT_EQ(departure(next).how, cortado::Left::closed);
  closing.join();
}

TEST_F(NextOwner, is_not_needed_for_an_answer_that_the_last_one_gave) {
  for (int round = 0; round < 20; ++round) {
    auto owner = std::make_unique<cortado::Owner>(open());
    std::thread asker([joined = writer_of(*owner, "a")]() mutable {
      auto answer = joined.ask("quit", kWatchdog);
      ASSERT_TRUE(answer) << answer.error().text;
      EXPECT_EQ(*answer, "bye");
      EXPECT_EQ(joined.stats().rejoins, 0U);
    });
    const auto reply = [](const cortado::Message& m) {
      EXPECT_EQ(m.reply("bye"), cortado::ReplyStatus::replied);
    };
    while (owner->drain(reply) == 0) owner->wait(kWatchdog);
    owner.reset();
    asker.join();
  }
}

}  // namespace
