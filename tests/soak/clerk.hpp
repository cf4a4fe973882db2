// The clerk writes the book: what came, in which order, whether it was whole. It is called by the
// handler before it returns, so that the book knows of every message that anybody was given.
//
// What an owner knows only of itself - which message must come next unless it has just begun - is
// private memory: it is right that it dies with its owner.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "life.hpp"

namespace soak {

/// A message as a handler got it.
struct Arrival {
  std::uint32_t slot = 0;
  std::uint64_t number = 0;
  bool redelivered = false;
  bool is_ask = false;
  std::vector<std::byte> bytes;
};

/// The message that an arrival was found to be.
struct Noted {
  std::uint32_t slot = 0;
  std::uint64_t life = 0;
  std::uint64_t number = 0;
  std::uint64_t key = 0;
};

class Clerk {
 public:
  Clerk(const Files& files, std::uint64_t generation)
      : files_(files), control_(*files.control), generation_(generation) {}

  /// Nothing: nobody can have sent it.
  std::optional<Noted> note(const Arrival& arrival) {
    if (arrival.slot >= kSlots) {
      found(control_, kPhantom, "a writer nobody knows");
      return std::nullopt;
    }
    Page& page = turn_to(arrival);
    const Life* life = files_.life(page.life);
    if (page.life == 0 || life == nullptr || arrival.number >= life->started.load()) {
      found(control_, kPhantom, "message %llu of life %llu was not sent", llu(arrival.number),
            llu(page.life));
      return std::nullopt;
    }
    const Noted noted{arrival.slot, page.life, arrival.number,
                      key_of(control_.seed, page.life, arrival.number)};
    const std::uint64_t longest = control_.ring_bytes - 16;
    if (arrival.bytes.size() != length_of(noted.key, arrival.number, longest) ||
        !is_whole(arrival.bytes, noted.key, page.life, arrival.number)) {
      found(control_, kTorn, "message %llu of life %llu, %zu bytes", llu(arrival.number),
            llu(page.life), arrival.bytes.size());
    }
    Record& record = files_.record(page.life);
    record.at.store(now_ns());
    if (arrival.is_ask) record.asked_in.store(generation_);
    check_order(page, arrival, record.high.load());
    if (arrival.number >= record.high.load()) {
      record.high.store(arrival.number + 1);
    } else if (arrival.redelivered) {
      control_.repeats.fetch_add(1, std::memory_order_relaxed);
    }
    return noted;
  }

 private:
  /// What this owner has seen of a slot.
  struct Page {
    std::uint64_t life = 0;
    std::optional<std::uint64_t> next;  ///< nothing: it has seen no message of this life
    std::vector<std::uint64_t> skipped;
  };

  static unsigned long long llu(std::uint64_t value) { return value; }

  /// The page of the life that the message is of: the first message of a life names it.
  Page& turn_to(const Arrival& arrival) {
    Page& page = pages_[arrival.slot];
    std::atomic<std::uint64_t>& open = files_.book->open[arrival.slot];
    if (page.life == 0) page.life = open.load();
    if (arrival.number != 0 || arrival.bytes.size() < kStampBytes) return page;
    std::uint64_t stamped = 0;
    std::memcpy(&stamped, arrival.bytes.data(), sizeof stamped);
    if (stamped == page.life) return page;
    const Life* life = files_.life(stamped);
    if (life == nullptr || life->slot.load() != arrival.slot || stamped < page.life) {
      found(control_, kPhantom, "life %llu begins on slot %u after life %llu", llu(stamped),
            arrival.slot, llu(page.life));
      return page;
    }
    page = {stamped, std::nullopt, {}};
    open.store(stamped);
    return page;
  }

  void check_order(Page& page, const Arrival& arrival, std::uint64_t high) {
    const std::uint64_t number = arrival.number;
    const std::uint64_t next = page.next.value_or(std::min(number, high));
    if (number > next) {
      found(control_, kSkipped, "message %llu of life %llu came, %llu was next", llu(number),
            llu(page.life), llu(next));
      for (std::uint64_t missing = next; missing < number && page.skipped.size() < 64; ++missing) {
        page.skipped.push_back(missing);
      }
    } else if (number < next) {
      const bool late = std::erase(page.skipped, number) != 0;
      if (late) control_.wrong[kSkipped].fetch_sub(1);
      found(control_, late ? kReordered : kDoubled, "message %llu of life %llu came, %llu was next",
            llu(number), llu(page.life), llu(next));
    } else if (number < high && !arrival.redelivered) {
      found(control_, kDoubled, "message %llu of life %llu came again without the flag",
            llu(number), llu(page.life));
    }
    if (!page.next && number < high && high - number > kMostRepeats) {
      found(control_, kTooMany, "life %llu comes again from %llu, it was at %llu", llu(page.life),
            llu(number), llu(high));
    }
    page.next = std::max(next, number + 1);
  }

  const Files& files_;
  Control& control_;
  std::uint64_t generation_;
  std::array<Page, kSlots> pages_;
};

}  // namespace soak
