// A lane as a successor takes it over: KeptLane::plausible, Owner::Impl::recover_state_commit,
// begin_reading and resume, and then a drain of what is there.
//
// Input: Image, whose areas are the writer's segment and the lane's record in the kept segment.
// Plan: what was applied, what was in hand, and what the kept state says of itself. The writer
// stores at every load from the segment, the record is as the predecessor left it.
//
// Invariants: those of drain_judge.hpp; and
//   - a record that cannot be is refused before anything is read by it;
//   - what was applied is never handed over again, what may have been handled is flagged;
//   - a batch that is in the kept state is applied, also if its lane's record does not say so yet;
//   - the failure of a handler that was running is counted once, and too many condemn the lane;
//   - the next reply has the place and number behind the last one that stands in the ring back.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "bench.hpp"
#include "drain_judge.hpp"
#include "image.hpp"
#include "no_calls.hpp"

namespace cortado::fuzz {
namespace {

struct Plan {
  std::uint64_t first = 0;  ///< applied position
  std::uint64_t number = 0;
  std::uint64_t in_hand = 0;   ///< bytes ahead of it
  std::uint64_t handling = 0;  ///< low bit: a handler was running; the rest: bytes ahead
  std::uint64_t in_state = 0;  ///< bytes that the kept state is ahead of the record
  Habits habits;
  std::uint8_t attempts = 0;
  std::uint8_t stage = 0;
  std::uint8_t with_state = 0;
  std::uint8_t state_is_of_lane = 0;
  std::uint32_t noise = 0;  ///< in the ring back

  static constexpr unsigned kRing = Bench::kThere;
  static constexpr unsigned kAreas = Bench::kAreas;
  static constexpr std::uint8_t kFlags = ring::flag::send_mask;
  std::uint64_t start() const noexcept { return first & ~std::uint64_t{7}; }
  std::uint64_t sequence() const noexcept { return number; }
  void change(Random& random) noexcept {
    const auto ahead = [&] { return random.one_in(4) ? edge(random) : random.below(64) * 8; };
    switch (random.below(9)) {
      case 0:
        first = edge(random);
        break;
      case 1:
        number = edge(random);
        break;
      case 2:
        in_hand = ahead();
        break;
      case 3:
        handling = random.one_in(2) ? ahead() | 1 : 0;
        attempts = static_cast<std::uint8_t>(random.below(4));
        break;
      case 4:
        in_state = ahead();
        with_state = static_cast<std::uint8_t>(random());
        state_is_of_lane = static_cast<std::uint8_t>(random());
        break;
      case 5:
        stage = static_cast<std::uint8_t>(random());
        break;
      case 6:
        habits.replies = static_cast<std::uint32_t>(random());
        habits.throws = random.one_in(8) ? static_cast<std::uint32_t>(random() & random()) : 0;
        break;
      case 7:
        noise = random.one_in(2) ? static_cast<std::uint32_t>(random()) : 0;
        break;
      default:
        habits.limit = static_cast<std::uint8_t>(random());
        habits.drains = static_cast<std::uint8_t>(random());
        break;
    }
  }
};

using Stage = lane::KeptLane::Stage;

/// The predecessor's last words, before the schedule's stores disturb them.
void leave(Bench& bench, const Plan& plan) {
  lane::KeptLane& record = bench.record();
  record.in_hand.store(plan.start() + (plan.in_hand & ~std::uint64_t{7}));
  if ((plan.handling & 1) != 0) {
    record.handling.store(plan.start() + (plan.handling & ~std::uint64_t{7}));
    record.failed_at.store(record.handling.load());
    record.attempts.store(plan.attempts % 4U);
  }
  constexpr Stage kStages[] = {Stage::offered, Stage::joined, Stage::evicted, Stage::condemned};
  record.stage.store(kStages[plan.stage % 4U]);
  lane::StateSlot& slot = bench.header().state_slots[0];
  slot.lane_id = (plan.state_is_of_lane & 1) != 0 ? record.lane_id : record.lane_id + 1;
  slot.applied = {plan.start() + (plan.in_state & ~std::uint64_t{7}), plan.number + 1};
}

/// Where the next reply must stand, by the ring back alone.
void judge_replies(const Bench& bench, const lane::Replied& before) {
  const lane::Replied& now = bench.lane().replied;
  require(now == bench.record().replied(), "the kept segment says what was replied");
  require(bench.lane().back.position() == now.position, "the next reply stands behind the last");
  const std::uint64_t moved = now.position - before.position;
  require(now.sequence == before.sequence + (moved == 0 ? 0 : 1),
          "one reply at most was not counted");
  require(moved % 8 == 0 && moved < kAreaBytes && (moved == 0 || moved >= 16),
          "a reply that was not counted is a record");
}

void judge_failure(const lane::KeptLane& record, bool condemned, std::uint64_t handling,
                   std::uint32_t attempts, bool was_handling) {
  require(record.handling.load() == lane::kIdle, "nothing is handled by the one that comes");
  if (!was_handling) return;
  require(record.failed_at.load() == handling, "the message at which the handler failed is known");
  require(record.attempts.load() == attempts, "its failures are counted");
  require(condemned || attempts < OwnerParts::kMaxAttempts, "too many condemn the lane");
}

void take_over(Bench& bench, const Plan& plan) {
  lane::KeptLane& record = bench.record();
  OwnerLane& lane = bench.lane();
  const bool with_state = bench.header().state_bytes != 0;
  const lane::StateSlot& done = bench.header().state_slots[bench.header().state_current.load() & 1];
  const lane::Applied old = record.applied();
  const bool is_ahead = static_cast<std::int64_t>(done.applied.position - old.position) > 0;
  // Number 0 is no lane's: no batch is in the state yet.
  const bool in_state = with_state && done.lane_id != 0 && done.lane_id == record.lane_id &&
                        is_ahead && record.stage.load() != Stage::empty;
  bench.owner.recover_state_commit();
  require(record.applied() == (in_state ? done.applied : old), "what is in the state is applied");
  if (!record.plausible()) return;

  const lane::Applied applied = record.applied();
  const lane::Replied replied = record.replied();
  const std::uint64_t in_hand = record.in_hand.load(), handling = record.handling.load();
  const Stage stage = record.stage.load();
  const auto ahead = static_cast<std::int64_t>(in_hand - applied.position);
  const bool was_handling =
      handling != lane::kIdle && static_cast<std::int64_t>(handling - applied.position) > 0;
  const bool again = record.attempts.load() != 0 && record.failed_at.load() == handling;
  const std::uint32_t attempts = again ? record.attempts.load() + 1 : 1;

  bench.owner.begin_reading(lane, applied);
  lane.in_hand = &record.in_hand;
  lane.handling = &record.handling;
  bench.owner.resume(lane);

  require(record.applied() == applied, "taking over applies nothing");
  require(lane.there.position() == applied.position && lane.there.sequence() == applied.sequence,
          "reading goes on behind what was applied");
  require(lane.redelivered_until == (ahead > 0 ? in_hand : applied.position),
          "what was in hand is flagged");
  require(lane.evicted == (stage == Stage::evicted), "who was sent away stays away");
  require(lane.condemned || stage != Stage::condemned, "who was quarantined stays so");
  judge_failure(record, lane.condemned, handling, attempts, was_handling);
  judge_replies(bench, replied);

  if (with_state) {
    const Tally tally{0, applied.sequence, {}};
    std::memcpy(bench.owner.kept->state(bench.header().state_current.load() & 1), &tally,
                sizeof tally);
  }
  DrainJudge judge(bench, plan.habits);
  judge.expect_redelivered(lane.redelivered_until);
  judge.drain();
}

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static Bench& bench = *[] {
    auto* made = new Bench(Plan::kAreas);
    step_at_loads(made->schedule, made->area(Bench::kControl).memory,
                  cortado::lane::kPageBytes + 4 * kAreaBytes);
    return made;
  }();
  Image<Plan> image(data, size);
  for (std::size_t i = 0; i < image.count; ++i) {
    Store& store = image.stores[i];
    if (store.area() % Plan::kAreas == Bench::kKept) store.after = 0;
  }
  const Plan& plan = image.plan;
  bench.begin({plan.start(), plan.sequence()}, (plan.with_state & 1) != 0);
  leave(bench, plan);
  bench.schedule.fill(bench.area(Bench::kBack), plan.noise, plan.start(), 0);
  bench.schedule.begin(plan.start(), image.stores, image.count);
  take_over(bench, plan);
  bench.schedule.clear();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return cortado::fuzz::mutate_image<cortado::fuzz::Plan>(data, size, max, seed);
}
