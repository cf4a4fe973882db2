// Boost.Interprocess message_queue, and boost::lockfree::spsc_queue placed in shared memory.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <unistd.h>

#include "bench/channels/slots.hpp"
#include "bench/contestant.hpp"
#include "bench/per_writer.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

namespace ipc = boost::interprocess;

/// One queue for all writers; a mutex and a condition in shared memory.
class MessageQueue {
 public:
  static constexpr bool kThreads = false;

  MessageQueue(const Setting& setting, const char* name) : setting_(setting) {
    const std::string path = "cortado-bench-" + std::to_string(::getpid()) + "-" + name;
    const std::size_t messages = std::max<std::size_t>(8, setting.ring_bytes / setting.bytes());
    queue_.emplace(ipc::create_only, path.c_str(), messages, setting.bytes(),
                   ipc::permissions(0600));
    ipc::message_queue::remove(path.c_str());  // forked children have it mapped
  }
  std::uint64_t batch() const noexcept { return 1; }

  class Sender {
   public:
    Sender(MessageQueue& channel, std::uint32_t) noexcept : queue_(*channel.queue_) {}
    bool try_send(std::span<const std::byte> message) {
      return queue_.try_send(message.data(), message.size(), 0);
    }
    void flush() noexcept {}

   private:
    ipc::message_queue& queue_;
  };

  class Receiver {
   public:
    explicit Receiver(MessageQueue& channel)
        : queue_(*channel.queue_),
          sleeps_(channel.setting_.sleeps()),
          copy_(channel.setting_.bytes()) {}
    template <class F>
    std::size_t drain(F&& look) {
      std::size_t got = 0;
      unsigned priority = 0;
      if (sleeps_) {
        queue_.receive(copy_.data(), copy_.size(), got, priority);
      } else if (!queue_.try_receive(copy_.data(), copy_.size(), got, priority)) {
        return 0;
      }
      look(std::span<const std::byte>(copy_.data(), got));
      return 1;
    }
    void wait() noexcept {}  // its receive sleeps

   private:
    ipc::message_queue& queue_;
    bool sleeps_;
    std::vector<std::byte> copy_;
  };

 private:
  const Setting& setting_;
  std::optional<ipc::message_queue> queue_;
};

template <std::size_t kBytes>
class SpscQueue {
  static constexpr std::size_t kSlots =
      std::max(std::size_t{256} << 10, std::bit_ceil(8 * kBytes)) / kBytes;
  using Queue = boost::lockfree::spsc_queue<Slot<kBytes>, boost::lockfree::capacity<kSlots>>;

 public:
  explicit SpscQueue(const Setting& /*setting*/)
      : block_(sizeof(Queue)), queue_(new (block_.data()) Queue()), taken_(kBatch * kBytes) {}

  std::uint64_t batch() const noexcept { return kBatch; }
  bool push(std::span<const std::byte> message) { return queue_->push(slot_of<kBytes>(message)); }
  void flush() noexcept {}
  template <class F>
  std::size_t pop(std::byte* /*copy*/, F&& look) {
    const std::size_t count = queue_->pop(slots_at<kBytes>(taken_.data()), kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      look(std::span<const std::byte>(taken_.data() + i * kBytes, kBytes));
    }
    return count;
  }

 private:
  static constexpr std::size_t kBatch = std::clamp<std::size_t>(kSlots / 4, 1, 32);
  SharedBlock block_;
  Queue* queue_;
  std::vector<std::byte> taken_;
};

Contestant::Run run_message_queue(const Point& point) {
  constexpr std::uint32_t kManyWriters = 64;
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return point.writers > kManyWriters ? nullptr : &stream<MessageQueue>;
    case Kind::round_trip:
      return point.waiting == Waiting::spin_then_sleep ? nullptr : &round_trip<MessageQueue>;
    case Kind::idle:
    case Kind::lock:
      break;
  }
  return nullptr;
}

Contestant::Run run_spsc(const Point& point) {
  return for_size(point.bytes, [&](auto bytes) -> Contestant::Run {
    using Channel = PerWriter<SpscQueue<bytes()>, false>;
    if (point.kind == Kind::throughput) return stream<Channel>;
    const bool polls = point.waiting == Waiting::polling;
    return point.kind == Kind::round_trip && polls ? &round_trip<Channel> : nullptr;
  });
}

}  // namespace

std::span<const Contestant> boost_contestants() {
  static constexpr Contestant kAll[] = {
      {"boost-mq", "Boost.Interprocess message_queue", Role::peer, run_message_queue},
      {"boost-spsc", "boost::lockfree::spsc_queue, placed in shared memory", Role::peer, run_spsc},
  };
  return kAll;
}

}  // namespace cortado::bench
