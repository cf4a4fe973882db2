#include "modes/ring_roles.hpp"

#include <cortado/writer.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <span>
#include <utility>

#include "modes/applier.hpp"
#include "modes/blocked_time.hpp"
#include "modes/disaster.hpp"
#include "modes/host.hpp"
#include "modes/queue_depth.hpp"
#include "modes/window.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {
namespace {

using namespace std::chrono_literals;

using clock = std::chrono::steady_clock;
constexpr auto kForEver = clock::time_point::max();

/// Sends the orders to the owner.
class RingSink {
 public:
  RingSink(const Stage& stage, Writer& writer)
      : takes_turns_(stage.workload().takes_turns != 0),
        stage_(stage),
        timeline_(stage),
        blocked_(stage),
        writer_(writer),
        capacity_(stage.workload().capacity),
        window_(window_of(stage.workload())),
        left_in_window_(window_) {}

  Put put(const Order& order, const Nothing&) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    if (takes_turns_) wait_for_turn(stage_, order.stamp().writer());
    if (timeline_.covers(order.stamp())) [[unlikely]] {
      return put_timed(order);
    }
    const SendStatus status = writer_.try_send(order.image());
    if (status == SendStatus::full || status == SendStatus::no_owner) [[unlikely]] {
      return outcome(send_when_there_is_room(order), order.stamp());
    }
    return outcome(status, order.stamp());
  }

  /// Filled in place, with something half way.
  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    const auto image = order.image();
    auto claim = writer_.claim_until(image.size(), kForEver);
    if (!claim) return outcome(claim.status(), order.stamp());
    timeline_.granted(order.stamp());
    const std::size_t half = image.size() / 2;
    std::copy_n(image.begin(), half, claim->bytes().begin());
    midway();
    std::copy(image.begin() + static_cast<std::ptrdiff_t>(half), image.end(),
              claim->bytes().begin() + static_cast<std::ptrdiff_t>(half));
    return outcome(claim->commit(), order.stamp());
  }

  static Failure failure() noexcept { return Failure::queue_broken; }
  bool finish() { return writer_.close(has_failed_ ? clock::now() : kForEver) == 0; }

 private:
  SendStatus send_when_there_is_room(const Order& order) noexcept {
    const Wait wait = blocked_.whole(order.stamp().writer());
    return writer_.send(order.image(), kForEver);
  }
  /// Sent, with the waits in it told apart: for room, and for the owner to catch up.
  Put put_timed(const Order& order) {
    const Stamp stamp = order.stamp();
    SendStatus status = writer_.try_send(order.image());
    if (status == SendStatus::full) {
      auto claim = [&] {
        const Wait wait = blocked_.whole(stamp.writer());
        return writer_.claim_until(order.image().size(), kForEver);
      }();
      if (!claim) return outcome(claim.status(), stamp);
      timeline_.granted(stamp);
      std::copy_n(order.image().begin(), order.image().size(), claim->bytes().begin());
      status = claim->commit();
    }
    if (left_in_window_ == 1) timeline_.sent(stamp);
    return outcome(status, stamp);
  }

  Put outcome(SendStatus status, Stamp stamp) noexcept {
    if (status != SendStatus::sent) [[unlikely]] {
      has_failed_ = true;
      return Put::failed;
    }
    if (--left_in_window_ == 0) [[unlikely]] {
      left_in_window_ = window_;
      const Wait wait = blocked_.whole(stamp.writer());
      // If it fails, the next send tells.
      static_cast<void>(writer_.wait_applied(kForEver));
    }
    return Put::taken;
  }

  bool has_failed_ = false;
  bool takes_turns_;
  const Stage& stage_;
  Timeline timeline_;
  BlockedTime blocked_;
  Writer& writer_;
  std::uint32_t capacity_;
  std::uint64_t window_;
  std::uint64_t left_in_window_;
};

std::size_t ring_bytes_for(const Workload& workload) {
  constexpr std::size_t kAtOnce = 4;  // so many of the longest orders fit
  return std::max(OwnerOptions{}.ring_bytes,
                  std::bit_ceil(kAtOnce * (workload.capacity + Order::kStampBytes + 16)));
}

/// Until something comes; looks for the end of a run now and then.
void take_nap(const Stage& stage, Owner& owner) {
  const std::span<ApplyTimes> naps = stage.naps();
  if (naps.empty()) {
    owner.wait(20ms);
    return;
  }
  const std::uint64_t begun = os::ticks();
  owner.wait(20ms);
  const std::uint64_t number = stage.host().naps.fetch_add(1, std::memory_order_relaxed);
  if (number < naps.size()) naps[number] = {begun, os::ticks()};
}

}  // namespace

Result<Owner> open_owner(const Stage& stage) {
  OwnerOptions options;
  options.ring_bytes = ring_bytes_for(stage.workload());
  options.max_writers = Stamp::kMostWriters;
  // As who paces orders: what is burnt in waiting would be missing elsewhere.
  const Workload& workload = stage.workload();
  if (workload.load_per_s > 0 && workload.may_spin == 0) options.spin = 0ns;
  return Owner::open(stage.head().owner_name, std::move(options));
}

void own(const Stage& stage, Owner& owner, Buffer buffer) {
  const Workload& workload = stage.workload();
  HostNotes& notes = stage.host();
  const Usage before = usage_of_thread();
  Applier<Plain> applier(stage, buffer, false);
  const Nothing nothing{};
  const Disaster disaster(stage);
  const QueueDepth depth(stage);
  const std::uint64_t fatal = fatal_to_owner(workload);
  std::uint64_t applied = 0;
  // What an owner before this one had applied went with it.
  notes.buried.fetch_add(notes.applied.exchange(0, std::memory_order_relaxed),
                         std::memory_order_relaxed);
  const auto apply = [&](const Message& message) {
    const auto bytes = message.bytes();
    if (bytes.size() < Order::kStampBytes) return;
    const Order order(bytes);
    if (order.stamp().writer() >= workload.writers) return;
    depth.look(applied);
    if (order.stamp().word() == fatal) [[unlikely]] {
      applier.apply(order, disaster, message.redelivered());
    } else {
      applier.apply(order, nothing, message.redelivered());
    }
    notes.applied.store(++applied, std::memory_order_release);
  };

  std::uint32_t left = 0;
  for (;;) {
    if (owner.drain(apply) != 0) {
      notes.last_applied_ns.store(now_ns(), std::memory_order_release);
      continue;
    }
    while (const auto event = owner.next_event()) left += event->kind == Event::Kind::left ? 1 : 0;
    const bool all_left =
        left >= workload.writers || stage.head().writers_gone.load(std::memory_order_acquire) != 0;
    if (all_left && owner.writers() == 0) break;
    take_nap(stage, owner);
  }
  notes.usage = usage_of_thread() - before;
}

int write_by_ring(const Stage& stage, std::uint32_t index) {
  JoinOptions options;
  options.name = "writer-" + std::to_string(index + 1);
  options.timeout = 60s;
  auto writer = Writer::join(stage.head().owner_name, std::move(options));
  if (!writer) return refuse(stage, writer.error());
  RingSink sink(stage, *writer);
  write_orders(stage, index, sink, nullptr);
  return 0;
}

}  // namespace cortado::modes
