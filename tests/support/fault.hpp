// What a test injects, said by the test itself: ../faults/table.py reads it from the source. A test
// that says so and whose injector did not fire proves nothing, and fails.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace cortado::test {

/// Declared first in the body of a TEST, with the literal name of a fault in ../faults/list.toml.
class Fault {
 public:
  explicit Fault(std::string id) : id_(std::move(id)) {
    ::testing::Test::RecordProperty("fault", id_);
  }
  ~Fault() {
    if (fired_ != 0 || ::testing::Test::IsSkipped() || ::testing::Test::HasFatalFailure()) return;
    ADD_FAILURE() << "the fault '" << id_ << "' was declared and not injected";
  }
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  /// The injector has done it: the kill was delivered, the byte was changed, the call has failed.
  void fired(std::uint64_t times = 1) { fired_ += times; }
  std::uint64_t count() const { return fired_; }

 private:
  std::string id_;
  std::uint64_t fired_ = 0;
};

}  // namespace cortado::test
