// An input that is memory: the choices of a target (its Plan), and stores into memory that a
// hostile process maps, too, each with the moment at which it happens.
//
//   | Plan | Store | Store | ...
//
// Stores of moment 0 are what stands there at the beginning; later ones happen when the target says
// step() for the k-th time. Memory is zero before an input and is zeroed behind it: only what the
// input had stored, so that an execution costs what its input is worth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "ring/layout.hpp"
#include "target.hpp"

CORTADO_UNWATCHED_BEGIN
namespace cortado::fuzz {

/// Every area of memory that an image covers: one page, so that 12 bits are an offset.
inline constexpr std::uint64_t kAreaBytes = 4096;

struct Store {
  std::uint32_t low = 0, high = 0;
  std::uint16_t where = 0;  ///< area << 12 | offset; in a ring: from the start position on
  std::uint8_t after = 0;   ///< steps of the target
  std::uint8_t length = 8;  ///< bytes of `word` that are stored

  std::uint64_t word() const noexcept { return std::uint64_t{high} << 32 | low; }
  void set_word(std::uint64_t word) noexcept {
    low = static_cast<std::uint32_t>(word);
    high = static_cast<std::uint32_t>(word >> 32);
  }
  unsigned area() const noexcept { return where >> 12; }
  std::uint64_t offset() const noexcept { return where & (kAreaBytes - 1); }
};
static_assert(sizeof(Store) == 12);

inline constexpr std::size_t kMaxStores = 24;

struct Area {
  std::byte* memory = nullptr;
  bool is_ring = false;  ///< mirrored, and offsets count from the start position
};

/// Applies the stores of one input, and takes them back at the end.
class Schedule {
 public:
  explicit Schedule(std::span<const Area> areas) noexcept
      : areas_(areas.data()), area_count_(areas.size()) {}

  void begin(std::uint64_t start, Store* stores, std::size_t count) noexcept {
    start_ = start;
    stores_ = stores;
    count_ = count;
    done_ = 0;
    steps_ = 0;
    sort();
    apply_due();
  }
  /// Fills a ring with what is derived from `noise`; its low two bits say how. 0: not at all.
  void fill(const Area& area, std::uint64_t noise, std::uint64_t start,
            std::uint64_t sequence) noexcept {
    if ((noise & 3) == 0) return;
    Random random(noise);
    for (std::uint64_t i = 0; i < kAreaBytes / 8; ++i) {
      std::uint64_t word = random();
      if ((noise & 3) != 1) {  // each one would be accepted, were it the next
        // Of the empty record that stands there, or of another one.
        const bool in_order = (noise & 3) == 2 && word % 16 != 0;
        const auto length = static_cast<std::uint32_t>(in_order ? 0 : word >> 32 & 63);
        const auto number = static_cast<std::uint8_t>(sequence + (in_order ? i : word >> 60));
        word = ring::pack({length, 7, number, ring::flag::committed});
      }
      std::memcpy(area.memory + (start + 8 * i) % kAreaBytes, &word, sizeof word);
    }
    filled_ = &area;
  }
  void step() noexcept {
    ++steps_;
    if (done_ < count_) apply_due();
  }
  /// Nothing is left to happen but what waits for a later step: let that step come.
  bool skip_to_next() noexcept {
    if (done_ == count_) return false;
    steps_ = stores_[done_].after;
    apply_due();
    return true;
  }
  std::size_t applied() const noexcept { return done_; }
  void clear() noexcept {
    for (std::size_t i = 0; i < done_; ++i) put(stores_[i], 0);
    if (filled_ != nullptr) std::memset(filled_->memory, 0, kAreaBytes);
    filled_ = nullptr;
  }

 private:
  void sort() noexcept {
    for (std::size_t i = 1; i < count_; ++i) {
      const Store store = stores_[i];
      std::size_t j = i;
      for (; j > 0 && store.after < stores_[j - 1].after; --j) stores_[j] = stores_[j - 1];
      stores_[j] = store;
    }
  }
  void apply_due() noexcept {
    for (; done_ < count_ && stores_[done_].after <= steps_; ++done_) {
      put(stores_[done_], stores_[done_].word());
    }
  }
  void put(const Store& store, std::uint64_t word) const noexcept {
    const Area& area = areas_[store.area() % area_count_];
    const std::uint64_t at = (store.offset() + (area.is_ring ? start_ : 0)) & (kAreaBytes - 1);
    std::size_t length = store.length < sizeof word ? store.length : sizeof word;
    if (!area.is_ring && length > kAreaBytes - at) length = kAreaBytes - at;
    std::memcpy(area.memory + at, &word, length);
  }

  const Area* areas_;
  std::size_t area_count_;
  Store* stores_ = nullptr;
  std::size_t count_ = 0;
  const Area* filled_ = nullptr;
  std::uint64_t start_ = 0;
  std::size_t done_ = 0;
  std::size_t steps_ = 0;
};

/// An input of a target with this Plan, which has
///   start()     the position of the first record in its ring, and
///   sequence()  that record's number,
///   kRing       the area of that ring,
///   kFlags      a mask of flags that a record may have there,
///   kAreas      how many areas there are,
///   change(Random&)  one of its choices made anew.
template <class Plan>
struct Image {
  Plan plan{};
  Store stores[kMaxStores];
  std::size_t count = 0;

  static constexpr std::size_t kMaxBytes = sizeof(Plan) + kMaxStores * sizeof(Store);

  Image(const std::uint8_t* data, std::size_t size) noexcept {
    const std::size_t head = std::min(size, sizeof plan);
    const std::size_t rest = std::min(size - head, sizeof stores);
    if (head != 0) std::memcpy(static_cast<void*>(&plan), data, head);
    if (rest != 0) std::memcpy(static_cast<void*>(stores), data + head, rest);
    count = rest / sizeof(Store);
  }

  std::size_t write(std::uint8_t* data, std::size_t max) const noexcept {
    if (max < sizeof plan) return 0;
    const std::size_t fitting = std::min(count, (max - sizeof plan) / sizeof(Store));
    std::memcpy(data, &plan, sizeof plan);
    std::memcpy(data + sizeof plan, stores, fitting * sizeof(Store));
    return sizeof plan + fitting * sizeof(Store);
  }

  // What the mutator does.

  void begin(Random& random) noexcept {
    for (int i = 0; i < 4; ++i) plan.change(random);
    for (std::uint64_t n = random.below(6); n != 0; --n) add(random);
    repair(random);
  }

  void mutate(Random& random) noexcept {
    switch (random.below(5)) {
      case 0:
        plan.change(random);
        break;
      case 1:
        if (count != 0) {
          stores[random.below(count)] = stores[count - 1];
          --count;
        }
        break;
      case 2:
        if (count != 0) alter(stores[random.below(count)], random);
        break;
      default:
        add(random);
        break;
    }
    if (!random.one_in(8)) repair(random);
  }

 private:
  bool is_record(const Store& store) const noexcept {
    return store.after == 0 && store.length == 8 && store.area() % Plan::kAreas == Plan::kRing &&
           (store.where & 7) == 0 && store.word() != 0;
  }

  static std::uint32_t some_length(Random& random) noexcept {
    constexpr std::uint32_t kLengths[] = {0, 1, 7, 8, 9, 16, 17, 127, 128, 129, 1000, 2000};
    constexpr std::uint32_t kMost = static_cast<std::uint32_t>(ring::max_length(kAreaBytes));
    switch (random.below(8)) {
      case 0:
        return kMost + 10 - static_cast<std::uint32_t>(random.below(30));
      case 1:
        return static_cast<std::uint32_t>(edge(random));
      case 2:
        return static_cast<std::uint32_t>(random.below(kMost + 1));
      default:
        return random.of(kLengths);
    }
  }

  ring::Commit record(Random& random) const noexcept {
    const auto flags = static_cast<std::uint8_t>(random() & Plan::kFlags);
    return {some_length(random), static_cast<std::uint16_t>(random.below(4)), 0,
            static_cast<std::uint8_t>(flags | ring::flag::committed)};
  }

  static std::uint16_t in_ring(std::uint64_t distance) noexcept {
    return static_cast<std::uint16_t>(Plan::kRing << 12 | (distance & (kAreaBytes - 1)));
  }

  void add(Random& random) noexcept {
    if (count == kMaxStores) return;
    Store store;
    store.set_word(ring::pack(record(random)));
    store.where = in_ring(0);
    if (random.one_in(3)) alter(store, random);
    stores[count++] = store;
  }

  /// Something else: another moment, another place, another value.
  void alter(Store& store, Random& random) noexcept {
    switch (random.below(6)) {
      case 0:
        store.after = static_cast<std::uint8_t>(random.below(random.one_in(4) ? 200 : 12));
        break;
      case 1:
        store.where =
            static_cast<std::uint16_t>(random.below(Plan::kAreas) << 12 | random.below(kAreaBytes));
        break;
      case 2:
        store.set_word(edge(random));
        break;
      case 3:
        store.set_word(store.word() ^ std::uint64_t{1} << random.below(64));
        break;
      case 4:
        store.length = static_cast<std::uint8_t>(random.below(9));
        break;
      default:
        store.set_word(ring::pack(record(random)));
        break;
    }
  }

  /// Records that stand there at the beginning get the place and the number that they must have.
  /// Then most of what comes later aims at where a record begins.
  void repair(Random& random) noexcept {
    std::uint64_t begins[kMaxStores + 1] = {};
    std::uint64_t distance = 0, number = plan.sequence();
    std::size_t known = 1;
    for (std::size_t i = 0; i < count; ++i) {
      Store& store = stores[i];
      if (!is_record(store)) continue;
      ring::Commit commit = ring::unpack(store.word());
      commit.sequence = static_cast<std::uint8_t>(number);
      commit.flags =
          static_cast<std::uint8_t>((commit.flags & Plan::kFlags) | ring::flag::committed);
      if (distance + ring::record_bytes(commit.length) + 8 > kAreaBytes) {
        // Too long for an honest writer: leave one in four like that.
        if (!random.one_in(4)) commit.length = static_cast<std::uint32_t>(random.below(16));
      }
      store.set_word(ring::pack(commit));
      store.where = in_ring(distance);
      distance += ring::record_bytes(commit.length);
      ++number;
      begins[known++] = distance;
    }
    for (std::size_t i = 0; i < count; ++i) {
      Store& store = stores[i];
      if (store.after == 0 || store.area() % Plan::kAreas != Plan::kRing || random.one_in(4)) {
        continue;
      }
      const std::uint64_t nth = random.below(known);
      store.where = in_ring(begins[nth] + (random.one_in(8) ? random.below(16) : 0));
      if (random.one_in(2) && store.word() != 0) {
        ring::Commit commit = ring::unpack(store.word());
        commit.sequence = static_cast<std::uint8_t>(plan.sequence() + nth);
        store.set_word(ring::pack(commit));
      }
    }
  }
};

/// The custom mutator of a target whose inputs are images.
template <class Plan>
std::size_t mutate_image(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed) {
  Random random(seed);
  if (size >= sizeof(Plan) && random.one_in(8)) return LLVMFuzzerMutate(data, size, max);
  Image<Plan> image(data, size);
  if (size < sizeof(Plan)) {
    image.begin(random);
  } else {
    for (std::uint64_t n = 1 + random.below(3); n != 0; --n) image.mutate(random);
  }
  return image.write(data, max);
}

}  // namespace cortado::fuzz
CORTADO_UNWATCHED_END
