// The orders of one writer, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "modes/stage.hpp"

namespace cortado::modes {

/// An order as it travels: its stamp, then its bytes. Refers to memory of its source.
class Order {
 public:
  static constexpr std::size_t kStampBytes = sizeof(std::uint64_t);

  explicit Order(std::span<const std::byte> image) noexcept : image_(image) {}
  std::span<const std::byte> image() const noexcept { return image_; }
  std::span<const std::byte> bytes() const noexcept { return image_.subspan(kStampBytes); }
  Stamp stamp() const noexcept {
    std::uint64_t word;
    std::memcpy(&word, image_.data(), sizeof word);
    return Stamp::of(word);
  }

 private:
  std::span<const std::byte> image_;
};

/// Makes any order of a workload from its stamp: for the writer, and once more for the ledger.
class OrderSource {
 public:
  explicit OrderSource(const Stage& stage)
      : workload_(stage.workload()), listed_(stage.listed()), image_(room(), std::byte{'.'}) {
    seed_ = workload_.seed * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
    if (listed_.size() ==
        0) {  // letters that differ from byte to byte; the first 8 change every time
      for (std::size_t i = 0; i < workload_.payload; ++i) {
        image_[Order::kStampBytes + i] = static_cast<std::byte>('a' + (seed_ + i * 7) % 26);
      }
    }
  }

  /// Valid until the next call.
  Order make(Stamp stamp) noexcept {
    const std::uint64_t word = stamp.word();
    std::memcpy(image_.data(), &word, sizeof word);
    std::byte* const bytes = image_.data() + Order::kStampBytes;
    if (listed_.size() == 0) {
      const std::uint64_t changing = word * 0xd1342543de82ef95U + seed_;
      const std::size_t payload = image_.size() - Order::kStampBytes;
      std::memcpy(bytes, &changing, std::min(payload, sizeof changing));
      return Order(image_);
    }
    const auto order = listed_[workload_.number_of(stamp) % listed_.size()];
    std::copy(order.begin(), order.end(), bytes);
    return Order(std::span(image_).first(Order::kStampBytes + order.size()));
  }

 private:
  std::size_t room() const noexcept {
    std::size_t longest = listed_.size() == 0 ? workload_.payload : 0;
    for (std::uint64_t i = 0; i < listed_.size(); ++i) {
      longest = std::max(longest, listed_[i].size());
    }
    return Order::kStampBytes + longest;
  }

  const Workload& workload_;
  OrderList listed_;
  std::uint64_t seed_ = 0;
  std::vector<std::byte> image_;
};

}  // namespace cortado::modes
