// Memory that is not there: each allocation of a call fails, one after the other. The call fails or
// throws bad_alloc, what it had begun is undone, and the next call does what this one should have
// done. Sending, draining and waiting allocate nothing, which is counted.
#include <cortado/typed.hpp>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include "meeting.hpp"

namespace {

constinit std::uint64_t allocations = 0;
constinit std::int64_t live = 0;      ///< allocated and not yet freed
constinit std::uint64_t fail_in = 0;  ///< 1: the next one fails; 0: none does

}  // namespace

// The array and nothrow forms of the standard library call these.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (fail_in != 0 && --fail_in == 0) throw std::bad_alloc();
  void* memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace {

using namespace identity;

/// What a process has of the kernel's.
struct Holdings {
  std::ptrdiff_t descriptors = 0;
  int segments = 0;  ///< mappings of lanes
  std::int64_t memory = 0;

  static Holdings now() {
    Holdings all;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
      all.descriptors += each.path().empty() ? 0 : 1;
    }
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find("memfd:cortado") != std::string::npos) ++all.segments;
    }
    all.memory = live;
    return all;
  }
  bool operator==(const Holdings&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Holdings& all) {
  return out << all.descriptors << " descriptors, " << all.segments << " segments, " << all.memory
             << " allocations";
}

/// Runs `attempt` once for each of its allocations, and lets that one fail; `afterwards` runs
/// behind each. How many there were.
template <class Attempt, class Afterwards>
std::uint64_t fail_each(Attempt attempt, Afterwards afterwards) {
  for (std::uint64_t k = 1;; ++k) {
    bool failed = false;
    fail_in = k;
    try {
      attempt();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    const bool reached = fail_in == 0;
    fail_in = 0;
    EXPECT_TRUE(reached || !failed) << "it threw for another reason";
    afterwards();
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "that was at allocation " << k;
    if (!reached || ::testing::Test::HasFailure()) return k - 1;
  }
}

class NoMemory : public Meeting {
 public:
  void SetUp() override {
    // What a process makes once: registries, buffers of the standard streams.
    auto owner = open();
    auto writer = writer_of(owner, "first");
    static_cast<void>(cortado::Owner::open("other", options()));
  }
};

TEST_F(NoMemory, to_open_an_owner_leaves_nothing_and_the_next_open_succeeds) {
  Fault fault("allocation-fails");
  const Holdings before = Holdings::now();
  fault.fired(fail_each(
      [&] {
        const auto owner = cortado::Owner::open("setting", options());
        if (!owner && fail_in != 0) ADD_FAILURE() << owner.error().text;
      },
      [&] {
        EXPECT_EQ(Holdings::now(), before);
        EXPECT_TRUE(std::filesystem::is_empty(directory_));
        EXPECT_TRUE(cortado::Owner::open("setting", options()));
      }));
}

TEST_F(NoMemory, for_a_writer_of_the_same_process_leaves_no_lane_and_no_name) {
  Fault fault("allocation-fails");
  auto owner = open();
  cortado::Writer other = writer_of(owner, "other");
  const auto settle = [&] {
    drain(owner);
    while (owner.wait(0ms)) drain(owner);
    events(owner);
  };
  settle();
  { cortado::Writer once = writer_of(owner, "w"); }
  settle();
  const Holdings before = Holdings::now();
  fault.fired(fail_each([&] { static_cast<void>(owner.make_writer(as("w"))); },
                        [&] {
                          settle();
                          EXPECT_EQ(owner.writers(), 1U);
                          EXPECT_EQ(Holdings::now(), before);
                          {
                            cortado::Writer again = writer_of(owner, "w");
                            EXPECT_EQ(again.try_send("x"), SendStatus::sent);
                            EXPECT_EQ(other.try_send("y"), SendStatus::sent);
                            EXPECT_EQ(drain(owner).size(), 2U);
                          }
                          settle();
                        }));
}

TEST_F(NoMemory, at_a_join_breaks_neither_the_owners_loop_nor_its_other_lanes) {
  Fault fault("allocation-fails");
  auto owner = open();
  cortado::Writer other = writer_of(owner, "other");
  heard.reserve(100'000);
  std::uint64_t reached = 0;
  for (std::uint64_t k = 1; reached == k - 1; ++k) {
    SCOPED_TRACE("allocation " + std::to_string(k));
    ForkedChild child([this](Line&) {
      auto chosen = as("w");
      chosen.timeout = kWatchdog;
      auto writer = cortado::Writer::join("setting", chosen);
      for (int i = 0; i < 1000 && !writer; ++i) {
        if (writer.error().code != Errc::no_memory) return 1;
        writer = cortado::Writer::join("setting", chosen);
      }
      return writer && writer->try_send("x") == SendStatus::sent && writer->close(kWatchdog) == 0
                 ? 0
                 : 2;
    });
    std::size_t handled = 0;
    fail_in = k;
    bool over = false;
    try {
      while (handled == 0 || !over) {
        handled += owner.drain([](const cortado::Message&) {});
        owner.wait(1ms);
        over = handled != 0 && owner.writers() == 1;
      }
    } catch (const std::bad_alloc&) {
      fail_in = 0;
      FAIL() << "for a writer's sake the owner's loop was left";
    }
    reached += fail_in == 0 ? 1 : 0;
    fail_in = 0;
    ASSERT_EQ(child.wait(), 0);
    ASSERT_EQ(other.try_send("y"), SendStatus::sent);
    ASSERT_EQ(drain(owner), Texts{"y"});
    events(owner);
  }
  fault.fired(reached);
  std::printf("%llu allocations for a join, by the owner\n",
              static_cast<unsigned long long>(reached));
}

TEST_F(NoMemory, to_join_leaves_nothing_and_the_next_join_succeeds) {
  Fault fault("allocation-fails");
  auto owner = open();
  ForkedChild child([&](Line& line) {
    { cortado::Writer once = joined("w"); }
    auto chosen = as("w");
    chosen.timeout = kWatchdog;
    const Holdings before = Holdings::now();
    const std::uint64_t count =
        fail_each([&] { static_cast<void>(cortado::Writer::join("setting", chosen)); },
                  [&] {
                    EXPECT_EQ(Holdings::now(), before);
                    cortado::Writer again = joined("w");
                    EXPECT_EQ(again.try_send("x"), SendStatus::sent);
                    EXPECT_EQ(again.close(kWatchdog), 0U);
                  });
    line.tell(count > 10 ? 'y' : 'n');
    std::fflush(nullptr);
    return HasFailure() ? 1 : 0;
  });
  serve_until(owner, [&] { return child.line().ready(); });
  EXPECT_EQ(child.line().hear(), 'y');
  EXPECT_EQ(child.wait(), 0);
  fault.fired();
}

TEST_F(NoMemory, to_find_the_next_owner_is_no_owner_and_loses_nothing) {
  Fault fault("allocation-fails");
  std::uint64_t reached = 0;
  for (std::uint64_t k = 1; reached == k - 1; ++k) {
    SCOPED_TRACE("allocation " + std::to_string(k));
    auto owner = std::make_unique<cortado::Owner>(open());
    cortado::Writer writer = writer_of(*owner, "w");
    ASSERT_EQ(writer.try_send("1"), SendStatus::sent);
    ASSERT_EQ(writer.try_send("2"), SendStatus::sent);
    owner.reset();
    // Only what the writer allocates fails, and only in calls that cannot throw.
    std::uint64_t left_to_go = k;
    const auto failing = [&](auto call) {
      fail_in = left_to_go;
      const SendStatus status = call();
      left_to_go = fail_in;
      fail_in = 0;
      return status;
    };
    Texts expected{"1", "2"};
    const auto send = [&](const char* text) {
      const SendStatus status = failing([&] { return writer.send(std::string_view(text), 1ms); });
      if (status == SendStatus::sent) expected.emplace_back(text);
      return status;
    };
    // Until there is memory to take note of the loss, it sends into the lane that it has still.
    static_cast<void>(failing([&] { return writer.poll(); }));
    static_cast<void>(send("perhaps"));
    EXPECT_EQ(failing([&] { return writer.poll(); }), SendStatus::no_owner);
    EXPECT_EQ(send("not this"), SendStatus::no_owner);
    auto next = open();
    Texts texts;
    while (send("3") != SendStatus::sent) {
      for (std::string& each : drain(next)) texts.push_back(std::move(each));
      next.wait(1ms);
    }
    for (std::string& each : drain(next)) texts.push_back(std::move(each));
    ASSERT_EQ(texts, expected);
    reached += left_to_go == 0 ? 1 : 0;
  }
  EXPECT_GT(reached, 5U);
  fault.fired(reached);
}

TEST_F(NoMemory, for_an_answer_ends_that_ask_and_no_other) {
  Fault fault("allocation-fails");
  ForkedChild owning([this](Line& line) {
    auto owner = open();
    line.tell('o');
    for (;;) {
      if (owner.drain([](const cortado::Message& m) { m.reply(m.text()); }) == 0) {
        owner.wait(kWatchdog);
      }
    }
    return 0;
  });
  ASSERT_EQ(owning.line().hear(), 'o');
  cortado::Writer writer = joined("w");
  const std::string question(500, 'q');
  fault.fired(fail_each(
      [&] {
        const auto answer = writer.ask(question, kWatchdog);
        if (answer) {
          EXPECT_EQ(*answer, question);
        } else {
          EXPECT_EQ(answer.error().code, Errc::no_memory) << answer.error().text;
        }
      },
      [&] {
        for (int i = 0; i < 20; ++i) {  // room for answers is not used up
          const auto answer = writer.ask(question, kWatchdog);
          ASSERT_TRUE(answer) << answer.error().text;
          ASSERT_EQ(*answer, question);
        }
      }));
}

struct Order {
  static constexpr cortado::TypeInfo cortado_type{"Order", 1, "cup, extras"};
  std::string cup;
  std::vector<std::string> extras;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cup, extras);
  }
};

TEST_F(NoMemory, for_a_typed_message_is_an_error_not_an_exception) {
  Fault fault("allocation-fails");
  auto owner = open();
  cortado::Writer writer = writer_of(owner, "w");
  const Order order{std::string(100, 'c'), {std::string(50, 'a'), std::string(60, 'b')}};
  std::vector<std::byte> bytes(cortado::encoded_size(order));
  ASSERT_EQ(cortado::encode(order, bytes), bytes.size());
  const Holdings before = Holdings::now();
  fault.fired(fail_each(
      [&] {
        const auto decoded = cortado::decode<Order>(bytes);
        if (decoded) {
          EXPECT_EQ(decoded->extras, order.extras);
        } else {
          EXPECT_EQ(decoded.error().code, Errc::no_memory) << decoded.error().text;
        }
      },
      [&] { EXPECT_EQ(Holdings::now(), before); }));
  const std::uint64_t to_send =
      fail_each([&] { EXPECT_EQ(writer.try_send(order), SendStatus::sent); },
                [&] { EXPECT_EQ(drain(owner).size(), 1U); });
  EXPECT_EQ(to_send, 0U) << "it is encoded straight into the ring";
}

TEST_F(NoMemory, is_asked_for_by_no_send_no_drain_and_no_wait) {
  Fault fault("allocation-fails");
  auto chosen = options();
  chosen.ring_bytes = 4096;
  auto owner = open(chosen);
  cortado::Writer writer = writer_of(owner, "w");
  static_cast<void>(writer.try_send("x"));
  drain(owner);
  events(owner);
  owner.wait(0ms);
  std::uint64_t handled = 0;
  std::uint64_t sent = 0;
  const std::string text(100, 'x');
  const std::uint64_t before = allocations;
  for (int i = 0; i < 2000; ++i) {
    while (writer.try_send(text) == SendStatus::sent) ++sent;
    if (auto claim = writer.claim(8)) static_cast<void>(claim.commit(0));
    if (i % 100 == 0) {
      if (writer.send(text, 1ms) == SendStatus::sent) ++sent;
      if (writer.claim_until(200, std::chrono::steady_clock::now()).status() == SendStatus::sent) {
        ++sent;
      }
    }
    if (writer.poll() != SendStatus::sent) break;
    const auto count = [&](const cortado::Message& m) { handled += m.bytes().empty() ? 0 : 1; };
    while (owner.drain(count) != 0) {
    }
    if (i % 100 == 0) owner.wait(1ms);
    if (!owner.drained()) break;
  }
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(handled, sent);
  EXPECT_GT(handled, 50'000U);
  fault.fired();  // had one been asked for, it would have been counted
}

}  // namespace
