// Mapping a lane: every page of it is unmapped once, whatever other threads map meanwhile.
#include "lane/segment.hpp"

#include <atomic>
#include <thread>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "os/memory_file.hpp"

namespace cortado::lane {
namespace {

constexpr RingSizes kSizes{4096, 4096};

TEST(LaneMemory, ShowsBothRingsTwice) {
  const auto file = os::create_memory_file("lane", kSizes.segment_bytes());
  ASSERT_TRUE(file) << file.error().text;
  const auto memory = LaneMemory::map(file->get(), kSizes);
  ASSERT_TRUE(memory) << memory.error().text;
  std::byte* const ring = (*memory)->ring();
  std::byte* const replies = (*memory)->reply_ring();
  ring[5] = std::byte{1};
  replies[7] = std::byte{2};
  EXPECT_EQ(ring[kSizes.ring_bytes + 5], std::byte{1});
  EXPECT_EQ(replies[kSizes.reply_bytes + 7], std::byte{2});
}

TEST(LaneMemory, LeavesAloneWhatOtherThreadsMapWhereItWas) {
  const auto file = os::create_memory_file("lane", kSizes.segment_bytes());
  ASSERT_TRUE(file) << file.error().text;
  std::atomic<bool> is_over{false};
  std::thread neighbour([&is_over] {
    constexpr std::size_t kBytes = 4096;
    while (!is_over.load()) {  // a page that vanishes ends the test by a signal
      void* const page =
          ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      ASSERT_NE(page, MAP_FAILED);
      for (int i = 0; i < 50; ++i) static_cast<volatile char*>(page)[i] = 1;
      ::munmap(page, kBytes);
    }
  });
  for (int round = 0; round < 20'000; ++round) {
    const auto memory = LaneMemory::map(file->get(), kSizes);
    ASSERT_TRUE(memory) << memory.error().text;
    (*memory)->ring()[0] = std::byte{1};
  }
  is_over = true;
  neighbour.join();
}

}  // namespace
}  // namespace cortado::lane
