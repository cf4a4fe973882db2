// Headway: the start that the writer of a stream is given over its owner.
//
// Two processors that are at work on one cache line take it from each other for every message. An
// owner that has caught up with a writer, and looks again at once, is on its line from then on, and
// the same stream takes up to three times as long as with some KiB between the two. So, when it has
// caught up with a stream, it stays away for a moment, if nobody else waits for it.
//
// What keeps this from doing harm, whatever a writer does:
//   - who is no stream is never waited for. A stream is found with more than one message, again and
//     again without a pause; questions, answers, and most of what comes at a pace of its own come
//     one at a time;
//   - a moment lasts kLongest at most, and moments must pay: more bytes per time than without, from
//     the second on, and some bytes the first. If not, because the writer has a pace of its own, or
//     waits for what comes of its messages, that is the end of it, and the next time twice as much
//     must be seen of the stream;
//   - after kTrial moments the stream is measured without them again;
//   - whoever else has a message ends the moment (Owner::Impl::give_headway).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace cortado::owner {

template <class Clock>
class BasicHeadway {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  static constexpr nanoseconds kShortest{400};
  static constexpr nanoseconds kLongest{3200};
  /// Messages beyond one, found together, that make a stream.
  static constexpr std::uint64_t kProof = 16;
  static constexpr std::uint64_t kMostProof = 4096;
  static constexpr unsigned kTrial = 16;
  static constexpr double kGain = 1.0625;
  /// What was seen before a pause like that does not count: it would make the rate too low.
  static constexpr nanoseconds kPause{100'000};

  BasicHeadway() = default;
  explicit BasicHeadway(std::uint64_t ring_bytes) noexcept : ring_bytes_(ring_bytes) {}

  /// A turn ended at that position with nothing left to read, after so many messages; of a stream
  /// that rests perhaps none. True: before the next look it should be given headway. Reads no clock
  /// for a message that came alone.
  bool caught_up(std::uint64_t position, std::uint64_t messages) noexcept {
    return (messages > 1 || seen_ != 0) && note(position, messages);
  }

  nanoseconds length() const noexcept { return length_; }
  /// A whole moment was given since it was caught up with.
  void give() noexcept { is_given_ = true; }

 private:
  struct Mark {
    std::uint64_t position = 0;
    typename Clock::time_point time;
  };

  [[gnu::noinline]] bool note(std::uint64_t position, std::uint64_t messages) noexcept {
    const bool is_given = std::exchange(is_given_, false);
    if (rate_ != 0) {
      if (is_given) {
        weigh({position, Clock::now()});
      } else if (messages == 0) {
        end(needed_);
      }
    } else if (messages > 1) {
      prove({position, Clock::now()}, messages - 1);
    } else {
      --seen_;
    }
    position_ = position;
    return rate_ != 0;
  }

  void prove(const Mark& here, std::uint64_t beyond_one) noexcept {
    if (seen_ == 0 || here.time - seen_at_ > kPause) {
      seen_ = 0;
      mark_ = here;
    }
    seen_at_ = here.time;
    seen_ = std::min(seen_ + beyond_one, needed_);
    if (seen_ < needed_ || here.position == mark_.position) return;
    rate_ = rate_until(here);
    mark_ = here;
    moments_ = 0;
  }

  void end(std::uint64_t needed) noexcept {
    rate_ = 0;
    seen_ = 0;
    needed_ = needed;
  }

  /// What a moment has brought, with what came while that was read.
  void weigh(const Mark& here) noexcept {
    const std::uint64_t bytes = here.position - position_;
    ++moments_;
    if (bytes == 0 || (moments_ > 1 && rate_until(here) < kGain * rate_)) {
      length_ = kShortest;
      return end(std::min(2 * needed_, kMostProof));
    }
    if (bytes > ring_bytes_ / 2) length_ = std::max(length_ / 2, kShortest);
    if (bytes < ring_bytes_ / 8) length_ = std::min(length_ * 2, kLongest);
    if (moments_ == kTrial) end(std::max(needed_ / 2, kProof));
  }

  /// Bytes per ns since the mark; never 0.
  double rate_until(const Mark& here) const noexcept {
    const nanoseconds time = here.time - mark_.time;
    return static_cast<double>(here.position - mark_.position + 1) /
           static_cast<double>(time.count() + 1);
  }

  std::uint64_t ring_bytes_ = 0;
  std::uint64_t seen_ = 0;  ///< messages beyond one, of the `needed_` that make a stream
  std::uint64_t needed_ = kProof;
  double rate_ = 0;  ///< of a stream: bytes per ns without headway; else 0
  Mark mark_;        ///< where its rate is measured from
  typename Clock::time_point seen_at_;
  std::uint64_t position_ = 0;  ///< of a stream: where the last turn ended
  nanoseconds length_ = kShortest;
  unsigned moments_ = 0;
  bool is_given_ = false;
};

using Headway = BasicHeadway<std::chrono::steady_clock>;

}  // namespace cortado::owner
