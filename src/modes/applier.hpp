// Whoever applies orders in a run: the hand, the pen that the workload asks for, the notes.
#pragma once

#include <cstdint>

#include "modes/apply.hpp"
#include "modes/letter_pen.hpp"
#include "modes/order_source.hpp"
#include "modes/pacer.hpp"
#include "modes/stage.hpp"
#include "modes/timeline.hpp"

namespace cortado::modes {

template <class Access>
class Applier {
 public:
  /// writers_race: nobody keeps the buffer to himself while an order is written.
  Applier(const Stage& stage, Buffer buffer, bool writers_race)
      : stage_(stage),
        timeline_(stage),
        hand_(buffer, stage.workload().work_rounds),
        sample_mask_((std::uint64_t{1} << stage.workload().sample_shift) - 1),
        is_slow_(stage.workload().letter_delay_ns != 0),
        writers_race_(writers_race) {}

  /// False: longer than the buffer.
  template <class Midway>
  bool apply(const Order& order, const Midway& midway, bool redelivered = false) {
    const Stamp stamp = order.stamp();
    if (timeline_.covers(stamp)) [[unlikely]] {
      const std::uint64_t begun = os::ticks();
      const bool applied = write(order, midway, redelivered);
      if (applied) timeline_.applied(stamp, begun);
      return applied;
    }
    return write(order, midway, redelivered);
  }

 private:
  template <class Midway>
  bool write(const Order& order, const Midway& midway, bool redelivered) {
    const Stamp stamp = order.stamp();
    const bool applied =
        is_slow_ ? hand_.apply(stamp, order.bytes(),
                               LetterPen<Midway>{stage_, midway, writers_race_}, redelivered)
                 : hand_.apply(stamp, order.bytes(), QuickPen<Midway>{midway}, redelivered);
    if ((stamp.sequence() & sample_mask_) == 0) note_sample(stamp);
    return applied;
  }

  void note_sample(Stamp stamp) const noexcept {
    WriterNotes& notes = stage_.writer(stamp.writer());
    const std::uint64_t begun =
        begin_of(notes, stage_.workload(), stamp.sequence()).load(std::memory_order_relaxed);
    const std::uint64_t now = now_ns();
    const Fault& fault = stage_.workload().fault;
    if (fault.has_gate != 0 && stamp.sequence() == fault.sequence) {
      notes.behind_gate_ns.store(now, std::memory_order_relaxed);
    }
    if (begun != 0 && now >= begun) notes.latency.add(now - begun);
    if (stage_.workload().load_per_s <= 0) return;
    const std::uint64_t due = due_ns(stage_, stamp);
    if (now >= due) notes.latency_as_due.add(now - due);
  }

  const Stage& stage_;
  Timeline timeline_;
  Hand<Access> hand_;
  std::uint64_t sample_mask_;
  bool is_slow_;
  bool writers_race_;
};

}  // namespace cortado::modes
