// A point: what is measured. Each contestant that can do it is run there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cortado::bench {

enum class Kind : std::uint8_t {
  throughput,  ///< one writer, one owner, a processor each
  round_trip,  ///< a message there and one back
  fan_in,      ///< many writers, one owner
  idle,        ///< everybody sleeps
  lock,        ///< orders applied: messages beside a mutex, by the lab
};

/// How the one who receives waits.
enum class Waiting : std::uint8_t { polling, sleeping, spin_then_sleep };

struct Point {
  Kind kind = Kind::throughput;
  std::size_t bytes = 16;
  std::uint32_t writers = 1;
  Waiting waiting = Waiting::polling;

  bool operator==(const Point&) const = default;
};

/// What one run of a contestant is given.
struct Setting {
  Point point;
  std::chrono::nanoseconds duration{};
  std::size_t ring_bytes = 0;       ///< of each ring, or of what a contestant has instead
  std::string directory;            ///< for whatever must have a name; empty when the run begins
  std::vector<int> processors;      ///< the owner's, then the writers'; fewer than two: no pinning
  std::uint32_t most_messages = 0;  ///< of each writer, 0: until the time is over. For tests
  bool spoils = false;              ///< one bit of each message is wrong. For tests

  std::size_t bytes() const noexcept { return point.bytes; }
  std::uint32_t writers() const noexcept { return point.writers; }
  bool sleeps() const noexcept { return point.waiting != Waiting::polling; }
  /// More runners than processors: who cannot go on must give its processor away.
  bool is_crowded() const noexcept { return writers() + 1 > processors.size(); }
};

/// The same for every ring: room for a few of the longest messages.
std::size_t ring_bytes_for(std::size_t message_bytes) noexcept;

const char* name_of(Kind kind) noexcept;
const char* name_of(Waiting waiting) noexcept;
/// "64 B, 4 writers", "16 B, sleeping"
std::string to_string(const Point& point);
/// "16 B", "1 KiB"
std::string size_text(std::size_t bytes);

}  // namespace cortado::bench
