#include "os/descriptor.hpp"

#include <cerrno>

#include <sys/resource.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "os/error.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_barrier.hpp"
#include "os/process_descriptor.hpp"
#include "os/resource_limits.hpp"
#include "os/unix_socket.hpp"

namespace cortado::os {
namespace {

bool is_open(int descriptor) {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

Descriptor open_null() {
  return Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST(Descriptor, closes_what_it_holds) {
  int number = -1;
  {
    const Descriptor held = open_null();
    number = held.get();
    ASSERT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, moves_without_closing) {
  Descriptor first = open_null();
  const int number = first.get();
  const Descriptor second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(second.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(Descriptor, closes_the_old_one_when_assigned) {
  Descriptor target = open_null();
  const int old = target.get();
  Descriptor other = open_null();
  const int kept = other.get();
  target = std::move(other);
  EXPECT_FALSE(is_open(old));
  EXPECT_EQ(target.get(), kept);
}

TEST(Descriptor, hands_its_number_out_once) {
  Descriptor held = open_null();
  const int number = held.release();
  EXPECT_FALSE(held);
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(Descriptor, keeps_errno_when_it_closes) {
  Descriptor bad(1 << 20);  // no such descriptor: close fails with EBADF
  errno = ENOENT;
  bad.reset();
  EXPECT_EQ(errno, ENOENT);
}

TEST(Descriptor, duplicates_with_close_on_exec) {
  const Descriptor held = open_null();
  const auto copy = held.duplicate();
  ASSERT_TRUE(copy);
  EXPECT_NE(copy->get(), held.get());
  EXPECT_EQ(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(Descriptor, says_ulimit_when_none_is_left) {
  test::Fault fault("no-descriptors");
  ForkedChild child([](Line&) {
    const Descriptor held = open_null();
    const rlimit none{static_cast<rlim_t>(held.get() + 1), static_cast<rlim_t>(held.get() + 1)};
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
    const auto copy = create_event();
    if (copy || copy.error().code != Errc::descriptors) return 3;
    return copy.error().text.find("ulimit -n") == std::string::npos ? 4 : 0;
  });
  EXPECT_EQ(child.wait(), 0);
  fault.fired();
}

TEST(Error, is_one_line_with_cause_and_remedy) {
  const Error error = system_error(EMFILE, "open", "the door");
  EXPECT_EQ(error.text, "cannot open the door: Too many open files (EMFILE); raise `ulimit -n`");
  EXPECT_EQ(error.code, Errc::descriptors);
  EXPECT_EQ(system_error(EIO, "open", "it", "knock").text,
            "cannot open it: Input/output error (EIO); knock");
}

TEST(Error, follows_from_errno) {
  EXPECT_EQ(system_error(ENOMEM, "a", "b").code, Errc::no_memory);
  EXPECT_EQ(system_error(ENOSPC, "a", "b").code, Errc::no_memory);
  EXPECT_EQ(system_error(EFBIG, "a", "b").code, Errc::no_memory);
  EXPECT_EQ(system_error(EACCES, "a", "b").code, Errc::permission);
  EXPECT_EQ(system_error(EPERM, "a", "b").code, Errc::permission);
  EXPECT_EQ(system_error(ENOSYS, "a", "b").code, Errc::unsupported);
  EXPECT_EQ(system_error(EIO, "a", "b").code, Errc::system);
}

TEST(Error, has_a_name_for_every_code) {
  for (unsigned i = 0; i <= static_cast<unsigned>(Errc::system); ++i) {
    EXPECT_STRNE(to_string(static_cast<Errc>(i)), "invalid code") << i;
  }
  EXPECT_STREQ(to_string(static_cast<Errc>(static_cast<unsigned>(Errc::system) + 1)),
               "invalid code");
}

TEST(ProcessDescriptor, tells_an_exit_before_the_child_is_reaped) {
  test::Fault fault("zombie-writer");
  ForkedChild child([](Line& line) {
    line.hear();
    return 0;
  });
  const auto process = open_process(child.pid());
  ASSERT_TRUE(process) << process.error().text;
  EXPECT_FALSE(has_exited(process->get()));
  EXPECT_EQ(send_signal(process->get(), 0), 0);
  EXPECT_EQ(send_signal(process->get(), SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);
  fault.fired();
  EXPECT_TRUE(has_exited(process->get()));
  child.wait();
  EXPECT_TRUE(has_exited(process->get()));
  EXPECT_EQ(send_signal(process->get(), 0), -ESRCH);
}

TEST(ProcessDescriptor, names_the_peer_of_a_socket) {
  auto pair = socket_pair();
  ASSERT_TRUE(pair);
  const auto process = peer_process(pair->first.get());
  ASSERT_TRUE(process) << process.error().text;
  EXPECT_FALSE(has_exited(process->get()));
  EXPECT_EQ(::fcntl(process->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(ProcessDescriptor, is_an_error_for_a_process_that_is_gone) {
  pid_t gone = 0;
  {
    ForkedChild child([](Line&) { return 0; });
    gone = child.pid();
    child.wait();
  }
  const auto process = open_process(gone);
  ASSERT_FALSE(process);
  EXPECT_NE(process.error().text.find("ESRCH"), std::string::npos) << process.error().text;
  EXPECT_FALSE(has_exited(-1));
}

TEST(MemoryBarrier, registers_again_in_a_forked_child) {
  if (!global_barrier()) GTEST_SKIP() << "the kernel has no MEMBARRIER_CMD_GLOBAL_EXPEDITED";
  EXPECT_TRUE(register_for_global_barrier());
  EXPECT_TRUE(register_for_global_barrier());
  ForkedChild child([](Line&) { return register_for_global_barrier() ? 0 : 1; });
  EXPECT_EQ(child.wait(), 0);
}

TEST(ResourceLimits, raise_the_soft_limit_to_the_hard_one) {
  ForkedChild child([](Line&) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (!raise_descriptor_limit()) return 1;
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur == limit.rlim_max ? 0 : 2;
  });
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace cortado::os
