// What a run is called in one word, over results that were made by hand.
#include "lab/fate.hpp"

#include <set>

#include <gtest/gtest.h>

#include "lab/faults.hpp"

namespace cortado::lab {
namespace {

using Kind = modes::Fault::Kind;

/// Everybody went on, but perhaps for the first writer, to whom it happened.
RunResult result_with(Kind fault) {
  RunResult result;
  result.mode = &modes::kProcessMutex;
  result.workload.fault = {fault, 0, kFaultAt, 1};
  result.writers.resize(kFaultWriters);
  for (WriterResult& writer : result.writers) {
    writer.has_ended = true;
    writer.behind_gate_ns = 1;
  }
  return result;
}

TEST(Fate, IsIntactWhenEverybodyElseWentOn) {
  RunResult result = result_with(Kind::killed);
  EXPECT_EQ(fate_of(result), Fate::intact);
  result.writers[0] = {};  // it died
  result.writers[0].signal = 9;
  result.ledger.abandoned = 1;
  result.ledger.dropped = 1;
  EXPECT_EQ(fate_of(result), Fate::intact);
}

TEST(Fate, IsGarbledByAnyHarmToAnOrder) {
  for (auto harm : {&Ledger::torn, &Ledger::lost, &Ledger::duplicated, &Ledger::reordered}) {
    RunResult result = result_with(Kind::thrown);
    result.ledger.*harm = 1;
    EXPECT_EQ(fate_of(result), Fate::garbled);
  }
}

TEST(Fate, IsHungWhenOneOfTheOthersDidNotGetOn) {
  RunResult late = result_with(Kind::killed);
  late.writers[3].behind_gate_ns = 0;
  EXPECT_EQ(fate_of(late), Fate::hung);
  RunResult refused = result_with(Kind::killed);
  refused.writers[2].failure = modes::Failure::lock_broken;
  EXPECT_EQ(fate_of(refused), Fate::hung);
  EXPECT_TRUE(is_refused(refused));
  RunResult watched = result_with(Kind::stopped);
  watched.outcome = Outcome::hung;
  watched.ledger.torn = 1;  // nobody gets to see it
  EXPECT_EQ(fate_of(watched), Fate::hung);
  EXPECT_FALSE(is_refused(watched));
}

TEST(Fate, CountsTheFirstWriterWhenItHappenedToNobodyOrToTheOwner) {
  for (const Kind fault : {Kind::none, Kind::owner_killed}) {
    RunResult result = result_with(fault);
    result.writers[0].has_ended = false;
    EXPECT_EQ(fate_of(result), Fate::hung);
  }
}

TEST(Fate, IsAllDeadWhenTheBufferIsGone) {
  RunResult result = result_with(Kind::crashed);
  result.outcome = Outcome::host_died;
  EXPECT_EQ(fate_of(result), Fate::all_dead);
}

TEST(Theory, KnowsEveryModeAndEveryFaultThatCanHappenInIt) {
  EXPECT_EQ(fault_modes().size(), modes::known_modes().size() - 1);  // not of one thread alone
  for (const std::uint32_t index : fault_modes()) {
    const modes::Mode* mode = modes::known_modes()[index];
    for (const FaultName& fault : all_faults()) {
      const bool can_happen =
          fault.kind != Kind::owner_killed || mode->sharing == modes::Sharing::ring;
      EXPECT_EQ(theory_of(*mode, fault.kind).has_value(), can_happen) << mode->name << fault.name;
    }
  }
  EXPECT_FALSE(theory_of(modes::Mode{"another", {}, {}, nullptr, nullptr}, Kind::none));
  EXPECT_FALSE(theory_of(modes::kThreadRing, Kind::flipped));
}

TEST(Theory, OnlyMessagesToAnotherProcessSurviveEverything) {
  for (const std::uint32_t index : fault_modes()) {
    const modes::Mode* mode = modes::known_modes()[index];
    std::set<Fate> fates;
    for (const FaultName& fault : all_faults()) {
      if (const auto fate = theory_of(*mode, fault.kind)) fates.insert(*fate);
    }
    EXPECT_EQ(fates == std::set<Fate>{Fate::intact}, mode == &modes::kProcessRing) << mode->name;
  }
}

TEST(Theory, IsMarkedWhereItDiffers) {
  FaultCell cell;
  cell.applies = true;
  cell.fate = Fate::garbled;
  EXPECT_TRUE(cell.is_as_theory());  // there is none
  cell.theory = Fate::garbled;
  EXPECT_TRUE(cell.is_as_theory());
  cell.theory = Fate::intact;
  EXPECT_FALSE(cell.is_as_theory());
  cell.applies = false;
  EXPECT_TRUE(cell.is_as_theory());
}

}  // namespace
}  // namespace cortado::lab
