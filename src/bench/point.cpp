#include "bench/point.hpp"

#include <algorithm>
#include <bit>

namespace cortado::bench {

std::size_t ring_bytes_for(std::size_t message_bytes) noexcept {
  constexpr std::size_t kLeast = std::size_t{256} << 10;
  constexpr std::size_t kMessages = 8;
  return std::max(kLeast, std::bit_ceil(kMessages * message_bytes));
}

const char* name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::throughput:
      return "throughput";
    case Kind::round_trip:
      return "round-trip";
    case Kind::fan_in:
      return "fan-in";
    case Kind::idle:
      return "idle";
    case Kind::lock:
      return "lock";
  }
  return "unknown";
}

const char* name_of(Waiting waiting) noexcept {
  switch (waiting) {
    case Waiting::polling:
      return "polling";
    case Waiting::sleeping:
      return "sleeping";
    case Waiting::spin_then_sleep:
      return "spin-then-sleep";
  }
  return "unknown";
}

std::string size_text(std::size_t bytes) {
  constexpr std::size_t kKiB = 1024;
  if (bytes >= kKiB * kKiB && bytes % (kKiB * kKiB) == 0) {
    return std::to_string(bytes / kKiB / kKiB) + " MiB";
  }
  if (bytes >= kKiB && bytes % kKiB == 0) return std::to_string(bytes / kKiB) + " KiB";
  return std::to_string(bytes) + " B";
}

std::string to_string(const Point& point) {
  std::string writers =
      std::to_string(point.writers) + (point.writers == 1 ? " writer" : " writers");
  switch (point.kind) {
    case Kind::throughput:
      return size_text(point.bytes);
    case Kind::round_trip:
      return size_text(point.bytes) + ", " + name_of(point.waiting);
    case Kind::fan_in:
    case Kind::lock:
      return size_text(point.bytes) + ", " + writers;
    case Kind::idle:
      return writers;
  }
  return "unknown";
}

}  // namespace cortado::bench
