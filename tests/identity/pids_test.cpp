// Process numbers: reused by somebody else, the same in two namespaces, or of no meaning at all to
// the other side. A lane is its connection; a number is only shown to people.
#include <cstdlib>
#include <optional>
#include <set>

#include <sys/wait.h>

#include "../support/keep.hpp"
#include "meeting.hpp"
#include "pid_namespace.hpp"

namespace {

using namespace identity;

class ProcessNumber : public Meeting {
 public:
  /// Says its number, sends one message and waits.
  int write_once(const cortado::JoinOptions& chosen, const std::string& text, Line& line) const {
    cortado::Writer writer = joined(chosen);
    if (writer.try_send(text) != SendStatus::sent) return kBroken;
    line.tell('s');
    return line.hear() == 'c' && writer.close(kWatchdog) == 0 ? 0 : kBroken;
  }
  void await_sent(cortado::Owner& owner, ForkedChild& child, std::size_t writers) {
    serve_until(owner, [&] { return owner.writers() == writers; });
    ASSERT_EQ(child.line().hear(), 's');
  }
};

TEST_F(ProcessNumber, of_a_dead_writer_that_went_to_somebody_else_keeps_no_lane_alive) {
  Fault fault("pid-reused");
  const bool ran = run_as_process_1([&] {
    auto owner = open();
    for (const char* name : {"named", ""}) {
      SCOPED_TRACE(name);
      heard.clear();
      left.clear();
      came.clear();
      std::optional<ForkedChild> first;
      first.emplace([&](Line& line) { return write_once(as(name), "of the first", line); });
      await_sent(owner, *first, 1);
      const pid_t number = first->pid();
      first->kill();
      first->wait();
      if (!choose_next_pid(number)) ::_exit(kNotPermitted);
      // Before the owner looks: another process, which becomes a writer of the same name later.
      ForkedChild second([&](Line& line) {
        if (line.hear() != 'j') return kBroken;
        return write_once(as(name), "of the second", line);
      });
      ASSERT_EQ(second.pid(), number);
      serve_until_left(owner, 1);
      EXPECT_EQ(left[0].how, Left::died);
      EXPECT_EQ(left[0].pid, number);
      EXPECT_EQ(owner.writers(), 0U);
      EXPECT_EQ(::waitpid(number, nullptr, WNOHANG), 0) << "the other one is left alone";

      second.line().tell('j');
      await_sent(owner, second, 1);
      second.line().tell('c');
      serve_until_left(owner, 2);
      EXPECT_EQ(left[1].how, Left::closed);
      EXPECT_EQ(left[1].pid, number);
      EXPECT_NE(left[1].lane_id, left[0].lane_id);
      const std::string writer = left[0].writer;
      EXPECT_EQ(heard, (Texts{writer + ": of the first", writer + ": of the second"}));
      EXPECT_EQ(second.wait(), 0);
    }
  });
  if (!ran) GTEST_SKIP() << "needs root, or user namespaces, and ns_last_pid";
  fault.fired();
}

/// A writer that is process 1 of a namespace of its own.
class Container {
 public:
  Container(const ProcessNumber& meeting, std::string name, std::string text)
      : child_([&meeting, name = std::move(name), text = std::move(text)](Line& line) {
          if (!separate_children()) return kNotPermitted;
          ForkedChild first([&](Line&) {
            if (::getpid() != 1) return kBroken;
            return meeting.write_once(meeting.as(name), text, line);
          });
          return first.wait();
        }) {}
  Line& line() { return child_.line(); }
  /// Its process 1 goes with it.
  void kill() {
    child_.kill();
    child_.wait();
  }
  ForkedChild& child() { return child_; }

 private:
  ForkedChild child_;
};

bool namespaces_permitted() {
  ForkedChild child([](Line&) { return separate_children() ? 0 : kNotPermitted; });
  return child.wait() == 0;
}

TEST_F(ProcessNumber, may_be_the_same_in_two_namespaces) {
  Fault fault("pid-namespaces");
  if (!namespaces_permitted()) GTEST_SKIP() << "needs root, or user namespaces";
  auto owner = open();
  Container one(*this, "", "one");
  Container two(*this, "", "two");
  await_sent(owner, one.child(), 2);
  ASSERT_EQ(two.line().hear(), 's');
  fault.fired();
  serve_until_heard(owner, 2);
  EXPECT_EQ(came.size(), 2U);
  EXPECT_NE(came[0].pid, came[1].pid) << "as seen from here they differ";
  EXPECT_NE(came[0].writer, came[1].writer);
  one.kill();
  serve_until_left(owner, 1);
  EXPECT_EQ(left[0].how, Left::died);
  EXPECT_EQ(owner.writers(), 1U);
  two.line().tell('c');
  serve_until_left(owner, 2);
  EXPECT_EQ(left[1].how, Left::closed);
}

TEST_F(ProcessNumber, that_the_owner_cannot_see_makes_names_and_lanes_all_the_same) {
  Fault fault("pid-namespaces");
  if (!namespaces_permitted()) GTEST_SKIP() << "needs root, or user namespaces";
  // The owner is in a container, the writers are not: they have no number there.
  ForkedChild container([this](Line& line) {
    if (!separate_children()) return kNotPermitted;
    ForkedChild first([&](Line&) {
      auto owner = open();
      line.tell('o');
      serve_until_heard(owner, 3);
      std::set<std::string> names;
      for (const cortado::Event& event : came) {
        EXPECT_EQ(event.pid, 0);
        names.insert(event.writer);
      }
      EXPECT_EQ(names, (std::set<std::string>{"pid-0", "pid-0-2", "pid-0-3"}));
      line.tell('h');
      serve_until_left(owner, 1);  // killed
      EXPECT_EQ(left[0].how, Left::died);
      EXPECT_EQ(owner.writers(), 2U);
      line.tell('d');
      serve_until_left(owner, 3);
      EXPECT_EQ(left[1].how, Left::closed);
      EXPECT_EQ(left[2].how, Left::closed);
      std::fflush(nullptr);
      return HasFailure() ? 1 : 0;
    });
    return first.wait();
  });
  ASSERT_EQ(container.line().hear(), 'o');
  fault.fired();
  const auto second = cortado::Owner::open("setting", options());
  ASSERT_FALSE(second) << "the name is one for both sides";
  EXPECT_EQ(second.error().code, Errc::name_taken) << second.error().text;
  const auto body = [this](Line& line) { return write_once(as(""), "text", line); };
  ForkedChild a(body), b(body), c(body);
  ASSERT_EQ(container.line().hear(), 'h');
  a.kill();
  a.wait();
  ASSERT_EQ(container.line().hear(), 'd');
  for (ForkedChild* each : {&b, &c}) {
    each->line().tell('c');
    EXPECT_EQ(each->wait(), 0);
  }
  EXPECT_EQ(container.wait(), 0);
}

TEST_F(ProcessNumber, of_an_owner_in_another_namespace_is_not_needed_to_see_it_die) {
  Fault fault("pid-namespaces");
  if (!namespaces_permitted()) GTEST_SKIP() << "needs root, or user namespaces";
  // Each of the two is process 1 of a namespace, and sees no number of the other's.
  std::optional<ForkedChild> container;
  container.emplace([this](Line& line) {
    if (!separate_children()) return kNotPermitted;
    ForkedChild first([&](Line&) {
      auto owner = open();
      line.tell('o');
      serve_for_ever(owner);
      return 0;
    });
    return first.wait();
  });
  ASSERT_EQ(container->line().hear(), 'o');
  ForkedChild writing([this](Line& line) {
    if (!separate_children()) return kNotPermitted;
    ForkedChild first([&](Line&) {
      cortado::Writer writer = joined("w");
      if (writer.try_send("applied") != SendStatus::sent) return 1;
      if (!writer.wait_applied(kWatchdog)) return 2;
      line.tell('a');
      if (line.hear() != 'k') return 3;
      while (writer.poll() != SendStatus::no_owner) ::usleep(100);
      line.tell('n');
      while (writer.try_send("to the next") != SendStatus::sent) {
        if (writer.poll() != SendStatus::sent) ::usleep(100);
      }
      return writer.close(kWatchdog) == 0 ? 0 : 4;
    });
    return first.wait();
  });
  ASSERT_EQ(writing.line().hear(), 'a');
  container->kill();
  container.reset();
  writing.line().tell('k');
  ASSERT_EQ(writing.line().hear(), 'n');
  fault.fired();
  auto next = open();
  serve_until_left(next, 1);
  EXPECT_EQ(heard, Texts{"w: to the next"});
  EXPECT_EQ(writing.wait(), 0);
}

TEST_F(ProcessNumber, of_owners_in_other_namespaces_than_their_keeper_and_writers_is_not_needed) {
  Fault fault("pid-namespaces");
  ForkedChild keeping([](Line&) {
    using namespace cortado::test;
    if (!separate_children()) return kNotPermitted;
    // Both owners are in the new namespace; its process 1 is neither.
    ForkedChild init([](Line& line) { return line.hear() == '\0' ? 0 : 1; });
    Keep keep;
    keep.start(serving());
    cortado::Writer writer = keep.join("");
    EXPECT_EQ(writer.try_send("1"), SendStatus::sent);
    keep.heard_until(writer.name() + ": 1");
    keep.kill();
    EXPECT_EQ(writer.try_send("2"), SendStatus::sent);
    keep.start(serving());
    keep.heard_until(writer.name() + ": 2");
    EXPECT_EQ(writer.close(identity::kWatchdog), 0U);
    keep.heard_until("left " + writer.name() + " closed");
    std::fflush(nullptr);
    return HasFailure() ? 1 : 0;
  });
  const int status = keeping.wait();
  if (status == kNotPermitted) GTEST_SKIP() << "needs root, or user namespaces";
  EXPECT_EQ(status, 0) << "see above";
  fault.fired();
}

}  // namespace
