#include "modes/stage.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace cortado::modes {
namespace {

constexpr std::uint64_t aligned(std::uint64_t offset) noexcept {
  return (offset + 63) / 64 * 64;
}

/// Letters that are written: each order fills the buffer to its end.
std::uint64_t strokes_of(const Workload& workload) noexcept {
  constexpr std::uint64_t kMost = 1U << 20;
  if (workload.letter_delay_ns == 0) return 0;
  if (workload.orders == 0) return kMost;
  return std::min(workload.orders * workload.capacity, kMost);
}

}  // namespace

/// Offsets of the pieces behind the head.
struct Stage::Layout {
  static constexpr std::uint64_t kNaps = 1U << 12;

  Layout(const Workload& workload, std::uint64_t turn_count, std::uint64_t stroke_count,
         std::uint64_t timeline_room) noexcept
      : writers(aligned(sizeof(StageHead))),
        list_ends(writers + workload.writers * sizeof(WriterNotes)),
        list_bytes(list_ends + workload.listed * sizeof(std::uint64_t)),
        turns(aligned(list_bytes + workload.listed_bytes)),
        strokes(aligned(turns + turn_count * sizeof(std::uint32_t))),
        buffer(aligned(strokes + stroke_count * sizeof(Stroke))),
        timed(timeline_room * workload.writers),
        orders(aligned(buffer + Buffer::bytes_for(workload.capacity, workload.writers))),
        applied(orders + timed * sizeof(OrderTimes)),
        naps(applied + timed * sizeof(ApplyTimes)),
        end(naps + (timed != 0 ? kNaps * sizeof(ApplyTimes) : 0)) {}

  std::uint64_t writers, list_ends, list_bytes, turns, strokes, buffer;
  std::uint64_t timed;  ///< orders
  std::uint64_t orders, applied, naps, end;
};

Result<Stage> Stage::create(const Workload& workload, const std::vector<std::string>& listed,
                            const std::vector<std::uint32_t>& turns, std::uint64_t timeline_room) {
  Workload complete = workload;
  complete.listed = listed.size();
  complete.listed_bytes = 0;
  for (const std::string& order : listed) complete.listed_bytes += order.size();
  const std::uint64_t strokes = strokes_of(complete);
  const Layout layout(complete, turns.size(), strokes, timeline_room);

  auto memory = SharedMemory::create("cortado-stage", layout.end);
  if (!memory) return memory.error();
  auto* head = new (memory->address()) StageHead;
  head->bytes = layout.end;
  head->workload = complete;
  head->turns = turns.size();
  head->strokes = strokes;
  head->timeline_room = timeline_room;
  Stage stage(std::move(*memory));
  for (std::uint32_t w = 0; w < complete.writers; ++w) new (&stage.writer(w)) WriterNotes;

  auto* ends = reinterpret_cast<std::uint64_t*>(stage.at(layout.list_ends));
  std::uint64_t end = 0;
  for (const std::string& order : listed) {
    std::copy_n(reinterpret_cast<const std::byte*>(order.data()), order.size(),
                stage.at(layout.list_bytes + end));
    *ends++ = end += order.size();
  }
  std::copy(turns.begin(), turns.end(), stage.turns().begin());
  return stage;
}

Result<Stage> Stage::open(const std::string& path) {
  auto memory = SharedMemory::open(path);
  if (!memory) return memory.error();
  if (memory->size() < sizeof(StageHead) ||
      static_cast<const StageHead*>(memory->address())->bytes != memory->size()) {
    return Error{Errc::malformed, "cannot take part in a run: " + path +
                                      " is no stage of this version; use one build for all"};
  }
  return Stage(std::move(*memory));
}

Stage::Layout Stage::layout() const noexcept {
  return {head().workload, head().turns, head().strokes, head().timeline_room};
}

WriterNotes& Stage::writer(std::uint32_t index) const noexcept {
  return reinterpret_cast<WriterNotes*>(at(layout().writers))[index];
}

OrderList Stage::listed() const noexcept {
  const Layout offsets = layout();
  return {reinterpret_cast<const std::uint64_t*>(at(offsets.list_ends)), at(offsets.list_bytes),
          workload().listed};
}

std::span<std::uint32_t> Stage::turns() const noexcept {
  return {reinterpret_cast<std::uint32_t*>(at(layout().turns)), head().turns};
}

std::span<Stroke> Stage::strokes() const noexcept {
  return {reinterpret_cast<Stroke*>(at(layout().strokes)), head().strokes};
}

Buffer Stage::final_buffer() const noexcept {
  return Buffer(at(layout().buffer));
}

std::span<OrderTimes> Stage::order_times() const noexcept {
  const Layout offsets = layout();
  return {reinterpret_cast<OrderTimes*>(at(offsets.orders)), offsets.timed};
}

std::span<ApplyTimes> Stage::apply_times() const noexcept {
  const Layout offsets = layout();
  return {reinterpret_cast<ApplyTimes*>(at(offsets.applied)), offsets.timed};
}

std::span<ApplyTimes> Stage::naps() const noexcept {
  const Layout offsets = layout();
  return {reinterpret_cast<ApplyTimes*>(at(offsets.naps)), offsets.timed != 0 ? Layout::kNaps : 0};
}

void Stage::note_stroke(Stroke stroke) const noexcept {
  const std::uint64_t index = head().strokes_made.fetch_add(1, std::memory_order_relaxed);
  if (index < head().strokes) strokes()[index] = stroke;
}

std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace cortado::modes
