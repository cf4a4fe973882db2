// PerWriter: any queue with one producer and one consumer, once for each writer, scanned in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/point.hpp"

namespace cortado::bench {

/// Queue: made from a Setting before the fork; push(span) -> bool, flush(),
/// pop(copy, look) -> how many, batch().
template <class Queue, bool kByThreads>
class PerWriter {
 public:
  static constexpr bool kThreads = kByThreads;

  PerWriter(const Setting& setting, const char* /*name*/) : bytes_(setting.bytes()) {
    for (std::uint32_t w = 0; w < setting.writers(); ++w) {
      queues_.push_back(std::make_unique<Queue>(setting));
    }
  }
  std::uint64_t batch() const noexcept { return queues_.front()->batch(); }

  class Sender {
   public:
    Sender(PerWriter& channel, std::uint32_t writer) noexcept : queue_(*channel.queues_[writer]) {}
    bool try_send(std::span<const std::byte> message) { return queue_.push(message); }
    void flush() { queue_.flush(); }

   private:
    Queue& queue_;
  };

  class Receiver {
   public:
    explicit Receiver(PerWriter& channel) : channel_(channel), copy_(channel.bytes_) {}
    template <class F>
    std::size_t drain(F&& look) {
      std::size_t taken = 0;
      for (const auto& queue : channel_.queues_) taken += queue->pop(copy_.data(), look);
      return taken;
    }
    void wait() noexcept {}  // such a queue cannot sleep

   private:
    PerWriter& channel_;
    std::vector<std::byte> copy_;
  };

 private:
  std::size_t bytes_;
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace cortado::bench
