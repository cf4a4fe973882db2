// A file descriptor with one owner.
#pragma once

#include <cortado/result.hpp>

#include <utility>

namespace cortado::os {

/// Owns one file descriptor and closes it. -1 is "none".
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : descriptor_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  /// Hands the number to the caller, who closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  /// Closes what it holds and holds `descriptor` instead. Keeps errno.
  void reset(int descriptor = -1) noexcept;
  /// A second descriptor of the same open file, close-on-exec. Shares flags and offset.
  /// descriptors: none left.
  Result<Descriptor> duplicate() const;

 private:
  int descriptor_ = -1;
};

}  // namespace cortado::os
