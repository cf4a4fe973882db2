// Three injectors, at every failpoint of an operation: KILL, FAIL, STOP.
//
// The invariant that each judgement is about: whatever happens to one process at one system call,
// its peers go on, no message is lost or doubled, nothing is left behind, and the same thing can be
// done again.
#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "../process/scene.hpp"
#include "../support/fault.hpp"
#include "board.hpp"
#include "fitting.hpp"
#include "trace.hpp"

namespace cortado::test {

/// What became of the process under test.
enum class Ended { killed, completed };

/// One operation and its peers. The object exists in the parent and, as it was then, in the child.
class Operation {
 public:
  Operation() { board().dies_at = Board::kNever; }
  virtual ~Operation() = default;
  virtual std::string name() const = 0;

  /// Parent: the peers get into the state before.
  virtual void begin() {}
  /// Parent: what the child inherits; -1: nothing.
  virtual int inherited() { return -1; }
  /// Child, before the first failpoint.
  virtual void prepare() {}
  /// Child: the operation. The text of an error; empty: it is done.
  virtual std::string run() = 0;
  /// Child: uses what the operation made, and gives everything back.
  virtual void use() {}
  /// Child: gives back what was there before the operation, too. Nothing may be left then.
  virtual void give_back() {}
  /// Parent: at each stop of the child, while it stands there.
  virtual void at_stop(const Stop&) { tend(); }
  /// Parent: what the peers do all the time.
  virtual void tend() {}
  /// Parent, while the child is stopped: its peers must get on. Empty: they do.
  virtual std::string progress() { return {}; }
  /// Parent, the child being gone: what is wrong; empty: nothing.
  virtual std::string judge(Ended) = 0;
  /// A failed one can be tried again by the same process.
  virtual bool can_be_repeated() const { return true; }
  /// It gives up more than it takes.
  virtual bool shrinks() const { return false; }
  /// Calls that are not made to fail: the failure would be another fault.
  virtual bool may_fail(const Stop&) const { return true; }

  Board& board() const { return *board_; }

 private:
  Shared<Board> board_;
};

/// What is published.
struct Figures {
  std::uint64_t operations = 0, failpoints = 0, kills = 0, failures = 0, stops = 0, violations = 0;
  std::set<long> calls;  ///< numbers of the system calls seen
  std::vector<std::string> complaints;
  std::string refused;

  void complain(const std::string& where, const std::string& what) {
    if (what.empty()) return;
    ++violations;
    if (complaints.size() < 20) complaints.push_back(where + ": " + what);
  }
};

/// Where the test is, for whoever finds that it hangs.
inline std::array<char, 256> whereabouts{};
inline void tell_whereabouts(int) {
  [[maybe_unused]] auto written = ::write(2, whereabouts.data(), std::strlen(whereabouts.data()));
  ::_exit(1);
}

/// Where not all failpoints are affordable: every so manieth, from a random one on; all of them
/// with CORTADO_ROUNDS of 100 or more.
inline std::uint64_t every(std::uint64_t stride) {
  const char* given = std::getenv("CORTADO_ROUNDS");
  return given != nullptr && std::atoi(given) >= 100 ? 1 : stride;
}
inline std::uint64_t first(std::uint64_t stride) {
  return 1 + process_test::seed() % every(stride);
}

class Injector {
 public:
  explicit Injector(Figures& figures) : figures_(figures) {}

  /// Kills the child at each of its failpoints; `stride`: at every so manieth, from `first` on.
  void kill(Operation& operation, std::uint64_t stride = 1, std::uint64_t first = 1) {
    ++figures_.operations;
    for (std::uint64_t n = first;; n += stride) {
      if (enough()) return;
      operation.begin();
      Traced child(body_of(operation), operation.inherited());
      if (!permitted(child)) return;
      Stop stop;
      const bool reached = go_to(operation, child, n, stop);
      const std::string where = at(operation, "killed", n, stop);
      if (reached) {
        child.kill();
        ++figures_.kills;
      } else {
        let_complete(operation, child, where);
      }
      judge(operation, where, reached ? Ended::killed : Ended::completed);
      if (!reached) {
        figures_.failpoints += n / stride;
        return;
      }
    }
  }

  /// Holds the child at each of its failpoints while its peers get on, lets it go into a SIGSTOP
  /// while they get on once more, and then on to its end.
  void stop(Operation& operation, std::uint64_t stride = 1, std::uint64_t first = 1) {
    ++figures_.operations;
    for (std::uint64_t n = first;; n += stride) {
      if (enough()) return;
      operation.begin();
      Traced child(body_of(operation), operation.inherited());
      if (!permitted(child)) return;
      Stop stop;
      const bool reached = go_to(operation, child, n, stop);
      const std::string where = at(operation, "stopped", n, stop);
      if (reached) {
        figures_.complain(where, operation.progress());
        child.stop();
        figures_.complain(where, operation.progress());
        child.resume();
        ++figures_.stops;
        await_end(operation, child, where);
      } else {
        let_complete(operation, child, where);
      }
      judge(operation, where, Ended::completed);
      if (!reached) {
        figures_.failpoints += n / stride;
        return;
      }
    }
  }

  /// Makes each call fail once, with each error that fits it.
  void fail(Operation& operation, std::uint64_t stride = 1, std::uint64_t first = 1) {
    std::vector<Stop> calls = watch(operation);
    for (std::uint64_t index = first - 1; index < calls.size(); index += stride) {
      ++figures_.failpoints;
      for (std::size_t which = 0; which < fitting(calls[index]).size(); ++which) {
        if (!operation.may_fail(calls[index])) continue;
        fail_once(operation, index, which);
        if (enough()) return;
      }
    }
  }

  /// Runs it without any injection; returns its calls in order.
  std::vector<Stop> watch(Operation& operation) {
    std::vector<Stop> calls;
    ++figures_.operations;
    operation.begin();
    operation.board().left_alone = 1;
    Traced child(body_of(operation), operation.inherited());
    if (!permitted(child)) return calls;
    while (auto stop = child.next()) {
      operation.at_stop(*stop);
      if (!stop->entry) continue;
      calls.push_back(*stop);
      figures_.calls.insert(stop->number);
    }
    const std::string where = operation.name() + ", left alone";
    let_complete(operation, child, where);
    operation.board().left_alone = 0;
    judge(operation, where, Ended::completed);
    return calls;
  }

 private:
  static Traced::Body body_of(Operation& operation) {
    return {[&operation] {
              operation.board().complaint[0] = '\0';
              operation.prepare();
              before() = footprint_of(::getpid());
            },
            [&operation] {
              try {
                result() = operation.run();
              } catch (const std::bad_alloc&) {
                result() = "no memory; use less";
              }
            },
            [&operation] { return conclude(operation); }};
  }
  // In the child only.
  static Footprint& before() {
    static Footprint value;
    return value;
  }
  static std::string& result() {
    static std::string value;
    return value;
  }

  /// In the child, after the operation: an error left nothing, and the next try succeeds.
  static int conclude(Operation& operation) {
    Board& board = operation.board();
    if (!result().empty()) {
      board.complain(fault_of_text(result()));
      const Footprint more = footprint_of(::getpid()) - before();
      // A page that is made once in a process, and stays.
      constexpr int once = 1;
      if (more.descriptors > 0 || (more.descriptors < 0 && !operation.shrinks()) ||
          more.mappings > once) {
        board.complain("the failed operation leaves " + more.text());
      }
      if (!operation.can_be_repeated()) return board.complaint[0] == '\0' ? 0 : 1;
      const std::string again = operation.run();
      if (!again.empty()) board.complain("again: " + again + ", after: " + result());
    }
    operation.use();
    const Footprint more = footprint_of(::getpid()) - before();
    if (board.left_alone != 0) {
      board.reference = more;
      board.has_reference = 1;
    } else if (board.has_reference != 0) {
      // Less: a page that could not be made.
      const Footprint surplus = more - board.reference;
      if (surplus.descriptors != 0 || surplus.mappings > 0) {
        board.complain("the operation, used, leaves " + surplus.text() + " too many");
      }
    }
    operation.give_back();
    return board.complaint[0] == '\0' ? 0 : 1;
  }

  /// Each violation may have been waited for in vain; who wants to see them all says so.
  bool enough() const { return figures_.violations >= (every(2) == 1 ? 20 : 1); }

  bool permitted(const Traced& child) {
    if (!child.refused().empty()) figures_.refused = child.refused();
    return child.refused().empty();
  }

  static std::string at(const Operation& operation, const char* what, std::uint64_t n,
                        const Stop& stop) {
    std::string where = operation.name() + ", " + what + " at failpoint " + std::to_string(n) +
                        " (" + (stop.entry ? "before" : "after") + " system call " +
                        std::to_string(stop.number) + ")";
    std::strncpy(whereabouts.data(), (where + "\n").c_str(), whereabouts.size() - 1);
    return where;
  }

  /// To the n-th stop. False: the operation was complete before.
  static bool go_to(Operation& operation, Traced& child, std::uint64_t n, Stop& stop) {
    for (std::uint64_t seen = 1;; ++seen) {
      const auto next = child.next();
      if (!next) return false;
      stop = *next;
      if (seen == n) return true;
      operation.at_stop(*next);
    }
  }

  void fail_once(Operation& operation, std::uint64_t index, std::size_t which) {
    operation.begin();
    Traced child(body_of(operation), operation.inherited());
    if (!permitted(child)) return;
    std::string where = operation.name() + ", left alone";
    std::uint64_t seen = 0;
    bool injected = false;
    while (auto stop = child.next()) {
      operation.at_stop(*stop);
      if (!stop->entry || injected || seen++ != index) continue;
      const auto errors = fitting(*stop);  // of this run, should it take another way
      if (errors.empty() || !operation.may_fail(*stop)) break;
      const Failure failure = errors[which % errors.size()];
      where = at(operation, ::strerrorname_np(failure.error), index, *stop);
      child.inject(failure.error, failure.made);
      ++figures_.failures;
      injected = true;
    }
    let_complete(operation, child, where);
    judge(operation, where, Ended::completed);
  }

  void let_complete(Operation& operation, Traced& child, const std::string& where) {
    child.let_go();
    await_end(operation, child, where);
  }

  void await_end(Operation& operation, Traced& child, const std::string& where) {
    const bool over = until([&] {
      operation.tend();
      return child.over();
    });
    if (!over) {
      figures_.complain(where, "it hangs");
      ::kill(child.pid(), SIGKILL);
      until([&] { return child.over(); });
      return;
    }
    if (WIFSIGNALED(*child.status())) {
      figures_.complain(where, "it died of signal " + std::to_string(WTERMSIG(*child.status())));
    } else if (WEXITSTATUS(*child.status()) != 0) {
      figures_.complain(where, operation.board().complaint[0] != '\0'
                                   ? operation.board().complaint
                                   : "exit status " + std::to_string(WEXITSTATUS(*child.status())));
    }
  }

  void judge(Operation& operation, const std::string& where, Ended how) {
    figures_.complain(where, operation.judge(how));
  }

  Figures& figures_;
};

/// Base of the tests: the figures, the watchdog, and when not to run.
class FailpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGALRM, tell_whereabouts);
    std::signal(SIGABRT, tell_whereabouts);
    ::alarm(500);
  }
  void TearDown() override { ::alarm(0); }

  /// Prints the figures; fails if something was violated, skips if tracing is not permitted here.
  void conclude() {
    if (!figures.refused.empty()) GTEST_SKIP() << figures.refused;
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    std::printf(
        "%llu operations, %llu failpoints: %llu kills, %llu failures injected, %llu stops, "
        "%llu violations\n",
        number(figures.operations), number(figures.failpoints), number(figures.kills),
        number(figures.failures), number(figures.stops), number(figures.violations));
    for (const std::string& complaint : figures.complaints) ADD_FAILURE() << complaint;
    EXPECT_EQ(figures.violations, 0U);
  }

  Figures figures;
  Injector inject{figures};
};

}  // namespace cortado::test
