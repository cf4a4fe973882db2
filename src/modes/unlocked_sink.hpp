// A writer that writes into the buffer without asking anybody: in a race with the others, or
// because there are none.
#pragma once

#include <type_traits>

#include "modes/applier.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {

/// Access: Racy where others may write meanwhile, else Plain.
template <class Access>
class UnlockedSink {
 public:
  UnlockedSink(const Stage& stage, Buffer buffer)
      : applier_(stage, buffer, std::is_same_v<Access, Racy>) {}

  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    return applier_.apply(order, midway) ? Put::taken : Put::rejected;
  }
  static Failure failure() noexcept { return Failure::none; }
  static bool finish() noexcept { return true; }

 private:
  Applier<Access> applier_;
};

}  // namespace cortado::modes
