// What a writer does, in every mode; where its orders go is the mode's affair.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <vector>

#include <unistd.h>

#include "modes/apply.hpp"
#include "modes/disaster.hpp"
#include "modes/gate.hpp"
#include "modes/order_source.hpp"
#include "modes/pacer.hpp"
#include "modes/stage.hpp"
#include "modes/timeline.hpp"
#include "os/futex.hpp"

namespace cortado::modes {

/// What became of an order.
enum class Put : std::uint8_t {
  taken,     ///< it is applied, or in a queue that keeps it
  rejected,  ///< it can never be applied; the writer goes on with the next one
  given_up,  ///< an exception left it half way; the writer goes on with the next one
  failed,    ///< nothing more can be put; failure() tells why
};

/// Where a writer's orders go. `put` calls midway() once, half way through the order.
template <class S>
concept Sink = requires(S sink, const Order& order, const Nothing& midway) {
  { sink.put(order, midway) } -> std::same_as<Put>;
  { sink.failure() } -> std::same_as<Failure>;
  /// Waits until what was taken is applied, and leaves. False: it will not be.
  { sink.finish() } -> std::same_as<bool>;
};

/// What this thread has used so far.
Usage usage_of_thread() noexcept;
Usage operator-(const Usage& end, const Usage& begin) noexcept;

/// Leaves word who this writer is.
void introduce(const Stage& stage, std::uint32_t index, const void* buffer) noexcept;
/// One writer, or several by one thread, are there: waits until all are and the run starts.
void wait_for_start(const Stage& stage, std::uint32_t writers = 1) noexcept;

/// One writer's run, from the start to the end. See WriterNotes.
template <Sink Out>
class WriterBody {
 public:
  WriterBody(const Stage& stage, std::uint32_t index, Out& sink)
      : stage_(stage),
        workload_(stage.workload()),
        stop_(stage.head().stop),
        notes_(stage.writer(index)),
        timeline_(stage),
        source_(stage),
        pacer_(stage),
        sink_(sink),
        index_(index),
        fault_at_(is_concerned() ? workload_.fault.sequence : UINT64_MAX),
        sample_mask_((std::uint64_t{1} << workload_.sample_shift) - 1) {}

  void run() {
    const Usage before = usage_of_thread();
    while (advance(UINT64_MAX)) {
    }
    end(usage_of_thread() - before);
  }

  /// Sends up to so many orders. False: there are no more, or it cannot go on.
  bool advance(std::uint64_t orders) {
    const std::uint64_t all = workload_.orders_of(index_);
    const std::uint64_t most = orders < all - next_ ? next_ + orders : all;
    std::uint64_t sequence = next_;
    for (; sequence < most && !has_failed_; ++sequence) {
      if (stop_.load(std::memory_order_relaxed) != 0) return false;
      if (sequence == fault_at_ && workload_.fault.has_gate != 0) [[unlikely]] {
        pass_gate(stage_, index_);
      }
      if (pacer_.is_on() && !pacer_.wait_for({index_, sequence})) return false;
      // Else it began when the one before was done.
      if (sequence == 0 || pacer_.is_on()) timeline_.begun({index_, sequence});
      notes_.begun.store(sequence + 1, std::memory_order_release);
      if ((sequence & sample_mask_) == 0) begin_sample(sequence);
      Put put = Put::taken;
      if (sequence == fault_at_ && index_ == workload_.fault.writer) [[unlikely]] {
        put = put_with_fault(sequence);
        // The next one to look at the buffer is somebody else.
        if (workload_.fault.has_gate != 0 && put != Put::failed) wait_for_one_through(stage_);
      } else if (sequence != left_out_) [[likely]] {
        put = sink_.put(source_.make({index_, sequence}), nothing_);
      }
      has_failed_ = !note(put, sequence);
      if (!has_failed_) timeline_.next({index_, sequence});
    }
    next_ = sequence;
    return sequence < all && !has_failed_;
  }

  /// Takes leave. used: from the start to here.
  void end(const Usage& used) {
    if (!sink_.finish() || has_failed_) {
      notes_.failure.store(static_cast<std::uint32_t>(sink_.failure()), std::memory_order_relaxed);
    }
    notes_.usage = used;
    notes_.ended_ns.store(now_ns(), std::memory_order_release);
  }

 private:
  /// The fault is its own, or it waits for it.
  bool is_concerned() const noexcept {
    const Fault& fault = workload_.fault;
    return fault.has_gate != 0 || (fault.kind != Fault::Kind::none && fault.writer == index_);
  }

  /// False: it ends here.
  bool note(Put put, std::uint64_t sequence) {
    if (put == Put::taken) [[likely]] {
      notes_.taken.store(sequence + 1 - not_taken_, std::memory_order_release);
      return true;
    }
    if (put == Put::failed) return false;
    auto& what = put == Put::rejected ? notes_.rejected : notes_.given_up;
    what.fetch_add(1, std::memory_order_release);
    ++not_taken_;
    return true;
  }

  void begin_sample(std::uint64_t sequence) noexcept {
    const std::uint64_t now = now_ns();
    begin_of(notes_, workload_, sequence).store(now, std::memory_order_relaxed);
    if (last_sample_ns_ != 0 && now - last_sample_ns_ > longest_gap_ns_) {
      longest_gap_ns_ = now - last_sample_ns_;
      notes_.longest_gap_ns.store(longest_gap_ns_, std::memory_order_relaxed);
    }
    last_sample_ns_ = now;
  }

  /// The order that the workload's fault is for.
  Put put_with_fault(std::uint64_t sequence) {
    const Stamp stamp{index_, sequence};
    const Order order = source_.make(stamp);
    switch (workload_.fault.kind) {
      case Fault::Kind::flipped: {
        const auto image = order.image();
        std::vector<std::byte> changed(image.begin(), image.end());
        const std::size_t at = Order::kStampBytes + order.bytes().size() / 2;
        changed[order.bytes().empty() ? 0 : at] ^= std::byte{1};
        return sink_.put(Order(changed), nothing_);
      }
      case Fault::Kind::lost:
        return Put::taken;
      case Fault::Kind::doubled: {
        const Put first = sink_.put(order, nothing_);
        return first == Put::taken ? sink_.put(order, nothing_) : first;
      }
      case Fault::Kind::swapped: {
        left_out_ = sequence + 1;
        const Put first = sink_.put(source_.make({index_, sequence + 1}), nothing_);
        return first == Put::taken ? sink_.put(source_.make(stamp), nothing_) : first;
      }
      case Fault::Kind::owner_killed:
        return sink_.put(order, nothing_);
      default:
        try {
          return sink_.put(order, Disaster(stage_));
        } catch (const Thrown&) {
          return Put::given_up;
        }
    }
  }

  const Stage& stage_;
  const Workload& workload_;
  const std::atomic<std::uint32_t>& stop_;
  WriterNotes& notes_;
  Timeline timeline_;
  OrderSource source_;
  Pacer pacer_;
  Out& sink_;
  std::uint32_t index_;
  std::uint64_t fault_at_;
  std::uint64_t next_ = 0;  ///< sequence
  bool has_failed_ = false;
  std::uint64_t left_out_ = UINT64_MAX;  ///< was put already
  std::uint64_t not_taken_ = 0;          ///< rejected or given up
  std::uint64_t sample_mask_;
  std::uint64_t last_sample_ns_ = 0;  ///< when the latest order that is timed was begun
  std::uint64_t longest_gap_ns_ = 0;
  const Nothing nothing_{};
};

/// Announces itself, waits for the start, and writes.
template <Sink Out>
void write_orders(const Stage& stage, std::uint32_t index, Out& sink, const void* buffer) {
  introduce(stage, index, buffer);
  WriterBody<Out> body(stage, index, sink);
  wait_for_start(stage);
  body.run();
}

}  // namespace cortado::modes
