// Owner::Impl::drain_lane, the real one, on a lane whose writer stores what it likes, when it
// likes.
//
// Input: Image. Plan: where the lane begins, what the handler does, what kind of owner it is. A
// step comes at each call of the handler, between drains, and (see no_calls.hpp) at each load from
// the segment.
//
// Invariants: drain_judge.hpp.
#include <cstddef>
#include <cstdint>

#include "bench.hpp"
#include "drain_judge.hpp"
#include "image.hpp"
#include "no_calls.hpp"

namespace cortado::fuzz {
namespace {

struct Plan {
  std::uint64_t first = 0;
  std::uint64_t number = 0;
  std::uint64_t noise = 0;
  Habits habits;
  std::uint64_t kind = 0;  ///< bits: with a kept state; by hand (if without); the writer is gone

  static constexpr unsigned kRing = Bench::kThere;
  static constexpr unsigned kAreas = Bench::kKept;  // the kept segment is out of a writer's reach
  static constexpr std::uint8_t kFlags = ring::flag::send_mask;
  std::uint64_t start() const noexcept { return first & ~std::uint64_t{7}; }
  std::uint64_t sequence() const noexcept { return number; }
  bool with_state() const noexcept { return (kind & 1) != 0; }
  bool by_hand() const noexcept { return (kind & 3) == 2; }
  bool leaving() const noexcept { return (kind & 4) != 0; }
  void change(Random& random) noexcept {
    const auto bits = [&] { return static_cast<std::uint32_t>(random() & random()); };
    switch (random.below(7)) {
      case 0:
        first = edge(random);
        break;
      case 1:
        number = edge(random);
        break;
      case 2:
        noise = random.one_in(8) ? random() : 0;
        break;
      case 3:
        habits.replies = random.one_in(4) ? bits() : ~std::uint32_t{0};
        habits.throws = random.one_in(8) ? bits() & bits() : 0;
        habits.releases = bits();
        break;
      case 4:
        habits.reply_bytes = static_cast<std::uint16_t>(random.below(random.one_in(4) ? 4096 : 64));
        break;
      case 5:
        habits.limit = static_cast<std::uint8_t>(random.one_in(4) ? random() : 47);
        habits.drains = static_cast<std::uint8_t>(random());
        break;
      default:
        kind = random();
        break;
    }
  }
};

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
  const Plan& plan = image.plan;
  bench.begin({plan.start(), plan.sequence()}, plan.with_state());
  bench.owner.options.manual_release = plan.by_hand();
  bench.lane().leaving = plan.leaving();
  if (plan.leaving()) bench.lane().read_at_most(1);
  bench.schedule.fill(bench.area(Bench::kThere), plan.noise, plan.start(), plan.sequence());
  bench.schedule.begin(plan.start(), image.stores, image.count);
  DrainJudge judge(bench, plan.habits);
  judge.drain();
  bench.schedule.clear();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return cortado::fuzz::mutate_image<cortado::fuzz::Plan>(data, size, max, seed);
}
