// Writer::Impl::take_reply on a ring back that holds anything.
//
// Input: Image. Plan: where the ring back begins, the asks that have no answer yet, the one that is
// waited for. A step comes between calls and (see no_calls.hpp) at each load from the segment.
//
// Invariants:
//   - what is kept free for answers is the sum over the asks that have none, and never grows;
//   - the answer is no longer than a record of the ring can be, and comes only from a record that
//     was taken;
//   - the writer's position moves on by words, a record of the ring at a time, and all of it is
//     released.
#include <cstddef>
#include <cstdint>
#include <memory>

#include "bench.hpp"
#include "image.hpp"
#include "no_calls.hpp"
#include "writer/writer_impl.hpp"

namespace cortado::fuzz {
namespace {

struct Plan {
  std::uint64_t first = 0;
  std::uint64_t number = 0;
  std::uint64_t noise = 0;
  std::uint64_t wanted = 0;
  std::uint8_t asks = 0;  ///< modulo 4; their sequences: 0, wanted, wanted + 1
  std::uint8_t calls = 0;
  std::uint16_t credit = 0;
  std::uint32_t unused = 0;

  static constexpr unsigned kRing = Bench::kBack;
  static constexpr unsigned kAreas = Bench::kKept;
  static constexpr std::uint8_t kFlags = ring::flag::reply_mask;
  std::uint64_t start() const noexcept { return first & ~std::uint64_t{7}; }
  std::uint64_t sequence() const noexcept { return number; }
  void change(Random& random) noexcept {
    switch (random.below(5)) {
      case 0:
        first = edge(random);
        break;
      case 1:
        number = edge(random);
        break;
      case 2:
        noise = random.one_in(4) ? random() : 0;
        break;
      case 3:
        wanted = random.one_in(2) ? 0 : edge(random);
        break;
      default:
        asks = static_cast<std::uint8_t>(random());
        calls = static_cast<std::uint8_t>(random());
        credit = static_cast<std::uint16_t>(random());
        break;
    }
  }
};

/// The parts of a writer that take_reply uses, on the lane of a Bench.
class Asking {
 public:
  explicit Asking(const Bench& bench) : back_(bench.lane().memory->reply_ring()) {
    writer_.owner = "bench";
    writer_.memory = bench.lane().memory;
    writer_.control = &bench.lane().control();
  }

  void begin(const Plan& plan) {
    writer_.back =
        ring::Consumer(back_, kAreaBytes, plan.start(), plan.sequence(), ring::flag::reply_mask);
    writer_.asked.clear();
    writer_.credit = 0;
    const std::uint64_t sequences[] = {0, plan.wanted, plan.wanted + 1};
    for (unsigned i = 0; i < plan.asks % 4U; ++i) {
      const std::uint64_t credit = ring::reply_credit(plan.credit % 512U);
      writer_.asked.push_back({sequences[i], credit});
      writer_.credit += credit;
    }
  }

  void take(std::uint64_t wanted) {
    const std::uint64_t before = writer_.back.position();
    const std::size_t waiting = writer_.asked.size();
    Result<std::vector<std::byte>> answer = Error{Errc::unknown, {}};
    const bool found = writer_.take_reply(wanted, answer);
    const std::uint64_t moved = writer_.back.position() - before;
    require(moved % 8 == 0, "a writer's position moves on by words");
    // A number comes again after 256 records, so that hostile ones may be read more than once
    // around.
    require(moved < 256 * kAreaBytes, "a writer's position moves on by records of the ring");
    require(!found || moved >= 16, "an answer is found in a record that was taken");
    require(found || (!answer && answer.error().code == Errc::unknown), "no answer, no text");
    require(!answer || answer->size() <= ring::max_length(kAreaBytes) - sizeof(ring::ReplyPrefix),
            "an answer fits into its ring");
    require(writer_.back.released() == writer_.back.position(), "what is taken is released");
    require(writer_.asked.size() <= waiting, "no ask is added");
    std::uint64_t credit = 0;
    for (const auto& ask : writer_.asked) credit += ask.credit;
    require(writer_.credit == credit, "what is kept free is the sum over what was asked");
  }

 private:
  std::byte* back_;
  test::WriterParts writer_;
};

}  // namespace
}  // namespace cortado::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cortado::fuzz;
  static Bench& bench = *new Bench(Plan::kAreas);
  static Asking& asking = *[] {
    step_at_loads(bench.schedule, bench.area(Bench::kBack).memory, 2 * kAreaBytes);
    return new Asking(bench);
  }();
  Image<Plan> image(data, size);
  const Plan& plan = image.plan;
  bench.begin({plan.start(), 0}, false);
  bench.schedule.fill(bench.area(Bench::kBack), plan.noise, plan.start(), plan.sequence());
  bench.schedule.begin(plan.start(), image.stores, image.count);
  asking.begin(plan);
  for (unsigned n = 1 + plan.calls % 4U; n != 0; --n) {
    asking.take(plan.wanted);
    bench.schedule.step();
  }
  bench.schedule.clear();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max, unsigned seed) {
  return cortado::fuzz::mutate_image<cortado::fuzz::Plan>(data, size, max, seed);
}
