// Writers join, send and leave while owners close, end and are followed by the next, all at once.
//
// Invariant: what send said `sent` for is handled by this owner or by a next one, in order; what
// comes again is flagged. A writer that leaves in order leaves nothing behind.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../support/fault.hpp"
#include "../support/seed.hpp"
#include "setting.hpp"

namespace {

using namespace conformance;
using cortado::Errc;
using cortado::SendStatus;

constexpr int kWriters = 4;
constexpr int kLives = 25;
constexpr std::uint64_t kMessages = 100;

class Shutdown : public Setting {
 public:
  /// What passes when one owner ends and no next one is there yet.
  static bool passes(Errc code) {
    return code == Errc::no_owner || code == Errc::closing || code == Errc::try_again ||
           code == Errc::timed_out;
  }

  cortado::Writer joined(const std::string& name) const {
    for (;;) {
      auto writer = cortado::Writer::join("setting", as(name));
      if (writer) return std::move(*writer);
      if (!passes(writer.error().code)) {
        ADD_FAILURE() << writer.error().text;
        std::abort();
      }
      std::this_thread::yield();
    }
  }

  /// One writer after the other, each under a name of its own. Returns when all is applied.
  void live(int number) {
    for (int life = 0; life < kLives; ++life) {
      cortado::Writer writer = joined(std::to_string(number) + "." + std::to_string(life));
      for (std::uint64_t n = 0; n < kMessages; ++n) {
        SendStatus status = writer.send(std::to_string(n), kWatchdog);
        while (status == SendStatus::closing || status == SendStatus::no_owner) {
          refused.fetch_add(1);
          std::this_thread::yield();
          status = writer.send(std::to_string(n), kWatchdog);
        }
        ASSERT_EQ(status, SendStatus::sent);
      }
      ASSERT_EQ(writer.close(kWatchdog), 0U);
    }
    finished.fetch_add(1);
  }

  void hear(const cortado::Message& message) {
    std::uint64_t& next = heard[std::string(message.writer())];
    EXPECT_EQ(message.text(), std::to_string(message.sequence())) << message.writer();
    if (message.sequence() == next) {
      ++next;
    } else {
      EXPECT_LT(message.sequence(), next) << message.writer() << ": a message is missing";
      EXPECT_TRUE(message.redelivered()) << message.writer() << ": it comes again, unflagged";
    }
  }

  std::atomic<std::uint64_t> refused{0};  ///< sends that met an owner about to end, or none
  std::atomic<int> finished{0};
  std::map<std::string, std::uint64_t> heard;  ///< writer -> messages, in order
};

TEST_F(Shutdown, of_owners_amid_joins_and_sends_loses_nothing_that_was_sent) {
  cortado::test::Fault fault("join-meets-shutdown");
  std::mt19937_64 random(cortado::test::seed());
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back([this, i] { live(i); });

  std::uint64_t owners = 0;
  while (finished.load() < kWriters && !HasFailure()) {
    cortado::Owner owner = open();
    ++owners;
    const auto take = [&](const cortado::Message& m) { hear(m); };
    std::uint64_t wanted = random() % 400;
    while (wanted > 0 && finished.load() < kWriters) {
      const std::size_t taken = owner.drain(take, {wanted});
      wanted -= std::min<std::uint64_t>(taken, wanted);
      if (taken == 0) owner.wait(1ms);
    }
    if (owner.writers() > 0) fault.fired();
    owner.close();
    // Some end with everything applied, some leave the rest to the next one.
    if (random() % 2 == 0) continue;
    while (!owner.drained()) owner.drain(take);
    // It lingers, so that somebody may meet it.
    const std::uint64_t before = refused.load();
    for (int i = 0; i < 10 && refused.load() == before; ++i) owner.wait(1ms);
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(heard.size(), std::size_t{kWriters} * kLives);
  for (const auto& [writer, count] : heard) EXPECT_EQ(count, kMessages) << writer;
  std::printf("%llu owners, %llu closed amid writers, %llu sends met an owner about to end\n",
              static_cast<unsigned long long>(owners),
              static_cast<unsigned long long>(fault.count()),
              static_cast<unsigned long long>(refused.load()));
}

}  // namespace
