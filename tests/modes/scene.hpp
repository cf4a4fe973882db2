// A buffer by hand, and runs of any mode.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "lab/run.hpp"
#include "modes/apply.hpp"
#include "modes/mode.hpp"

namespace cortado::lab {

/// An empty buffer and the memory that it is in.
class BufferByHand {
 public:
  BufferByHand(std::uint32_t capacity, std::uint32_t writers)
      : bytes_(modes::Buffer::bytes_for(capacity, writers)),
        memory_(static_cast<std::byte*>(::operator new (bytes_, std::align_val_t{64}))) {
    std::fill_n(memory_.get(), bytes_, std::byte{0});
    buffer_ = modes::Buffer::make(memory_.get(), capacity, writers);
  }
  modes::Buffer get() const { return buffer_; }
  std::string_view cup() const {
    return {reinterpret_cast<const char*>(buffer_.order()), buffer_.head().capacity};
  }

 private:
  struct Delete {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{64}); }
  };
  std::size_t bytes_;
  std::unique_ptr<std::byte, Delete> memory_;
  modes::Buffer buffer_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline const std::vector<std::string>& coffee_orders() {
  static const std::vector<std::string> orders{"Choca", "Mocha with Milk", "Banana Shake",
                                               "Tea no sugar"};
  return orders;
}

inline RunSpec spec_of(std::size_t mode, std::uint32_t writers, std::uint64_t orders) {
  RunSpec spec;
  spec.workload.mode = static_cast<std::uint32_t>(mode);
  spec.workload.writers = writers;
  spec.workload.orders = orders;
  spec.workload.sample_shift = sample_shift_for(orders / writers);
  return spec;
}

/// Every test of the suite, in every mode.
class EveryMode : public testing::TestWithParam<std::size_t> {
 protected:
  static const modes::Mode& mode() { return *modes::known_modes()[GetParam()]; }
  static bool races() { return mode().sharing == modes::Sharing::race; }
  static bool has_processes() { return mode().isolation == modes::Isolation::process; }
  static RunSpec spec(std::uint32_t writers, std::uint64_t orders) {
    return spec_of(GetParam(), writers, orders);
  }
  /// Runs it, and fails the test if that could not be done.
  static RunResult run_it(RunSpec spec) {
    auto result = run(std::move(spec));
    if (!result) {
      ADD_FAILURE() << result.error().text;
      return {};
    }
    return *result;
  }
};

inline std::string name_of_mode(const testing::TestParamInfo<std::size_t>& info) {
  std::string name(modes::known_modes()[info.param]->name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

inline auto all_of_them() {
  return testing::Range<std::size_t>(0, modes::known_modes().size());
}

}  // namespace cortado::lab
