// Groups of real processes: what programs inherit, what outlives whom, and that nothing is left.
// This program is also some of those processes: see main().
#include <cortado/group.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../support/group_fixture.hpp"
#include "lane/keeper_link.hpp"
#include "os/event_descriptor.hpp"
#include "os/memory_file.hpp"
#include "os/process_descriptor.hpp"
#include "os/unix_socket.hpp"

namespace cortado {
namespace {

TEST_F(GroupTest, hands_130_lanes_of_a_killed_owner_to_the_next_and_leaves_the_writers_alone) {
  options.owner.argv = {kSelf, "--owner", "130"};
  options.owner.stdout_path = fifo_path;
  options.restart_owner.policy = Restart::Policy::on_failure;
  options.writers = {sleeper()};
  auto group = Group::start(options);
  ASSERT_TRUE(group) << group.error().text;
  const pid_t writer = group->writer_pid("writer-1");
  run_until(*group, [&] { return group->generation() == 2 && happened(Kind::keeper, ""); });
  EXPECT_EQ(line(), "generation 1, 0 lanes");
  EXPECT_EQ(event(Kind::ended, "owner").signal, SIGKILL);
  EXPECT_EQ(event(Kind::restarted, "owner").generation, 2U);
  EXPECT_NE(event(Kind::restarted, "owner").pid, event(Kind::started, "owner").pid);
  // The second takes its time to draw up what it was given; it reads while the group is driven.
  run_until(*group, [&] {
    pollfd entry{fifo.get(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
  });
  EXPECT_EQ(line(), "generation 2, 130 lanes");
  EXPECT_EQ(group->kept_lanes(), 130U);
  EXPECT_EQ(group->writer_pid("writer-1"), writer);
  group->stop();
  run(*group);
  EXPECT_EQ(event(Kind::ended, "writer-1").pid, writer);
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, restarts_an_owner_that_crashes_while_it_is_to_stop) {
  options.owner.argv = {kSelf, "--owner-crashing-once"};
  options.owner.stdout_path = fifo_path;
  options.restart_owner.policy = Restart::Policy::on_failure;
  options.owner_grace = 60s;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "ready");
  run_until(*group, [&] { return happened(Kind::keeper, ""); });
  group->stop();
  run(*group);
  EXPECT_EQ(event(Kind::ended, "owner").signal, SIGABRT);
  EXPECT_EQ(event(Kind::restarted, "owner").generation, 2U);
  EXPECT_EQ(events[events.size() - 2].exit_status, 0);
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, gives_programs_three_descriptors_and_the_owner_the_keepers_too) {
  const os::Descriptor leak(::open("/dev/null", O_RDONLY));  // on purpose not close-on-exec
  const std::string list =
      "n=0; for i in $(seq 0 60); do test -e /proc/$$/fd/$i && n=$((n+1)); done; echo $n";
  options.owner = shell(list + "; exec sleep 1000");
  options.owner.stdout_path = fifo_path;
  options.writers = {shell(list)};
  options.writers[0].stdout_path = directory + "/writer";
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "4");
  run(*group);
  std::string writer;
  std::getline(std::ifstream(directory + "/writer"), writer);
  EXPECT_EQ(writer, "3");
}

TEST_F(GroupTest, gives_programs_their_names_and_no_blocked_or_ignored_signal) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  options.owner =
      shell("echo \"$CORTADO_NAME ${CORTADO_KEEPER#*:} ${CORTADO_WRITER-none}\"; exec sleep 1000");
  options.writers = {
      shell("echo \"$CORTADO_NAME ${CORTADO_KEEPER-none} $CORTADO_WRITER $CORTADO_DIRECTORY $X\"; "
            "grep -E 'SigBlk|SigIgn' /proc/self/status")};
  options.writers[0].environment = {{"X", "y"}};
  options.writers[0].label = "till";
  options.owner.stdout_path = fifo_path;
  options.writers[0].stdout_path = directory + "/out";
  auto group = Group::start(options);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "orders orders none");
  run_until(*group, [&] { return happened(Kind::ended, "till"); });
  std::ifstream out(directory + "/out");
  std::string names, label;
  std::getline(out, names);
  EXPECT_EQ(names, "orders none till " + options.directory + " y");
  unsigned long signals_blocked = 1;
  unsigned long signals_ignored = 1;
  out >> label >> std::hex >> signals_blocked >> label >> signals_ignored;
  EXPECT_EQ(signals_blocked, 0U);
  // posix_spawn leaves glibc's own 32 and 33 ignored; every program's glibc sets them anew.
  EXPECT_EQ(signals_ignored & ~0x180000000UL, 0U);
}

TEST_F(GroupTest, reads_from_dev_null_or_the_file_given) {
  std::ofstream(directory + "/in") << "Mocha\n";
  options.writers = {shell("cat; echo end"), shell("cat")};
  options.writers[0].stdout_path = directory + "/first";
  options.writers[1].stdin_path = directory + "/in";
  options.writers[1].stdout_path = directory + "/second";
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run(*group);
  std::string first, second;
  std::getline(std::ifstream(directory + "/first"), first);
  std::getline(std::ifstream(directory + "/second"), second);
  EXPECT_EQ(first, "end");
  EXPECT_EQ(second, "Mocha");
}

TEST_F(GroupTest, leaves_nothing_of_a_program_whose_first_process_ended) {
  options.writers = {shell("sleep 1000 & echo $!")};
  options.writers[0].stdout_path = fifo_path;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  auto left_behind = os::open_process(static_cast<pid_t>(std::stol(line())));
  run(*group);
  // It may be gone before it could be held.
  if (!left_behind) return;
  pollfd entry{left_behind->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 60000), 1);
}

TEST_F(GroupTest, leaves_no_process_when_the_launcher_is_killed) {
  const pid_t launcher = ::fork();
  ASSERT_GE(launcher, 0);
  if (launcher == 0) {
    ::execl(kSelf.c_str(), "launcher", "--launcher", options.directory.c_str(), fifo_path.c_str(),
            nullptr);
    ::_exit(127);
  }
  std::vector<os::Descriptor> processes;
  for (int i = 0; i < 6; ++i) {  // owner and two writers, and a child of each
    auto process = os::open_process(static_cast<pid_t>(std::stol(line())));
    ASSERT_TRUE(process) << process.error().text;
    processes.push_back(std::move(*process));
  }
  ::kill(launcher, SIGKILL);
  ::waitpid(launcher, nullptr, 0);
  for (const os::Descriptor& process : processes) {
    pollfd entry{process.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 60000), 1) << "a process outlived the launcher";
  }
}

/// Offers `lanes` and dies; its successors say what they were given, and wait for SIGTERM.
int owner(std::uint32_t lanes) {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  auto link = lane::KeeperLink::from_environment("orders");
  if (!link) return 2;
  auto inheritance = link->receive(std::chrono::steady_clock::now() + kWatchdog);
  if (!inheritance) return 3;
  std::printf("generation %lu, %zu lanes\n", static_cast<unsigned long>(inheritance->generation),
              inheritance->lanes.size());
  std::fflush(stdout);
  if (inheritance->generation == 1) {
    for (std::uint32_t id = 1; id <= lanes;) {
      auto segment = os::create_memory_file("lane", 4096);
      auto doorbell = os::create_event();
      auto pair = os::socket_pair();
      if (!segment || !doorbell || !pair) return 4;
      const auto offered =
          link->offer_lane(id, segment->get(), doorbell->get(), pair->first.get(), doorbell->get());
      if (offered) ++id;
      if (!offered && offered.error().code != Errc::try_again) return 5;
    }
    ::kill(::getpid(), SIGKILL);
  }
  int received = 0;
  ::sigwait(&stop, &received);
  return 0;
}

/// The first generation aborts when it is asked to stop, the next one does as asked.
int owner_crashing_once() {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  auto link = lane::KeeperLink::from_environment("orders");
  if (!link) return 2;
  sigset_t pending;
  ::sigpending(&pending);
  if (::sigismember(&pending, SIGTERM) == 1) return 9;  // asked before it could drain
  auto inheritance = link->receive(std::chrono::steady_clock::now() + kWatchdog);
  if (!inheritance) return 3;
  std::puts("ready");
  std::fflush(stdout);
  int received = 0;
  ::sigwait(&stop, &received);
  if (inheritance->generation == 1) std::abort();
  return 0;
}

int launcher(const char* directory, const char* fifo) {
  GroupOptions options;
  options.name = "orders";
  options.directory = directory;
  options.owner = shell("echo $$; sleep 1000 & echo $!; wait");
  options.owner.stdout_path = fifo;
  options.writers = {options.owner, options.owner};
  auto group = Group::start(options);
  if (!group) return 1;
  while (group->wait(1h)) {
  }
  return 2;
}

}  // namespace
}  // namespace cortado

int main(int argc, char** argv) {
  const auto is = [&](const char* mode, int count) {
    return argc == count && std::strcmp(argv[1], mode) == 0;
  };
  if (is("--owner", 3)) return cortado::owner(static_cast<std::uint32_t>(std::stoul(argv[2])));
  if (is("--owner-crashing-once", 2)) return cortado::owner_crashing_once();
  if (is("--launcher", 4)) return cortado::launcher(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
