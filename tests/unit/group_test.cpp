// Groups of real processes: who is started, restarted, stopped, and in which order.
#include <cortado/group.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

#include <sys/wait.h>

#include <gtest/gtest.h>
#include <poll.h>

#include "../support/group_fixture.hpp"
#include "group/restart_window.hpp"

namespace cortado {
namespace {

TEST(RestartWindow, allows_n_restarts_in_t_and_again_when_the_first_is_t_old) {
  group::RestartWindow window({Restart::Policy::on_failure, 2, 10s});
  const group::RestartWindow::time_point start{};
  EXPECT_TRUE(window.take(start));
  EXPECT_TRUE(window.take(start + 9s));
  EXPECT_FALSE(window.take(start + 9s));
  EXPECT_TRUE(window.take(start + 10s));
  EXPECT_FALSE(window.take(start + 18s));
  EXPECT_TRUE(window.take(start + 19s));
}

TEST(RestartWindow, allows_none_by_default) {
  group::RestartWindow window({});
  EXPECT_FALSE(window.take({}));
}

TEST_F(GroupTest, ends_with_the_owner_when_all_writers_have_ended) {
  options.writers = {shell("exit 0"), shell("exit 0")};
  auto group = Group::start(options);
  ASSERT_TRUE(group) << group.error().text;
  EXPECT_GT(group->owner_pid(), 0);
  run(*group);
  EXPECT_EQ(group->exit_status(), 0);
  EXPECT_EQ(event(Kind::ended, "owner").signal, SIGTERM);
  EXPECT_TRUE(event(Kind::ended, "owner").expected);
  EXPECT_EQ(event(Kind::ended, "writer-2").exit_status, 0);
  EXPECT_EQ(events.back().kind, Kind::stopped);
  EXPECT_EQ(group->owner_pid(), 0);
  EXPECT_FALSE(group->poll());
}

TEST_F(GroupTest, keeps_the_owner_if_asked_to) {
  options.writers = {shell("exit 0")};
  options.keep_owner = true;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run_until(*group, [&] { return happened(Kind::ended, "writer-1"); });
  EXPECT_FALSE(group->finished());
  EXPECT_GT(group->owner_pid(), 0);
  group->stop();
  run(*group);
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, reports_exit_status_and_signal_of_a_failed_program) {
  options.writers = {shell("exit 3"), shell("kill -SEGV $$")};
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run(*group);
  EXPECT_EQ(event(Kind::ended, "writer-1").exit_status, 3);
  EXPECT_FALSE(event(Kind::ended, "writer-1").expected);
  EXPECT_EQ(event(Kind::ended, "writer-2").signal, SIGSEGV);
  EXPECT_EQ(event(Kind::gave_up, "writer-2").role, Role::writer);
  EXPECT_EQ(group->exit_status(), 1);
}

TEST_F(GroupTest, says_which_program_cannot_be_executed_and_leaves_nothing) {
  Program missing;
  missing.argv = {"cortado-no-such-program"};
  missing.label = "till";
  options.writers = {sleeper(), missing};
  const auto group = Group::start(options);
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().code, Errc::system);
  EXPECT_NE(group.error().text.find("cannot start writer 'till': cortado-no-such-program: No such "
                                    "file or directory"),
            std::string::npos)
      << group.error().text;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  options.writers.clear();
  EXPECT_TRUE(Group::start(options)) << "the name is free again";
}

TEST_F(GroupTest, refuses_what_it_cannot_supervise) {
  const auto code = [](const GroupOptions& wrong) {
    auto group = Group::start(wrong);
    return group ? std::string("started") : std::string(to_string(group.error().code));
  };
  GroupOptions wrong = options;
  wrong.name = "a/b";
  EXPECT_EQ(code(wrong), "invalid_argument");
  wrong = options;
  wrong.owner.argv.clear();
  EXPECT_EQ(code(wrong), "invalid_argument");
  wrong = options;
  wrong.writers = {sleeper(), sleeper()};
  wrong.writers[0].label = "writer-2";
  EXPECT_EQ(code(wrong), "invalid_argument");
  wrong = options;
  wrong.restart_owner.within = 0s;
  EXPECT_EQ(code(wrong), "invalid_argument");
  wrong = options;
  wrong.shim = "/nowhere/cortado-shim";
  EXPECT_EQ(code(wrong), "system");
  wrong = options;
  wrong.owner.stdin_path = directory + "/missing";
  EXPECT_EQ(code(wrong), "system");
}

TEST_F(GroupTest, refuses_a_name_that_is_taken) {
  auto first = Group::start(options);
  ASSERT_TRUE(first);
  const auto second = Group::start(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::name_taken);
}

TEST_F(GroupTest, restarts_a_failed_writer_n_times_and_then_gives_it_up) {
  options.writers = {shell("exit 1")};
  options.restart_writers = {Restart::Policy::on_failure, 2, 1h};
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run(*group);
  EXPECT_EQ(journal(),
            "started owner, started writer-1, ended writer-1, restarted writer-1, ended writer-1, "
            "restarted writer-1, ended writer-1, gave_up writer-1, stopping, ended owner, stopped");
  EXPECT_EQ(group->exit_status(), 1);
}

TEST_F(GroupTest, does_not_restart_a_writer_that_ended_with_0) {
  const std::string flag = directory + "/flag";
  options.writers = {shell("test -e " + flag + " && exit 0; touch " + flag + "; exit 1")};
  options.restart_writers.policy = Restart::Policy::on_failure;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run(*group);
  EXPECT_EQ(journal(),
            "started owner, started writer-1, ended writer-1, restarted writer-1, ended writer-1, "
            "stopping, ended owner, stopped");
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, stops_the_writers_before_the_owner) {
  options.owner = shell("trap 'echo owner; exit 0' TERM; echo ready; while :; do sleep 1; done");
  options.writers = {
      shell("trap 'sleep 0.1; echo writer; exit 0' TERM; echo ready; while :; do sleep 1; done")};
  options.owner.stdout_path = options.writers[0].stdout_path = fifo_path;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "ready");
  EXPECT_EQ(line(), "ready");
  group->stop();
  run(*group);
  EXPECT_EQ(line(), "writer");
  EXPECT_EQ(line(), "owner");
  EXPECT_EQ(journal(),
            "started owner, started writer-1, stopping, ended writer-1, ended owner, stopped");
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, kills_who_ignores_the_stop_after_its_grace) {
  const std::string stubborn = "trap '' TERM; echo ready; while :; do sleep 1; done";
  options.owner = shell(stubborn);
  options.writers = {shell(stubborn)};
  options.owner.stdout_path = options.writers[0].stdout_path = fifo_path;
  options.writers_grace = options.owner_grace = 20ms;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "ready");
  EXPECT_EQ(line(), "ready");
  group->stop();
  run(*group);
  for (const char* label : {"writer-1", "owner"}) {
    EXPECT_EQ(event(Kind::ended, label).signal, SIGKILL) << label;
    EXPECT_FALSE(event(Kind::ended, label).expected) << label;
  }
  EXPECT_EQ(group->exit_status(), 1);
}

TEST_F(GroupTest, stops_a_stopped_program_too) {
  options.writers = {shell("echo ready; kill -STOP $$")};
  options.writers[0].stdout_path = fifo_path;
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  EXPECT_EQ(line(), "ready");
  group->stop();
  run(*group);
  EXPECT_TRUE(event(Kind::ended, "writer-1").expected);
  EXPECT_EQ(group->exit_status(), 0);
}

TEST_F(GroupTest, kills_all_at_once) {
  options.writers = {shell("trap '' TERM; while :; do sleep 1; done")};
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  group->kill();
  run(*group);
  EXPECT_EQ(event(Kind::ended, "owner").signal, SIGKILL);
  EXPECT_EQ(group->exit_status(), 1);
}

TEST_F(GroupTest, stops_everybody_when_the_owner_is_given_up) {
  options.owner = shell("exit 7");
  options.writers = {sleeper()};
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  run(*group);
  EXPECT_TRUE(happened(Kind::gave_up, "owner"));
  EXPECT_TRUE(event(Kind::ended, "writer-1").expected);
  EXPECT_EQ(group->exit_status(), 1);
}

TEST_F(GroupTest, makes_its_descriptor_readable_when_a_program_ends) {
  options.writers = {shell("exit 0")};
  auto group = Group::start(options);
  ASSERT_TRUE(group);
  pollfd entry{group->fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&entry, 1, 60000), 1);
}

}  // namespace
}  // namespace cortado
