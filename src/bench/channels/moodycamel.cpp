// moodycamel's queues, between threads of one process: what isolation costs, or does not.
#include "bench/contestant.hpp"

#if defined(CORTADO_HAS_MOODYCAMEL)

#include <algorithm>
#include <optional>
#include <vector>

#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include "bench/channels/slots.hpp"
#include "bench/per_writer.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

template <std::size_t kBytes>
class ReaderWriter {
 public:
  explicit ReaderWriter(const Setting& setting) : queue_(setting.ring_bytes / kBytes) {}

  std::uint64_t batch() const noexcept { return 1; }
  bool push(std::span<const std::byte> message) {
    return queue_.try_enqueue(slot_of<kBytes>(message));
  }
  void flush() noexcept {}
  template <class F>
  std::size_t pop(std::byte* copy, F&& look) {
    constexpr std::size_t kMost = 32;
    std::size_t count = 0;
    while (count < kMost && queue_.try_dequeue(*slots_at<kBytes>(copy))) {
      look(std::span<const std::byte>(copy, kBytes));
      ++count;
    }
    return count;
  }

 private:
  moodycamel::ReaderWriterQueue<Slot<kBytes>> queue_;
};

/// One queue for all writers.
template <std::size_t kBytes>
class Concurrent {
  using Queue = moodycamel::ConcurrentQueue<Slot<kBytes>>;

 public:
  static constexpr bool kThreads = true;

  Concurrent(const Setting& setting, const char* /*name*/)
      : has_one_(setting.writers() == 1),
        queue_(std::max<std::size_t>(setting.ring_bytes / kBytes, kLeast), has_one_ ? 1 : 0,
               has_one_ ? 0 : setting.writers()) {}
  std::uint64_t batch() const noexcept { return kBatch; }

  class Sender {
   public:
    Sender(Concurrent& channel, std::uint32_t) : queue_(channel.queue_) {
      // With tokens one of many writers would hoard the blocks.
      if (channel.has_one_) token_.emplace(queue_);
    }
    bool try_send(std::span<const std::byte> message) {
      return token_ ? queue_.try_enqueue(*token_, slot_of<kBytes>(message))
                    : queue_.try_enqueue(slot_of<kBytes>(message));
    }
    void flush() noexcept {}

   private:
    Queue& queue_;
    std::optional<moodycamel::ProducerToken> token_;
  };

  class Receiver {
   public:
    explicit Receiver(Concurrent& channel)
        : queue_(channel.queue_), token_(queue_), taken_(kBatch * kBytes) {}
    template <class F>
    std::size_t drain(F&& look) {
      const std::size_t count =
          queue_.try_dequeue_bulk(token_, slots_at<kBytes>(taken_.data()), kBatch);
      for (std::size_t i = 0; i < count; ++i) {
        look(std::span<const std::byte>(taken_.data() + i * kBytes, kBytes));
      }
      return count;
    }
    void wait() noexcept {}

   private:
    Queue& queue_;
    moodycamel::ConsumerToken token_;
    std::vector<std::byte> taken_;
  };

 private:
  static constexpr std::size_t kBatch = kBytes <= 1024 ? 32 : 2;
  static constexpr std::size_t kLeast = 64;
  bool has_one_;
  Queue queue_;
};

template <class Channel>
Contestant::Run run(const Point& point) {
  if (point.kind == Kind::throughput) return stream<Channel>;
  if (point.kind == Kind::fan_in) return point.writers > 64 ? nullptr : &stream<Channel>;
  const bool polls = point.waiting == Waiting::polling;
  return point.kind == Kind::round_trip && polls ? &round_trip<Channel> : nullptr;
}

Contestant::Run run_reader_writer(const Point& point) {
  if (point.kind == Kind::fan_in) return nullptr;
  return for_size(point.bytes,
                  [&](auto bytes) { return run<PerWriter<ReaderWriter<bytes()>, true>>(point); });
}

Contestant::Run run_concurrent(const Point& point) {
  return for_size(point.bytes, [&](auto bytes) { return run<Concurrent<bytes()>>(point); });
}

constexpr std::string_view kAbsent{};

}  // namespace
}  // namespace cortado::bench

#else

namespace cortado::bench {
namespace {

Contestant::Run run_reader_writer(const Point& /*point*/) {
  return nullptr;
}
Contestant::Run run_concurrent(const Point& /*point*/) {
  return nullptr;
}
constexpr std::string_view kAbsent =
    "not installed (libreaderwriterqueue-dev, libconcurrentqueue-dev)";

}  // namespace
}  // namespace cortado::bench

#endif

namespace cortado::bench {

std::span<const Contestant> moodycamel_contestants() {
  static constexpr Contestant kAll[] = {
      {"moodycamel-spsc", "ReaderWriterQueue, between threads", Role::peer, run_reader_writer,
       kAbsent},
      {"moodycamel-mpmc", "ConcurrentQueue, between threads", Role::peer, run_concurrent, kAbsent},
  };
  return kAll;
}

}  // namespace cortado::bench
