// Micro-benchmarks of the ring and of a lane, in one thread: what a change costs or brings, without
// the other processor in it. Compare two results by compare.py.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "os/resource_limits.hpp"
#include "ring/copy.hpp"
#include "ring/ring.hpp"
#include "support/mirrored_memory.hpp"

namespace {

using namespace cortado;

constexpr std::uint64_t kCapacity = std::uint64_t{256} << 10;
constexpr std::size_t kPage = 4096;

/// So many that a ring is never full, and at most a batch of the owner.
std::int64_t batch_for(std::size_t bytes) {
  return std::min<std::int64_t>(64, static_cast<std::int64_t>(kCapacity / 4 / bytes));
}

void told(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * batch_for(bytes));
  state.SetBytesProcessed(state.iterations() * batch_for(bytes) * static_cast<std::int64_t>(bytes));
}

/// Written, looked at, copied out, taken and released.
void ring_write_take(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const test::MirroredMemory memory(kPage, kCapacity);
  std::atomic<std::uint64_t> released{0};
  ring::Producer producer(memory.ring(), kCapacity, 0, &released);
  ring::Consumer consumer(memory.ring(), kCapacity, 0, 0, ring::flag::committed);
  const std::vector<std::byte> message(bytes, std::byte{'x'});
  std::vector<std::byte> copy(kCapacity);
  std::uint8_t sequence = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch_for(bytes); ++i) {
      if (!producer.write(message, {0, 0, sequence++, 0})) state.SkipWithError("full");
    }
    ring::Consumer::Record record;
    while (consumer.peek(record) == ring::Peek::record) {
      ring::copy_out(copy.data(), record.payload, record.commit.length);
      benchmark::DoNotOptimize(copy.data());
      benchmark::ClobberMemory();
      consumer.take(record);
    }
    consumer.release(consumer.position());
    released.store(consumer.position(), std::memory_order_release);
  }
  told(state, bytes);
}
BENCHMARK(ring_write_take)->Arg(16)->Arg(64)->Arg(1024);

/// An owner and a writer of its own thread, in a directory of their own.
class Lane {
 public:
  Lane() {
    std::string path = std::filesystem::temp_directory_path() / "cortado-micro-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    directory_ = path;
    OwnerOptions options;
    options.directory = path;
    owner_ = std::make_unique<Owner>(std::move(*Owner::open("micro", options)));
    writer_ = std::make_unique<Writer>(std::move(*owner_->make_writer()));
  }
  ~Lane() {
    writer_.reset();
    owner_.reset();
    std::filesystem::remove_all(directory_);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  Owner& owner() { return *owner_; }
  Writer& writer() { return *writer_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<Owner> owner_;
  std::unique_ptr<Writer> writer_;
};

void lane_send_drain(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Lane lane;
  const std::vector<std::byte> message(bytes, std::byte{'x'});
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch_for(bytes); ++i) {
      if (lane.writer().try_send(std::span<const std::byte>(message)) != SendStatus::sent) {
        state.SkipWithError("not sent");
      }
    }
    lane.owner().drain([](const Message& m) { benchmark::DoNotOptimize(m.bytes().data()); });
  }
  told(state, bytes);
}
BENCHMARK(lane_send_drain)->Arg(16)->Arg(64)->Arg(1024);

void lane_claim_drain(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  Lane lane;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch_for(bytes); ++i) {
      Claim claim = lane.writer().claim(bytes);
      if (!claim) state.SkipWithError("not claimed");
      std::fill(claim.bytes().begin(), claim.bytes().end(), std::byte{'x'});
      if (claim.commit() != SendStatus::sent) state.SkipWithError("not committed");
    }
    lane.owner().drain([](const Message& m) { benchmark::DoNotOptimize(m.bytes().data()); });
  }
  told(state, bytes);
}
BENCHMARK(lane_claim_drain)->Arg(16)->Arg(64);

/// What a look at lanes costs in which nothing stands.
void owner_drain_idle_lanes(benchmark::State& state) {
  Lane lane;
  std::vector<Writer> idle;
  for (std::int64_t i = 1; i < state.range(0); ++i) {
    auto writer = lane.owner().make_writer();
    if (!writer) {
      state.SkipWithError("no lane");
      break;
    }
    idle.push_back(std::move(*writer));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(lane.owner().drain([](const Message&) {}));
  }
}
BENCHMARK(owner_drain_idle_lanes)->Arg(1)->Arg(8)->Arg(64)->Arg(1000);

}  // namespace

int main(int argc, char** argv) {
  // A thousand lanes need some 7,000 descriptors. Where there are not as many, that one fails.
  static_cast<void>(os::raise_descriptor_limit());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
