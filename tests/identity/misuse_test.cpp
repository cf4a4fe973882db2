// What callers do against the documentation, or at its edges: two threads that use one writer, and
// buffers at any address.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include <sys/resource.h>

#include "meeting.hpp"

namespace {

using namespace identity;

#if defined(__SANITIZE_THREAD__)
constexpr bool kRacesAreReported = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kRacesAreReported = true;
#else
constexpr bool kRacesAreReported = false;
#endif
#else
constexpr bool kRacesAreReported = false;
#endif

class Misused : public Meeting {
 public:
  /// Sends through one writer from several threads at once; may crash, hang up or be quarantined.
  int race(Line& line) const {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    cortado::Writer writer = joined("misused");
    line.tell('j');
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const std::string text(static_cast<std::size_t>(8 + 40 * i), static_cast<char>('a' + i));
        while (!stop.load(std::memory_order_relaxed)) {
          static_cast<void>(writer.send(text, 1ms));
          if (auto claim = writer.claim(16)) static_cast<void>(claim.commit(8));
          static_cast<void>(writer.poll());
        }
      });
    }
    line.hear();
    stop = true;
    for (std::thread& thread : threads) thread.join();
    return 0;
  }
};

TEST_F(Misused, writer_of_many_threads_at_once_puts_only_its_own_lane_at_risk) {
  if (kRacesAreReported) GTEST_SKIP() << "the misuse is a data race, which would be reported";
  Fault fault("two-threads-one-writer");
  constexpr int kMessages = 2000;
  int quarantined = 0;
  int died = 0;
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    left.clear();
    auto owner = open();
    std::array<std::vector<std::uint64_t>, 2> good;
    ForkedChild misusing([this](Line& line) { return race(line); });
    std::vector<std::unique_ptr<ForkedChild>> honest;
    for (const char* name : {"0", "1"}) {
      honest.push_back(std::make_unique<ForkedChild>([this, name](Line&) {
        cortado::Writer writer = joined(name);
        for (int i = 0; i < kMessages; ++i) {
          if (writer.send(std::to_string(i), kWatchdog) != SendStatus::sent) return 1;
        }
        return writer.close(kWatchdog) == 0 && writer.stats().rejoins == 0 ? 0 : 2;
      }));
    }
    bool has_come = false;  // the misused one, which may be the slowest to start
    bool told = false;
    while (left.size() < 3) {
      const auto keep = [&](const cortado::Message& m) {
        if (m.writer() == "misused") return;
        good[m.writer() == "0" ? 0 : 1].push_back(std::stoull(std::string(m.text())));
      };
      if (owner.drain(keep) == 0) owner.wait(1ms);
      for (cortado::Event& event : events(owner)) {
        has_come = has_come || event.writer == "misused";
        if (event.kind == cortado::Event::Kind::left) left.push_back(event);
      }
      if (!told && has_come && good[0].size() == kMessages && good[1].size() == kMessages) {
        misusing.line().tell('s');
        told = true;
      }
      if (told && left.size() == 2) misusing.kill();  // it may have got stuck in its own state
    }
    for (const std::vector<std::uint64_t>& each : good) {
      ASSERT_EQ(each.size(), std::size_t{kMessages});
      for (std::size_t i = 0; i < each.size(); ++i) ASSERT_EQ(each[i], i);
    }
    for (auto& each : honest) EXPECT_EQ(each->wait(), 0);
    for (const cortado::Event& event : left) {
      if (event.writer != "misused") {
        EXPECT_EQ(event.how, Left::closed) << event.writer;
        continue;
      }
      quarantined += event.how == Left::quarantined ? 1 : 0;
      died += event.how == Left::died ? 1 : 0;
      EXPECT_TRUE(event.how != Left::quarantined || !event.reason.empty());
    }
    fault.fired();
  }
  std::printf("misused: quarantined %d times, died %d times, of 20\n", quarantined, died);
}

TEST_F(Misused, not_by_buffers_at_any_address) {
  Fault fault("misaligned-buffers");
  auto chosen = options();
  chosen.ring_bytes = 4096;  // so that records wrap at every offset
  auto owner = open(chosen);
  cortado::Writer writer = writer_of(owner, "w");
  std::array<std::byte, 64 + 300> buffer{};
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<std::byte>(i * 7 + 1);
  std::vector<std::byte> got;
  std::uint64_t arrived = 0;
  for (std::size_t offset = 0; offset < 64; ++offset) {
    for (std::size_t length = 0; length < 300; length += 1 + length / 16) {
      const std::span<const std::byte> message(buffer.data() + offset, length);
      ASSERT_EQ(writer.try_send(message), SendStatus::sent);
      cortado::Claim claim = writer.claim(length);
      ASSERT_TRUE(claim);
      if (length != 0) std::memcpy(claim.bytes().data(), message.data(), length);
      ASSERT_EQ(claim.commit(), SendStatus::sent);
      while (owner.drain([&](const cortado::Message& m) {
        ++arrived;
        got.assign(m.bytes().begin(), m.bytes().end());
        EXPECT_TRUE(std::equal(got.begin(), got.end(), message.begin(), message.end()))
            << offset << ", " << length;
      }) != 0) {
      }
      fault.fired(2);
    }
  }
  EXPECT_EQ(arrived, fault.count());
}

}  // namespace
