// A writer that writes into the buffer whether or not somebody else does.
#pragma once

#include "modes/applier.hpp"
#include "modes/writer_body.hpp"

namespace cortado::modes {

class RaceSink {
 public:
  RaceSink(const Stage& stage, Buffer buffer) : applier_(stage, buffer, true) {}

  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    return applier_.apply(order, midway) ? Put::taken : Put::rejected;
  }
  static Failure failure() noexcept { return Failure::none; }
  static bool finish() noexcept { return true; }

 private:
  Applier<Racy> applier_;
};

}  // namespace cortado::modes
