// The owner's drain, access by access: which bytes of a lane it loads, how often, and that what it
// acts on is what it loaded once. In the machine code that runs, not in the source; the meson.build
// links it with drain.cpp and reply.cpp at -O0, -O2 and -O3.
//
// An adversary changes the record between every two instructions that touch it. Each change has a
// number, so the copy that the handler is given tells which load each byte came from: every load of
// payload must be found in the copy where it belongs. One that is not there fed something else -
// but for those of the C library's memcpy, which loads some bytes of long messages twice, where two
// wide loads overlap, and decides nothing by them.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "../support/inside.hpp"
#include "../unit/temporary_directory.hpp"
#include "watched_pages.hpp"

namespace cortado::test {
namespace {

#if !defined(__x86_64__)
TEST(EverySharedWord, is_loaded_once) {
  GTEST_SKIP() << "single steps are done by the trap flag of x86-64";
}
#else

using namespace std::chrono_literals;

constexpr std::uint64_t kCapacity = 16384;
/// Behind each access the adversary fills the payload with its number; these are told apart.
constexpr std::size_t kNumbers = 250;

class EverySharedWord : public testing::Test {
 protected:
  EverySharedWord() {
    OwnerOptions options;
    options.directory = directory_.path();
    options.ring_bytes = kCapacity;
    options.reply_bytes = ring::kMinCapacity;
    owner_.emplace(std::move(*Owner::open("watched", options)));
    writer_.emplace(std::move(*owner_->make_writer()));
    owner_->drain([](const Message&) {});  // the first one looks at the control plane
    lane_ = inside(*owner_).lanes.at(0);
  }

  std::byte* ring() const { return lane_->memory->ring(); }
  std::span<std::byte> ring_pages() const { return {ring(), 2 * kCapacity}; }
  std::byte* record() const { return ring() + (lane_->there.position() & (kCapacity - 1)); }
  /// Offset of an access from the record's commit word, in either mapping of the ring.
  static std::uint64_t offset(const std::byte* address, const std::byte* record) {
    return static_cast<std::uint64_t>(address - record) & (kCapacity - 1);
  }
  void put(std::uint32_t length, std::uint8_t flags) const {
    const std::uint64_t next = lane_->there.position() + ring::record_bytes(length);
    ring::word_at(ring(), kCapacity, next).store(0);
    ring::word_at(ring(), kCapacity, lane_->there.position()).store(word(length, flags));
  }
  std::uint64_t word(std::uint32_t length, std::uint8_t flags) const {
    return ring::pack({length, 0, static_cast<std::uint8_t>(lane_->there.sequence()),
                       static_cast<std::uint8_t>(ring::flag::committed | flags)});
  }

  TemporaryDirectory directory_;
  std::optional<Owner> owner_;
  std::optional<Writer> writer_;
  owner::OwnerLane* lane_ = nullptr;
};

/// Not the C library's code, nor a sanitizer's.
bool of_this_program(const void* code) {
  Dl_info here{}, there{};
  return ::dladdr(reinterpret_cast<const void*>(&of_this_program), &here) != 0 &&
         ::dladdr(code, &there) != 0 && here.dli_fbase == there.dli_fbase;
}

/// The payload of a record of that length, under the adversary.
TEST_F(EverySharedWord, of_a_payload_is_loaded_once_and_only_into_the_copy) {
  Fault fault("second-load");
  std::size_t loads = 0, copied = 0;
  for (const std::uint32_t length : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 64U, 100U, 127U, 128U, 129U,
                                     200U, 256U, 257U, 1000U, 1500U}) {
    SCOPED_TRACE("length " + std::to_string(length));
    std::byte* const begin = record();
    put(length, 0);
    std::memset(begin + 8, 0, length);
    WatchedPages watched(ring_pages());
    watched.adversary = [&](const WatchedPages::Access& access) {
      if (const std::uint64_t at = offset(access.address, begin); at < 8 || at >= 8 + length)
        return;
      std::memset(begin + 8, static_cast<int>(1 + watched.accesses().size() % kNumbers), length);
      fault.fired();
    };
    std::vector<std::byte> copy;
    const auto handler = [&](const Message& message) {
      watched.phase = 1;
      copy.assign(message.bytes().begin(), message.bytes().end());
      watched.phase = 0;
    };
    watched.begin();
    const std::size_t handled = owner_->drain(handler);
    watched.end();
    ASSERT_EQ(handled, 1U);
    ASSERT_EQ(copy.size(), length);

    // Load n brought what the access before it left: number n - 1 of the adversary, or 0.
    int before = 0;
    std::size_t words = 0;
    for (std::size_t n = 0; n < watched.accesses().size(); ++n) {
      const auto& access = watched.accesses()[n];
      ASSERT_FALSE(access.store) << "the owner stores to the ring";
      ASSERT_EQ(access.phase, 0U) << "the handler was given bytes of the ring";
      const std::uint64_t at = offset(access.address, begin);
      if (at == 0) ++words;
      if (at < 8 || at >= 8 + length) continue;
      ++loads;
      // It is in the copy, at its place or, where loads overlap, within the widest load behind it.
      const auto from = copy.begin() + static_cast<std::ptrdiff_t>(at - 8);
      const auto to =
          copy.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(length, at - 8 + 64));
      const bool found = std::find(from, to, static_cast<std::byte>(before)) != to;
      copied += found ? 1 : 0;
      ASSERT_TRUE(found || !of_this_program(access.code))
          << "load " << n << " at " << at << " is not in the copy";
      before = static_cast<int>(1 + (n + 1) % kNumbers);
    }
    EXPECT_EQ(words, 2U) << "one look whether something is there, one that decides";
  }
  EXPECT_GT(copied, 0U);
  std::printf("%zu loads of payload, %zu of them in the copy, the rest by memcpy\n", loads, copied);
}

/// Whatever the commit word becomes behind the load that decides, that load's value counts.
TEST_F(EverySharedWord, of_a_commit_is_what_the_deciding_load_saw) {
  Fault fault("second-load");
  for (std::uint32_t round = 0; round < 16; ++round) {
    SCOPED_TRACE(round);
    // The first load asks whether there is anything, and may see what it likes.
    const std::uint32_t first = 24;
    const std::uint32_t decides = 40 + 8 * (round % 4);
    const std::uint64_t after[] = {0, ~std::uint64_t{0}, word(8, 0), word(~0U, ring::flag::ask)};
    std::byte* const begin = record();
    put(first, 0);
    ring::word_at(ring(), kCapacity, lane_->there.position() + ring::record_bytes(decides))
        .store(0);
    const std::uint64_t decided = word(decides, 0);
    const std::uint64_t position = lane_->there.position();
    WatchedPages watched(ring_pages());
    unsigned looks = 0;
    watched.adversary = [&](const WatchedPages::Access& access) {
      if (access.address != begin) return;
      ++looks;
      const std::uint64_t next = looks == 1 ? decided : after[round / 4];
      std::memcpy(begin, &next, sizeof next);
      fault.fired();
    };
    std::size_t length = 0;
    watched.begin();
    const std::size_t handled =
        owner_->drain([&](const Message& message) { length = message.bytes().size(); });
    watched.end();
    ASSERT_EQ(handled, 1U);
    EXPECT_EQ(looks, 2U);
    EXPECT_EQ(length, decides);
    EXPECT_EQ(lane_->there.position(), position + ring::record_bytes(decides));
    EXPECT_FALSE(lane_->condemned);
  }
}

/// Fields of the control page that an owner loads in one drain: those of the writer, once each.
TEST_F(EverySharedWord, of_the_control_page_is_loaded_once_a_batch) {
  Fault fault("second-load");
  lane::LaneControl& control = lane_->memory->control();
  const std::span<std::byte> page(reinterpret_cast<std::byte*>(&control), lane::kPageBytes);
  // An ask, so that an answer is put and looks for room: more than the owner has seen released.
  for (int i = 0; i < 20; ++i) {
    put(16, ring::flag::ask);
    const ring::AskPrefix prefix{600, 0};
    std::memcpy(record() + 8, &prefix, sizeof prefix);
    control.wake_at.store(8);
    control.reply_wait.store(static_cast<std::uint32_t>(i + 1));
    control.reply_released.store(lane_->back.position());
    WatchedPages watched(page);
    watched.adversary = [&](const WatchedPages::Access& access) {
      if (access.store) return;
      // What the writer stores, changes at once.
      control.wake_at.store(~control.wake_at.load());
      control.reply_wait.store(control.reply_wait.load() + 7);
      control.reply_released.store(control.reply_released.load() + 12345);
      fault.fired();
    };
    watched.begin();
    const std::size_t handled = owner_->drain(
        [&](const Message& message) { static_cast<void>(message.reply(std::string(600, 'r'))); });
    watched.end();
    ASSERT_EQ(handled, 1U);
    std::array<int, lane::kPageBytes> loads{};
    for (const auto& access : watched.accesses()) {
      if (!access.store) ++loads[static_cast<std::size_t>(access.address - page.data())];
    }
    EXPECT_LE(loads[offsetof(lane::LaneControl, wake_at)], 1);
    EXPECT_LE(loads[offsetof(lane::LaneControl, reply_wait)], 1);
    EXPECT_LE(loads[offsetof(lane::LaneControl, reply_released)], 1);
    loads[offsetof(lane::LaneControl, wake_at)] = loads[offsetof(lane::LaneControl, reply_wait)] =
        loads[offsetof(lane::LaneControl, reply_released)] = 0;
    EXPECT_EQ(std::count(loads.begin(), loads.end(), 0), std::ptrdiff_t{lane::kPageBytes})
        << "something else of the page is believed";
  }
}

#endif

}  // namespace
}  // namespace cortado::test
