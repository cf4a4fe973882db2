#include "os/unix_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "os/event_descriptor.hpp"

namespace cortado::os {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

struct UnixSocket : testing::Test {
  void SetUp() override {
    auto made = socket_pair();
    ASSERT_TRUE(made) << made.error().text;
    here = std::move(made->first);
    there = std::move(made->second);
  }

  ssize_t receive(std::size_t max_descriptors) {
    return receive_message(there.get(), buffer, received, max_descriptors, 0);
  }

  Descriptor here, there;
  std::array<std::byte, 64> buffer{};
  std::vector<Descriptor> received;
};

TEST_F(UnixSocket, carries_a_message_and_its_descriptors) {
  const auto event = create_event();
  ASSERT_TRUE(event);
  const std::array sent{event->get(), here.get()};
  ASSERT_EQ(send_message(here.get(), bytes_of("hello"), sent, 0), 5);
  ASSERT_EQ(receive(2), 5);
  EXPECT_EQ(std::memcmp(buffer.data(), "hello", 5), 0);
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(::fcntl(received[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  signal_event(received[0].get());
  std::uint64_t count = 0;
  EXPECT_EQ(::read(event->get(), &count, sizeof count), 8);
  EXPECT_EQ(count, 1U);
}

TEST_F(UnixSocket, keeps_messages_apart) {
  send_message(here.get(), bytes_of("ab"), {}, 0);
  send_message(here.get(), bytes_of("c"), {}, 0);
  EXPECT_EQ(receive(0), 2);
  EXPECT_EQ(receive(0), 1);
  EXPECT_EQ(receive(0), -EAGAIN);
}

TEST_F(UnixSocket, closes_everything_when_there_is_a_surplus) {
  for (std::size_t allowed = 0; allowed < 4; ++allowed) {
    const std::array sent{0, 1, 2, 0};
    ASSERT_EQ(send_message(here.get(), bytes_of("x"), sent, 0), 1);
    const std::size_t before = open_descriptors();
    EXPECT_EQ(receive(allowed), -EPROTO) << allowed;
    EXPECT_TRUE(received.empty());
    EXPECT_EQ(open_descriptors(), before) << allowed;
  }
}

TEST_F(UnixSocket, closes_everything_when_the_message_is_too_long) {
  const std::string text(buffer.size() + 1, 'x');
  const std::array sent{0, 1};
  ASSERT_GT(send_message(here.get(), bytes_of(text), sent, 0), 0);
  const std::size_t before = open_descriptors();
  EXPECT_EQ(receive(2), -EPROTO);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(UnixSocket, does_not_take_descriptors_without_bytes_for_a_hang_up) {
  msghdr message{};
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(int))> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  ASSERT_EQ(::sendmsg(here.get(), &message, 0), 0);
  EXPECT_EQ(receive(1), -EPROTO);
  EXPECT_TRUE(received.empty());
}

TEST_F(UnixSocket, refuses_to_send_what_cannot_be_told_from_a_hang_up) {
  EXPECT_EQ(send_message(here.get(), {}, {}, 0), -EINVAL);
  const std::vector<int> many(kMaxDescriptors + 1, 0);
  EXPECT_EQ(send_message(here.get(), bytes_of("x"), many, 0), -EINVAL);
}

TEST_F(UnixSocket, carries_as_many_descriptors_as_the_kernel_allows) {
  const std::vector<int> many(kMaxDescriptors, 0);
  ASSERT_EQ(send_message(here.get(), bytes_of("x"), many, 0), 1);
  ASSERT_EQ(receive(kMaxDescriptors), 1);
  EXPECT_EQ(received.size(), kMaxDescriptors);
}

TEST_F(UnixSocket, tells_a_lack_of_descriptors_from_a_surplus) {
  test::Fault fault("no-descriptors");
  // The child touches no member of the fixture: the sanitizer's check of that needs descriptors.
  const int sender = here.get();
  const int receiver = there.get();
  ForkedChild child([sender, receiver](Line&) {
    std::array<std::byte, 1> byte{};
    std::vector<Descriptor> taken;
    const std::array sent{0, 1, 2};
    if (send_message(sender, bytes_of("x"), sent, 0) != 1) return 2;
    const int next = ::dup(0);
    ::close(next);
    const rlimit limit{static_cast<rlim_t>(next + 1), static_cast<rlim_t>(next + 1)};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const bool refused = receive_message(receiver, byte, taken, 3, 0) == -EMFILE;
    return refused && taken.empty() && ::dup(0) == next ? 0 : 1;
  });
  EXPECT_EQ(child.wait(), 0);
  fault.fired();
}

TEST_F(UnixSocket, returns_the_hang_up_and_raises_no_signal) {
  here.reset();
  EXPECT_EQ(receive(0), 0);
  EXPECT_EQ(send_message(there.get(), bytes_of("x"), {}, 0), -EPIPE);
}

TEST_F(UnixSocket, is_full_at_some_time_without_blocking) {
  ssize_t last = 0;
  while (last >= 0) last = send_message(here.get(), bytes_of("x"), {}, MSG_DONTWAIT);
  EXPECT_EQ(last, -EAGAIN);
}

TEST_F(UnixSocket, refuses_descriptors_where_the_kernel_can) {
  if (!refuse_descriptors(there.get())) GTEST_SKIP() << "the kernel has no SO_PASSRIGHTS";
  const std::array sent{0};
  EXPECT_EQ(send_message(here.get(), bytes_of("x"), sent, 0), -EPERM);
  EXPECT_EQ(send_message(here.get(), bytes_of("x"), {}, 0), 1);
}

TEST_F(UnixSocket, knows_who_is_at_the_other_end) {
  const auto peer = peer_credentials(here.get());
  ASSERT_TRUE(peer) << peer.error().text;
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->gid, ::getegid());
}

}  // namespace
}  // namespace cortado::os
