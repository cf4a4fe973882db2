// What the handlers of the crash tests do: their effect on a kept state, and the diary in which
// they say how far they got.
#pragma once

#include <cortado/owner.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "../support/estate.hpp"
#include "../support/ring_bytes.hpp"

namespace cortado::test {

/// By memcmp: the fewest instructions, and each is a step.
inline bool same_bytes(std::span<const std::byte> one, std::span<const std::byte> other) noexcept {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

/// A kept state that shows each message it contains, their order, and how often each is in it.
struct Tally {
  std::uint64_t count = 0;
  std::uint64_t chain = 0;
  std::array<std::uint64_t, 6> last{};

  void add(std::uint64_t sequence, std::span<const std::byte> bytes) noexcept {
    std::uint64_t begin = bytes.size();  // or, if it is so long, its first bytes
    if (bytes.size() >= sizeof begin) std::memcpy(&begin, bytes.data(), sizeof begin);
    chain = (chain ^ sequence ^ begin) * 0x9e3779b97f4a7c15ULL + 1;
    last[count % last.size()] = chain;
    ++count;
  }
  friend bool operator==(const Tally&, const Tally&) = default;
};

/// What a handler saw and did, in memory that is part of the images: one for each call.
struct Diary {
  struct Entry {
    std::uint64_t sequence;
    std::uint32_t flagged;  ///< as redelivered
    std::uint32_t whole;    ///< its bytes are those that were sent
  };
  static constexpr std::size_t kEntries = 128;

  std::atomic<std::uint64_t> begun;   ///< calls of the handler
  std::atomic<std::uint64_t> done;    ///< of these, come to their end
  std::atomic<std::uint64_t> thrown;  ///< exceptions, before anything else was done
  std::array<Entry, kEntries> entries;

  /// A handler's whole work but for its effect on a kept state. `expected`: as it was sent.
  void note(const Message& message, const Bytes& expected) noexcept {
    const std::uint64_t number = begun.load(std::memory_order_relaxed);
    begun.store(number + 1, std::memory_order_seq_cst);
    const bool whole = same_bytes(message.bytes(), expected);
    entries[number % kEntries] = {message.sequence(), message.redelivered() ? 1U : 0U,
                                  whole ? 1U : 0U};
    if (message.is_ask()) message.reply(answer_to(message.sequence()));
    done.store(number + 1, std::memory_order_seq_cst);
  }
  static std::string_view answer_to(std::uint64_t sequence) noexcept {
    return std::string_view("the answer is 42").substr(sequence % 8);
  }
};

/// How an owner keeps what its handler does.
enum class Keeps { nothing, state, until_released };

/// The next owner of an estate, with a kept state or without one, behind one face.
class Heir {
 public:
  using Handler = std::function<void(const Message&)>;

  /// Takes over what was handed over (Estate::hand_over). What went wrong is in error().
  explicit Heir(Keeps keeps) {
    OwnerOptions options;
    options.ring_bytes = Estate::kRingBytes;
    options.spin = std::chrono::nanoseconds(0);  // each look is a step
    options.manual_release = keeps == Keeps::until_released;
    if (keeps == Keeps::state) {
      keep(Owner::open<Tally>(Estate::kName, options), kept_);
    } else {
      keep(Owner::open(Estate::kName, options), plain_);
    }
  }

  const std::string& error() const { return error_; }
  Owner& owner() { return kept_ ? static_cast<Owner&>(*kept_) : *plain_; }
  const Tally& state() const { return kept_->state(); }

  /// Everything that waits; the effect on a kept state comes before `handler`.
  void drain(const Handler& handler) {
    while (drain_once(handler) != 0) {
    }
  }

 private:
  template <class AnyOwner>
  void keep(Result<AnyOwner> opened, std::optional<AnyOwner>& owner) {
    if (opened) {
      owner.emplace(std::move(*opened));
    } else {
      error_ = opened.error().text;
    }
  }
  std::size_t drain_once(const Handler& handler) {
    if (!kept_) return plain_->drain(handler);
    return kept_->drain([&](const Message& message, Tally& tally) {
      tally.add(message.sequence(), message.bytes());
      handler(message);
    });
  }

  std::optional<Owner> plain_;
  std::optional<KeptOwner<Tally>> kept_;
  std::string error_;
};

}  // namespace cortado::test
