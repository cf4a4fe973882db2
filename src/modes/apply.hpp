// What applying an order is: the one work that every mode does on the buffer.
//
// Invariant, where nobody interferes: the first `length` bytes are the order whose check is
// `check`, the bytes behind it are zero, and the counts tell how many were applied. Where somebody
// does interfere (a race), the next one to apply finds that it does not hold, and counts that.
//
// A buffer that writers race for is touched by relaxed atomic accesses only (Racy): what comes out
// is garbled, but it is a race of the workload that compilers and processors know of. (Words and
// bytes of the same memory are mixed, which the standard does not speak of and x86 and ARM64 do
// well.)
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "modes/buffer.hpp"

namespace cortado::modes {

/// XXH3 of the bytes with the stamp as its seed.
inline std::uint64_t order_check(Stamp stamp, std::span<const std::byte> order) noexcept {
  return XXH3_64bits_withSeed(order.data(), order.size(), stamp.word());
}

/// How the buffer's memory is touched: as memory that nobody else touches meanwhile ...
struct Plain {
  template <class T>
  static T load(const T& from) noexcept {
    return from;
  }
  template <class T>
  static void store(T& to, T value) noexcept {
    to = value;
  }
};

/// ... or as memory that anybody may change between any two accesses.
struct Racy {
  template <class T>
  static T load(const T& from) noexcept {
    return std::atomic_ref<T>(const_cast<T&>(from)).load(std::memory_order_relaxed);
  }
  template <class T>
  static void store(T& to, T value) noexcept {
    std::atomic_ref<T>(to).store(value, std::memory_order_relaxed);
  }
};

template <class Access>
void add(std::uint64_t& to, std::uint64_t value) noexcept {
  Access::store(to, Access::load(to) + value);
}

/// Keeps a processor busy, about a nanosecond for each round; see calibrate_work.
inline std::uint64_t work(std::uint64_t rounds, std::uint64_t value) noexcept {
  for (; rounds != 0; --rounds) {
    value = value * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(value));
  }
  return value;
}

/// Eight bytes at a time, then the rest. `to` is aligned to 8.
template <class Access>
inline void store_bytes(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  std::size_t done = 0;
  for (; done + 8 <= bytes; done += 8) {
    std::uint64_t word;
    std::memcpy(&word, from + done, 8);
    Access::store(*reinterpret_cast<std::uint64_t*>(to + done), word);
  }
  for (; done < bytes; ++done) Access::store(to[done], from[done]);
}

/// The same, of memory that nobody else touches meanwhile.
template <>
inline void store_bytes<Plain>(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  if (bytes < 8 || bytes > 16) {
    std::memcpy(to, from, bytes);
    return;
  }
  std::uint64_t first;
  std::uint64_t last;
  std::memcpy(&first, from, 8);
  std::memcpy(&last, from + bytes - 8, 8);
  std::memcpy(to, &first, 8);
  std::memcpy(to + bytes - 8, &last, 8);
}

template <class Access>
void load_bytes(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  std::size_t done = 0;
  for (; done + 8 <= bytes; done += 8) {
    const auto word = Access::load(*reinterpret_cast<const std::uint64_t*>(from + done));
    std::memcpy(to + done, &word, 8);
  }
  for (; done < bytes; ++done) to[done] = Access::load(from[done]);
}

template <class Access>
void clear_bytes(std::byte* to, std::size_t from, std::size_t end) noexcept {
  for (; from < end; ++from) Access::store(to[from], std::byte{0});
}

struct Nothing {
  void operator()() const noexcept {}
};

/// Writes an order's bytes at full speed; `midway` is called when a half of them is there, in
/// multiples of 8.
template <class Midway>
struct QuickPen {
  const Midway& midway;

  template <class Access>
  void write(std::byte* to, std::uint32_t, Stamp, std::span<const std::byte> order,
             std::size_t behind) const {
    std::size_t half = 0;
    if constexpr (!std::is_same_v<Midway, Nothing>) {
      half = std::min(order.size(), std::max<std::size_t>(order.size() / 16 * 8, 8));
      store_bytes<Access>(to, order.data(), half);
      midway();
    }
    store_bytes<Access>(to + half, order.data() + half, order.size() - half);
    clear_bytes<Access>(to, order.size(), behind);
  }
};

/// Whoever applies orders to a buffer.
template <class Access>
class Hand {
 public:
  /// Every so many orders of a writer, it is looked at what stands there.
  static constexpr std::uint64_t kLookEvery = 16;
  static constexpr std::uint64_t kLookAt = 8;  ///< of these; not one that is timed

  /// work_rounds: of work on each order, while the buffer is in hand.
  Hand(Buffer buffer, std::uint64_t work_rounds)
      : head_(buffer.head()),
        order_(buffer.order()),
        accounts_(&buffer.account(0)),
        capacity_(head_.capacity),
        work_rounds_(work_rounds) {
    if constexpr (std::is_same_v<Access, Racy>) copy_.resize(capacity_);
  }

  /// False: longer than the buffer's capacity, and nothing was touched.
  template <class Pen>
  [[gnu::flatten]] bool apply(Stamp stamp, std::span<const std::byte> order, const Pen& pen,
                              bool redelivered) {
    if (order.size() > capacity_) return false;
    if (stamp.sequence() % kLookEvery == kLookAt && !is_whole()) add<Access>(head_.torn, 1);
    const std::size_t before = std::min<std::size_t>(Access::load(head_.length), capacity_);
    pen.template write<Access>(order_, capacity_, stamp, order, before);
    const std::uint64_t check = order_check(stamp, order);
    Access::store(head_.length, std::uint64_t{order.size()});
    Access::store(head_.stamp, stamp.word());
    Access::store(head_.check, check);
    if (work_rounds_ != 0) Access::store(head_.result_of_work, work(work_rounds_, check));
    add<Access>(head_.count, 1);
    add<Access>(head_.digest, check);
    note(accounts_[stamp.writer()], stamp.sequence(), redelivered);
    return true;
  }

  /// Whether what stands there is one whole order (or nothing yet).
  bool is_whole() {
    const std::uint64_t length = Access::load(head_.length);
    const Stamp stamp = Stamp::of(Access::load(head_.stamp));
    const std::uint64_t check = Access::load(head_.check);
    if (length > capacity_) return false;
    if (check == 0) return length == 0;
    const std::byte* order = order_;
    if constexpr (std::is_same_v<Access, Racy>) {
      load_bytes<Access>(copy_.data(), order_, length);
      order = copy_.data();
    }
    return order_check(stamp, {order, length}) == check;
  }

 private:
  /// Only one order of a writer comes here at a time, in every mode.
  static void note(Account& account, std::uint64_t sequence, bool redelivered) noexcept {
    ++account.count;
    if (redelivered) ++account.redelivered;
    if (sequence == account.next) [[likely]] {
      account.next = sequence + 1;
    } else if (sequence > account.next) {
      note_gap(account, {account.next, sequence});
      account.next = sequence + 1;
    } else {
      ++(fill_gap(account, sequence) ? account.reordered : account.duplicated);
    }
  }
  static void note_gap(Account& account, Gap gap) noexcept;
  static bool fill_gap(Account& account, std::uint64_t sequence) noexcept;

  BufferHead& head_;
  std::byte* order_;
  Account* accounts_;
  std::uint32_t capacity_;
  std::uint64_t work_rounds_;
  std::vector<std::byte> copy_;  ///< of what stands there, to look at
};

template <class Access>
void Hand<Access>::note_gap(Account& account, Gap gap) noexcept {
  if (account.gaps == Account::kGaps) {
    ++account.gaps_dropped;
  } else {
    account.gap[account.gaps++] = gap;
  }
}

/// False: this sequence was not missing.
template <class Access>
bool Hand<Access>::fill_gap(Account& account, std::uint64_t sequence) noexcept {
  for (std::uint32_t i = 0; i < account.gaps; ++i) {
    Gap& gap = account.gap[i];
    if (sequence < gap.from || sequence >= gap.to) continue;
    const Gap behind{sequence + 1, gap.to};
    gap.to = sequence;
    if (gap.from == gap.to) gap = account.gap[--account.gaps];
    if (behind.from != behind.to) note_gap(account, behind);
    return true;
  }
  return false;
}

}  // namespace cortado::modes
