#include "lab/ledger.hpp"

#include <algorithm>
#include <optional>

#include "modes/apply.hpp"
#include "modes/order_source.hpp"

namespace cortado::lab {
namespace {

using modes::Account;
using modes::Stage;
using modes::WriterNotes;

/// What a writer's notes say.
struct Record {
  explicit Record(const WriterNotes& notes)
      : begun(notes.begun.load(std::memory_order_acquire)),
        taken(notes.taken.load(std::memory_order_acquire)),
        rejected(notes.rejected.load(std::memory_order_acquire)),
        given_up(notes.given_up.load(std::memory_order_acquire)),
        has_ended(notes.ended_ns.load(std::memory_order_acquire) != 0) {}

  /// It does not know what became of its last order: it was killed, or told that nobody knows.
  bool in_doubt() const noexcept { return begun > taken + rejected + given_up; }

  std::uint64_t begun, taken, rejected, given_up;
  bool has_ended;
};

std::uint64_t less(std::uint64_t from, std::uint64_t what) noexcept {
  return from - std::min(from, what);
}

/// 1: its last order is in doubt and not in the buffer.
std::uint64_t gone_of(const Record& record, const Account& account) noexcept {
  return record.in_doubt() && account.next < record.begun ? 1 : 0;
}

/// Orders that were released by an owner that died later: those before the first one that its
/// successor was handed.
std::uint64_t forgotten_of(const Record& record, const Account& account) noexcept {
  if (account.count == 0) return record.taken;
  return account.gaps != 0 && account.gap[0].from == 0 ? account.gap[0].to : 0;
}

/// Adds one writer. The buffer's account of it says what arrived; what it says nothing of may be in
/// the buffer of an owner that died.
void settle(Ledger& ledger, const Record& record, const Account& account, bool has_buried) {
  const std::uint64_t distinct = less(account.count, account.duplicated);
  const std::uint64_t gone = gone_of(record, account);
  const std::uint64_t forgotten = has_buried ? forgotten_of(record, account) : 0;
  const std::uint64_t known = distinct + forgotten + record.rejected + record.given_up + gone;
  ledger.sent += record.begun;
  ledger.applied += distinct + forgotten;
  ledger.forgotten += forgotten;
  ledger.rejected += record.rejected;
  ledger.dropped += record.given_up;
  (record.has_ended ? ledger.dropped : ledger.abandoned) += gone;
  ledger.lost += less(record.begun, known);
  ledger.duplicated += account.duplicated + less(known, record.begun);
  ledger.reordered += account.reordered;
  ledger.redelivered += account.redelivered;
}

/// Adds one writer of a run whose buffer is gone: what was taken was applied to it, or is unread.
void settle_without_buffer(Ledger& ledger, const Record& record) {
  ledger.sent += record.begun;
  ledger.applied += record.taken;
  ledger.rejected += record.rejected;
  ledger.dropped += record.given_up;
  (record.has_ended ? ledger.dropped : ledger.abandoned) += record.in_doubt() ? 1 : 0;
}

/// The sum of the checks of all orders that should be in the buffer, if none is missing: all that
/// were begun and fit, whatever their writer says of them. None: go_on said no.
std::optional<std::uint64_t> expected_digest(const Stage& stage, const modes::Buffer& buffer,
                                             const std::function<bool()>& go_on) {
  constexpr std::uint64_t kBetweenLooks = 1U << 18;
  modes::OrderSource source(stage);
  const modes::Fault& fault = stage.workload().fault;
  const bool has_buried = stage.host().buried.load(std::memory_order_acquire) != 0;
  std::uint64_t digest = 0;
  for (std::uint32_t w = 0; w < stage.workload().writers; ++w) {
    const Record record(stage.writer(w));
    const std::uint64_t begin = has_buried ? forgotten_of(record, buffer.account(w)) : 0;
    const std::uint64_t end = record.begun - gone_of(record, buffer.account(w));
    for (std::uint64_t sequence = begin; sequence < end; ++sequence) {
      if (sequence % kBetweenLooks == kBetweenLooks - 1 && !go_on()) return std::nullopt;
      if (record.given_up != 0 && sequence == fault.sequence) continue;
      const modes::Order order = source.make({w, sequence});
      if (order.bytes().size() > stage.workload().capacity) continue;
      digest += modes::order_check(order.stamp(), order.bytes());
    }
  }
  return digest;
}

/// The host tells how many orders it had applied when it died; the rest is unread.
void forget(Ledger& ledger, const Stage& stage, bool has_queue) {
  ledger.forgotten = ledger.applied;
  if (!has_queue) return;
  ledger.forgotten = std::min(ledger.applied, stage.host().applied.load(std::memory_order_acquire));
  ledger.unread = ledger.applied - ledger.forgotten;
  ledger.applied = ledger.forgotten;
}

}  // namespace

bool is_whole(modes::Buffer buffer) {
  const auto& head = buffer.head();
  const std::byte* const order = buffer.order();
  return modes::Hand<modes::Plain>(buffer, 0).is_whole() &&
         std::all_of(order + head.length, order + head.capacity,
                     [](std::byte letter) { return letter == std::byte{0}; });
}

Ledger make_ledger(const Stage& stage, modes::Buffer buffer, bool has_queue,
                   const std::function<bool()>& go_on) {
  Ledger ledger;
  const std::uint32_t writers = stage.workload().writers;
  if (!buffer) {
    for (std::uint32_t w = 0; w < writers; ++w) {
      settle_without_buffer(ledger, Record(stage.writer(w)));
    }
    forget(ledger, stage, has_queue);
    return ledger;
  }
  const std::uint64_t buried = stage.host().buried.load(std::memory_order_acquire);
  std::uint64_t counted = 0;
  for (std::uint32_t w = 0; w < writers; ++w) {
    settle(ledger, Record(stage.writer(w)), buffer.account(w), buried != 0);
    counted += buffer.account(w).count;
  }
  // More is missing than owners that died had applied.
  const std::uint64_t unexplained = less(ledger.forgotten, buried);
  ledger.lost += unexplained;
  ledger.forgotten -= unexplained;
  ledger.applied -= unexplained;
  // Each writer's own account is its own; the count of all is what writers overwrite each other.
  const modes::BufferHead& head = buffer.head();
  const std::uint64_t overwritten = less(counted, head.count);
  ledger.lost += overwritten;
  ledger.applied = less(ledger.applied, overwritten);
  ledger.torn = head.torn + (is_whole(buffer) ? 0 : 1);
  if (ledger.lost == 0 && ledger.duplicated == 0) {
    const auto digest = expected_digest(stage, buffer, go_on);
    if (digest && *digest != head.digest) ++ledger.torn;
  }
  return ledger;
}

}  // namespace cortado::lab
