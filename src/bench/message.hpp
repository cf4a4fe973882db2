// What every contestant carries: messages that can be checked, cheaply, when they come out.
//
//   word 0      writer << 48 | sequence
//   words 1...  a pattern that tells the place
//   last word   word 0, multiplied: a message put together of two is found
//
// The checker looks at the first word, the last one, and one of those in between, another one each
// time: so the check costs the same for every size, and no byte is left out for long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace cortado::bench {

inline constexpr std::size_t kWord = sizeof(std::uint64_t);
inline constexpr std::size_t kLeastBytes = 2 * kWord;
inline constexpr unsigned kWriterShift = 48;

/// An odd number, so that multiplying loses nothing (the golden ratio in 64 bits).
inline constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15ULL;

constexpr std::uint64_t pattern_at(std::size_t word) noexcept {
  return (word + 1) * kMix;
}

inline std::uint64_t load_word(const std::byte* from) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

inline void store_word(std::byte* to, std::uint64_t word) noexcept {
  std::memcpy(to, &word, sizeof word);
}

/// Copies the sizes that matter most without a call, for contestants whose slots are of one size.
inline void copy_bytes(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
  switch (bytes) {
    case 16:
      std::memcpy(to, from, 16);
      break;
    case 64:
      std::memcpy(to, from, 64);
      break;
    default:
      std::memcpy(to, from, bytes);
  }
}

/// Writes the messages of one writer.
class Pen {
 public:
  /// bytes: a multiple of 8, kLeastBytes at least.
  Pen(std::size_t bytes, std::uint32_t writer)
      : message_(bytes), word_(std::uint64_t{writer} << kWriterShift) {
    for (std::size_t at = 0; at < bytes; at += kWord) {
      store_word(message_.data() + at, pattern_at(at / kWord));
    }
  }

  /// Valid until the next call.
  std::span<const std::byte> next() noexcept {
    store_word(message_.data(), word_);
    store_word(message_.data() + message_.size() - kWord, word_ * mix_);
    ++word_;
    return message_;
  }

  /// From now on one bit of every message is wrong. For tests of the check.
  void spoil() noexcept {
    if (message_.size() == kLeastBytes) {
      mix_ ^= 2;
    } else {
      message_[kWord] ^= std::byte{1};
    }
  }

 private:
  std::vector<std::byte> message_;
  std::uint64_t word_;
  std::uint64_t mix_ = kMix;
};

/// Looks at what came out, and counts.
class Checker {
 public:
  Checker(std::size_t bytes, std::uint32_t writers) : bytes_(bytes), writers_(writers) {}

  void look(std::span<const std::byte> message) noexcept {
    ++all_;
    if (message.size() != bytes_) [[unlikely]] {
      ++wrong_;
      return;
    }
    const std::uint64_t first = load_word(message.data());
    const std::uint64_t writer = first >> kWriterShift;
    if (writer >= writers_.size()) [[unlikely]] {
      ++wrong_;
      return;
    }
    Writer& from = writers_[writer];
    const std::uint64_t sequence = first & ((std::uint64_t{1} << kWriterShift) - 1);
    bool right =
        sequence == from.next && load_word(message.data() + bytes_ - kWord) == first * kMix;
    if (bytes_ > kLeastBytes) {
      right = right && load_word(message.data() + from.probe * kWord) == pattern_at(from.probe);
      if (++from.probe == bytes_ / kWord - 1) from.probe = 1;
    }
    from.next = sequence + 1;
    ++from.seen;
    if (!right) [[unlikely]]
      ++wrong_;
  }

  /// Right or wrong.
  std::uint64_t all() const noexcept { return all_; }
  /// Of the wrong length, content or order.
  std::uint64_t wrong() const noexcept { return wrong_; }
  std::uint64_t seen_of(std::uint32_t writer) const noexcept { return writers_[writer].seen; }

 private:
  struct Writer {
    std::uint64_t next = 0;
    std::uint64_t probe = 1;
    std::uint64_t seen = 0;
  };
  std::size_t bytes_;
  std::vector<Writer> writers_;
  std::uint64_t all_ = 0;
  std::uint64_t wrong_ = 0;
};

}  // namespace cortado::bench
