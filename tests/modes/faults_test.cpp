// Each fault in each mode comes out as theory says, and is known to have happened.
#include "lab/faults.hpp"

#include <algorithm>
#include <csignal>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "modes/disaster.hpp"
#include "scene.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;
using Kind = modes::Fault::Kind;

std::vector<FaultCell> try_in(std::size_t mode, std::vector<Kind> faults) {
  FaultPlan plan;
  plan.modes = {static_cast<std::uint32_t>(mode)};
  plan.faults = std::move(faults);
  plan.watchdog = 8s;  // for a busy machine; what hangs, hangs for good
  auto cells = try_faults(plan);
  if (!cells) {
    ADD_FAILURE() << cells.error().text;
    return {};
  }
  return std::move(*cells);
}

std::size_t index_of(const modes::Mode& mode) {
  const auto known = modes::known_modes();
  return static_cast<std::size_t>(std::find(known.begin(), known.end(), &mode) - known.begin());
}

FaultCell cell_of(const modes::Mode& mode, Kind fault) {
  const auto cells = try_in(index_of(mode), {fault});
  return cells.empty() ? FaultCell{} : cells[0];
}

std::vector<std::size_t> fault_modes_by_index() {
  return {fault_modes().begin(), fault_modes().end()};
}

class Faults : public EveryMode {
 protected:
  /// With a lock of its own, or one in its queue.
  static bool is_locked() {
    return mode().sharing == modes::Sharing::mutex || &mode() == &modes::kProcessMessageQueue;
  }
};

TEST_P(Faults, AreAsTheorySays) {
  std::vector<Kind> all;
  for (const FaultName& fault : all_faults()) all.push_back(fault.kind);
  const auto cells = try_in(GetParam(), all);
  EXPECT_EQ(cells.size(), all.size());
  for (const FaultCell& cell : cells) {
    SCOPED_TRACE(name_of(cell.fault).name);
    if (!cell.applies) continue;
    ASSERT_TRUE(cell.theory);
    EXPECT_STREQ(to_string(cell.fate), to_string(*cell.theory));
    EXPECT_NE(cell.run.fault_begun_ns, 0U);
    // What stands behind half an order in a pipe comes out as something else.
    const bool is_out_of_step = &mode() == &modes::kProcessPipe && cell.fault == Kind::thrown;
    EXPECT_TRUE(races() || is_out_of_step || cell.fate == Fate::hung || cell.run.ledger.balances());
    const bool went_on = cell.fate == Fate::intact || cell.fate == Fate::garbled;
    EXPECT_EQ(cell.went_on.has_value(), went_on);
    if (cell.fault == Kind::slow && is_locked()) {
      EXPECT_GE(*cell.went_on, modes::kSlow);  // all wait for the one who has the lock
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Faults, testing::ValuesIn(fault_modes_by_index()), name_of_mode);

TEST(Fault, AnOwnerHasASuccessorThatTakesOverItsLanes) {
  const FaultCell cell = cell_of(modes::kProcessRing, Kind::owner_killed);
  const Ledger& ledger = cell.run.ledger;
  EXPECT_EQ(ledger.sent, kFaultWriters * kFaultOrders);
  EXPECT_EQ(ledger.applied, ledger.sent);  // some to a buffer that is gone
  EXPECT_EQ(ledger.lost + ledger.duplicated + ledger.reordered + ledger.torn, 0U);
  EXPECT_GE(ledger.redelivered, 1U);
  EXPECT_GT(ledger.forgotten, 0U);
  EXPECT_LE(ledger.forgotten, kFaultWriters * kFaultAt);
  EXPECT_FALSE(ledger.is_clean());
}

TEST(Fault, AWriterHeldUpInTheQueuesOwnCopyGoesOnAndItsOrderIsWhole) {
  for (const Kind fault : {Kind::none, Kind::slow}) {
    const FaultCell cell = cell_of(modes::kProcessMessageQueue, fault);
    EXPECT_TRUE(cell.run.is_complete());
    EXPECT_TRUE(cell.run.ledger.is_clean());
    EXPECT_EQ(cell.run.ledger.applied, kFaultWriters * kFaultOrders);
  }
}

TEST(Fault, AWriterThatEndsInTheQueueTakesAllOthersAlong) {
  for (const auto& [fault, signal] :
       {std::pair{Kind::killed, SIGKILL}, {Kind::crashed, SIGSEGV}, {Kind::scribbled, SIGSEGV}}) {
    const FaultCell cell = cell_of(modes::kProcessMessageQueue, fault);
    ASSERT_EQ(cell.run.writers.size(), kFaultWriters);
    EXPECT_EQ(cell.run.writers[0].signal, signal);
    EXPECT_EQ(cell.fate, Fate::hung);
    EXPECT_FALSE(cell.went_on);
  }
}

TEST(Fault, ARobustLockGoesOnToTheNextWhenItsHolderEnds) {
  for (const auto& [fault, signal] : {std::pair{Kind::killed, SIGKILL}, {Kind::crashed, SIGSEGV}}) {
    const FaultCell cell = cell_of(modes::kProcessRobustMutex, fault);
    ASSERT_EQ(cell.run.writers.size(), kFaultWriters);
    EXPECT_EQ(cell.run.writers[0].signal, signal);
    EXPECT_EQ(cell.run.ledger.abandoned, 1U);
    EXPECT_EQ(cell.run.ledger.torn, 0U);
  }
}

TEST(Fault, HalfAnOrderInAPipeHarmsItsOwnWriterOnly) {
  const FaultCell cell = cell_of(modes::kProcessPipe, Kind::thrown);
  ASSERT_EQ(cell.run.writers.size(), kFaultWriters);
  EXPECT_EQ(cell.run.ledger.dropped, 1U);
  EXPECT_GT(cell.run.ledger.lost + cell.run.ledger.torn, 0U);
  EXPECT_LE(cell.run.ledger.lost, kFaultOrders - kFaultAt);  // of those that it sent after it
  for (std::uint32_t w = 1; w < kFaultWriters; ++w) {
    EXPECT_EQ(cell.run.writers[w].applied, kFaultOrders);
  }
}

TEST(Fault, AWriterThatReachesForTheOwnersBufferIsKilledByTheKernel) {
  const FaultCell cell = cell_of(modes::kProcessRing, Kind::scribbled);
  ASSERT_EQ(cell.run.writers.size(), kFaultWriters);
  EXPECT_EQ(cell.run.writers[0].signal, SIGSEGV);
  EXPECT_EQ(cell.run.writers[0].applied, kFaultAt);
  EXPECT_EQ(cell.run.ledger.abandoned, 1U);
}

TEST(Fault, AWriterThatStoodStillComesToItsEnd) {
  const FaultCell cell = cell_of(modes::kProcessRing, Kind::stopped);
  EXPECT_TRUE(cell.run.is_complete());
  EXPECT_TRUE(cell.run.ledger.is_clean());
}

TEST(Fault, EndsWhenItsCallerSaysSo) {
  FaultPlan plan;
  plan.modes = {0};
  plan.faults = {Kind::none};
  plan.go_on = [](const Standing&) { return false; };
  const auto cells = try_faults(plan);
  ASSERT_FALSE(cells);
  EXPECT_EQ(cells.error().code, Errc::closing);
}

}  // namespace
}  // namespace cortado::lab
