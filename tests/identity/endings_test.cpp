// Every way for a writer to end with its lane open, and two that only look like an end. What was
// sent is read to the last message, nothing unfinished is, and the lane is retired as of one that
// died: told by the kernel, never by a timeout.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <signal.h>

#include "meeting.hpp"

namespace {

using namespace identity;

struct Ending {
  const char* name;
  void (*end)();
};

/// Exec: the process lives on as another program.
const Ending kEndings[] = {
    {"segmentation_fault", [] { ::raise(SIGSEGV); }},
    {"abort", [] { std::abort(); }},
    {"exit", [] { std::exit(0); }},
    {"quick_exit", [] { std::quick_exit(0); }},
    {"underscore_exit", [] { ::_exit(0); }},
    {"sigterm", [] { ::raise(SIGTERM); }},
    {"exec", [] { ::execlp("sleep", "sleep", "60", nullptr); }},
};

class EndOfWriter : public Meeting {
 public:
  /// Sends two messages and has half a third one in its hand when it ends.
  int write_and(void (*end)(), Line& line) const {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would report it
    ::signal(SIGABRT, SIG_DFL);
    cortado::Writer writer = joined("w");
    for (const char* text : {"1", "2"}) {
      if (writer.try_send(text) != SendStatus::sent) return kBroken;
    }
    cortado::Claim claimed = writer.claim(5);
    std::memcpy(claimed.bytes().data(), "three", 5);
    line.tell('s');
    if (line.hear() != 'e') return kBroken;
    end();
    return kBroken;
  }
};

TEST_F(EndOfWriter, in_any_way_leaves_what_it_sent_and_nothing_else) {
  Fault fault("writer-ends-otherwise");
  auto owner = open();
  cortado::Writer other = writer_of(owner, "other");
  for (const Ending& ending : kEndings) {
    SCOPED_TRACE(ending.name);
    heard.clear();
    left.clear();
    ForkedChild child([&](Line& line) { return write_and(ending.end, line); });
    // It must be let in before it can tell, so a thread that hears it would be one too many.
    serve_until(owner, [&] { return owner.writers() == 2; });
    ASSERT_EQ(child.line().hear(), 's');
    child.line().tell('e');
    serve_until_left(owner, 1);
    EXPECT_EQ(left[0].writer, "w");
    EXPECT_EQ(left[0].how, Left::died);
    EXPECT_EQ(left[0].delivered, 2U);
    EXPECT_EQ(heard, (Texts{"w: 1", "w: 2"}));
    if (std::strcmp(ending.name, "exec") == 0) {
      EXPECT_EQ(::waitpid(child.pid(), nullptr, WNOHANG), 0) << "its process lives";
    } else {
      EXPECT_NE(child.wait(), kBroken);
    }
    ASSERT_EQ(other.try_send("still here"), SendStatus::sent);
    serve_until_heard(owner, 3);
    fault.fired();
  }
}

TEST_F(EndOfWriter, counts_before_its_parent_has_reaped_it) {
  Fault fault("zombie-writer");
  auto owner = open();
  ForkedChild child([&](Line& line) { return write_and([] { ::pause(); }, line); });
  serve_until(owner, [&] { return owner.writers() == 1; });
  ASSERT_EQ(child.line().hear(), 's');
  child.kill();
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &ended, WEXITED | WNOWAIT), 0);
  ASSERT_EQ(::kill(child.pid(), 0), 0) << "it has its number still";
  fault.fired();
  serve_until_left(owner, 1);
  EXPECT_EQ(left[0].how, Left::died);
  EXPECT_EQ(heard, (Texts{"w: 1", "w: 2"}));
  const auto again = owner.make_writer(as("w"));
  EXPECT_TRUE(again) << again.error().text;
  EXPECT_EQ(child.wait(), -1);
}

/// 'Z' for a process whose first thread ended, whatever its others do.
char state_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos ? '\0' : text[name_end + 2];
}

/// Ends the calling thread, the first one of its process, and no other.
[[noreturn]] void end_first_thread() {
  for (;;) ::syscall(SYS_exit, 0);
}

class FirstThread : public Meeting {};

TEST_F(FirstThread, of_a_writer_ends_and_the_others_go_on_sending) {
  Fault fault("main-thread-ends");
  auto owner = open();
  constexpr std::size_t kMessages = 5000;
  ForkedChild child([&](Line& line) {
    std::thread([&] {
      cortado::Writer writer = joined("w");
      line.tell('j');
      if (line.hear() != 'g') ::_exit(kBroken);
      for (std::size_t i = 0; i < kMessages; ++i) {
        if (writer.send(std::to_string(i), kWatchdog) != SendStatus::sent) ::_exit(kBroken);
      }
      ::_exit(writer.close(kWatchdog) == 0 ? 0 : kBroken);
    }).detach();
    end_first_thread();
    return 0;
  });
  serve_until(owner, [&] { return state_of(child.pid()) == 'Z' && owner.writers() == 1; });
  fault.fired();
  serve_until(owner, [&, looks = 0]() mutable { return ++looks == 20; });
  EXPECT_EQ(left.size(), 0U) << "it does not count as dead";
  child.line().tell('g');
  serve_until_left(owner, 1);
  EXPECT_EQ(left[0].how, Left::closed);
  ASSERT_EQ(heard.size(), kMessages);
  for (std::size_t i = 0; i < kMessages; ++i) ASSERT_EQ(heard[i], "w: " + std::to_string(i));
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(FirstThread, of_an_owner_ends_and_its_writers_stay) {
  Fault fault("main-thread-ends");
  ForkedChild child([&](Line& line) {
    std::optional<cortado::Owner> owner(open());
    std::thread([&] {
      line.tell('o');
      serve_for_ever(*owner);
    }).detach();
    end_first_thread();
    return 0;
  });
  ASSERT_EQ(child.line().hear(), 'o');
  cortado::Writer early = joined("early");
  while (state_of(child.pid()) != 'Z') ::usleep(100);
  fault.fired();
  cortado::Writer late = joined("late");
  for (cortado::Writer* each : {&early, &late}) {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(each->send(std::to_string(i), kWatchdog), SendStatus::sent);
      ASSERT_EQ(each->poll(), SendStatus::sent);
    }
    EXPECT_TRUE(each->wait_applied(kWatchdog));
    EXPECT_EQ(each->stats().rejoins, 0U);
  }
  const auto second = cortado::Owner::open("setting", options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::name_taken);
}

}  // namespace
