// What a hostile process can do with the descriptors that it was handed: the doorbell, the memory
// of its lane, the connection.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "../support/fault.hpp"
#include "arena.hpp"
#include "hostile.hpp"
#include "knock.hpp"

namespace cortado::test {
namespace {

constexpr std::uint64_t kCapacity = std::uint64_t{1} << 16;

OwnerOptions rings() {
  OwnerOptions options;
  options.ring_bytes = kCapacity;
  options.reply_bytes = ring::kMinCapacity;
  return options;
}

bool goes_on(Hostile& hostile) {
  hostile.put_honest("after it");
  return hostile.fate() == Fate::goes_on;
}

void ring_in_vain(int doorbell) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(doorbell, &one, sizeof one);
}

TEST(ADoorbell, that_blocks_is_saturated_read_empty_or_closed_hurts_nobody_but_its_writer) {
  Fault fault("doorbell-abused");
  Arena arena(rings());
  const auto attack = [&](const char* name, const std::function<bool(Hostile&, Board&)>& abuse) {
    SCOPED_TRACE(name);
    fault.fired(arena.attack([&](Board& board) {
      Hostile hostile(arena.directory(), name);
      if (!abuse(hostile, board)) return 1;
      return goes_on(hostile) ? 0 : 2;  // others wake the owner
    }));
    arena.let_honest_go_on();
  };
  attack("blocking", [](Hostile& hostile, Board& board) {
    if (::fcntl(hostile.doorbell(), F_SETFL, 0) != 0) return false;
    board.attacks.fetch_add(1);
    for (int i = 0; i < 1000; ++i) hostile.put_honest("x");
    return true;
  });
  attack("saturated", [](Hostile& hostile, Board& board) {
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    std::uint64_t before = 0;
    [[maybe_unused]] const auto got = ::read(hostile.doorbell(), &before, sizeof before);
    if (::write(hostile.doorbell(), &most, sizeof most) != sizeof most) return false;
    const std::uint64_t one = 1;
    if (::write(hostile.doorbell(), &one, sizeof one) >= 0 || errno != EAGAIN) return false;
    board.attacks.fetch_add(1);
    return true;
  });
  attack("saturated-and-blocking", [](Hostile& hostile, Board& board) {
    const std::uint64_t most = ~std::uint64_t{0} - 1;
    std::uint64_t before = 0;
    [[maybe_unused]] const auto got = ::read(hostile.doorbell(), &before, sizeof before);
    if (::write(hostile.doorbell(), &most, sizeof most) != sizeof most) return false;
    if (::fcntl(hostile.doorbell(), F_SETFL, 0) != 0) return false;
    board.attacks.fetch_add(1);
    // A ring would block: only the one who rings.
    if (::fcntl(hostile.doorbell(), F_SETFL, O_NONBLOCK) != 0) return false;
    return true;
  });
  attack("read-empty", [](Hostile& hostile, Board& board) {
    std::atomic<bool> over{false};
    std::thread reader([&] {
      std::uint64_t count = 0;
      while (!over.load()) {
        if (::read(hostile.doorbell(), &count, sizeof count) == sizeof count) {
          board.attacks.fetch_add(1);
        }
      }
    });
    for (int i = 0; i < 2000; ++i) {
      hostile.put_honest("x");
      if (hostile.fate() != Fate::goes_on) return false;
    }
    over.store(true);
    reader.join();
    return true;
  });
  attack("watched", [](Hostile& hostile, Board& board) {
    // A long list of others who are woken first.
    std::vector<os::Descriptor> watchers;
    for (int i = 0; i < 500; ++i) {
      watchers.emplace_back(::epoll_create1(EPOLL_CLOEXEC));
      epoll_event event{EPOLLIN | EPOLLET, {}};
      if (::epoll_ctl(watchers.back().get(), EPOLL_CTL_ADD, hostile.doorbell(), &event) != 0) {
        return false;
      }
    }
    for (int i = 0; i < 1000; ++i) ring_in_vain(hostile.doorbell());
    board.attacks.fetch_add(1);
    return true;
  });
  attack("closed", [](Hostile& hostile, Board& board) {
    if (::dup2(hostile.connection(), hostile.doorbell()) < 0) return false;  // closes it
    board.attacks.fetch_add(1);
    return true;
  });
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
}

/// A lane joined by hand, so that its segment's descriptor is kept.
struct Segment {
  explicit Segment(const std::string& directory)
      : handed(join_by_hand(directory, hello_of("segment"))),
        file(handed.descriptors.at(0).get()),
        sizes(*lane::read_lane_sizes(file)),
        memory(std::move(*lane::LaneMemory::map(file, sizes))),
        position(memory->control().start_position) {}

  /// Puts a message and waits for it to be released.
  bool goes_on() {
    const std::uint64_t next = position + ring::record_bytes(16);
    ring::word_at(memory->ring(), sizes.ring_bytes, next).store(0);
    ring::word_at(memory->ring(), sizes.ring_bytes, position)
        .store(ring::pack({16, 0, static_cast<std::uint8_t>(sequence), ring::flag::committed}));
    ring_in_vain(handed.descriptors.at(1).get());
    position = next;
    ++sequence;
    while (memory->control().released.load() != position) {
      pollfd state{handed.connection.get(), 0, 0};
      if (::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0) return false;
      ::sched_yield();
    }
    return true;
  }

  Handed handed;
  int file;
  lane::RingSizes sizes;
  std::unique_ptr<lane::LaneMemory> memory;
  std::uint64_t position;
  std::uint64_t sequence = 0;
};

TEST(ASegment, cannot_be_truncated_grown_or_sealed_once_more) {
  Fault fault("segment-truncated");
  Arena arena(rings());
  fault.fired(arena.attack([&](Board& board) {
    Segment segment(arena.directory());
    const auto size = static_cast<off_t>(segment.sizes.segment_bytes());
    const auto refused = [&](int result) {
      board.attacks.fetch_add(1);
      return result != 0 && errno == EPERM;
    };
    for (const off_t length : {off_t{0}, off_t{1}, off_t{4096}, size - 4096, size - 1, size + 1,
                               size + 4096, off_t{1} << 40}) {
      if (!refused(::ftruncate(segment.file, length))) return 1;
    }
    if (!refused(::fallocate(segment.file, 0, size, 4096))) return 2;
    if (!refused(::fallocate(segment.file, FALLOC_FL_KEEP_SIZE, size, 4096))) return 3;
    if (!refused(::fcntl(segment.file, F_ADD_SEALS, F_SEAL_WRITE))) return 4;
    if (!refused(::fcntl(segment.file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))) return 5;
    const std::string path = "/proc/self/fd/" + std::to_string(segment.file);
    if (!refused(::truncate(path.c_str(), 0))) return 6;
    const int opened = ::open(path.c_str(), O_RDWR | O_TRUNC);
    if (!refused(opened < 0 ? -1 : 0)) return 7;
    return segment.goes_on() ? 0 : 8;
  }));
  arena.judge();
}

TEST(ASegment, with_holes_reads_as_zeros_and_no_signal_comes) {
  Fault fault("segment-punched");
  Arena arena(rings());
  constexpr int kHole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  // All of it, again and again, before and behind messages.
  fault.fired(arena.attack([&](Board& board) {
    Segment segment(arena.directory());
    const auto size = static_cast<off_t>(segment.sizes.segment_bytes());
    for (int i = 0; i < 500; ++i) {
      if (::fallocate(segment.file, kHole, 0, size) != 0) return 1;
      board.attacks.fetch_add(1);
      if (!segment.goes_on()) return 2;
    }
    return 0;
  }));
  // Under traffic: what is punched out is not there, or no record; both are its own affair.
  const std::uint64_t lanes = rounds(20);
  for (std::uint64_t n = 0; n < lanes; ++n) {
    fault.fired(arena.attack([&](Board& board) {
      Segment segment(arena.directory());
      std::atomic<bool> over{false};
      std::thread puncher([&] {
        std::uint64_t page = 0;
        const std::uint64_t pages = segment.sizes.segment_bytes() / lane::kPageBytes;
        while (!over.load()) {
          const auto at = static_cast<off_t>(++page % pages * lane::kPageBytes);
          ::fallocate(segment.file, kHole, at, lane::kPageBytes);
          board.attacks.fetch_add(1);
        }
      });
      std::atomic<std::uint64_t> released{segment.position};
      ring::Producer there(segment.memory->ring(), segment.sizes.ring_bytes, segment.position,
                           &released);
      const std::vector<std::byte> text(500);
      for (std::uint64_t i = 0; i < 20'000; ++i) {
        released.store(there.position());  // never full: it overwrites what is not read yet, too
        if (!there.write(text, {0, 0, static_cast<std::uint8_t>(i), 0})) break;
        if (i % 16 == 0) ring_in_vain(segment.handed.descriptors.at(1).get());
      }
      over.store(true);
      puncher.join();
      return 0;
    }));
  }
  arena.judge();
}

TEST(ASegment, opened_and_mapped_in_other_ways_shows_nobody_elses_memory) {
  Fault fault("segment-remapped");
  Arena arena(rings());
  fault.fired(arena.attack([&](Board& board) {
    Segment segment(arena.directory());
    const std::string path = "/proc/self/fd/" + std::to_string(segment.file);
    const std::size_t size = segment.sizes.segment_bytes();
    const os::Descriptor again(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    struct stat status {};
    if (!again || ::fstat(again.get(), &status) != 0) return 1;
    if (static_cast<std::size_t>(status.st_size) != size) return 2;
    // Another mapping of all of it, and more: nothing stands behind its end.
    void* all = ::mmap(nullptr, size + lane::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                       again.get(), 0);
    if (all == MAP_FAILED) return 3;
    std::byte beyond{};
    if (::pread(again.get(), &beyond, 1, static_cast<off_t>(size)) != 0) return 4;
    board.attacks.fetch_add(1);
    if (!segment.goes_on()) return 5;
    for (const int how : {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE}) {
      if (::mprotect(all, size, how) != 0) return 6;
      board.attacks.fetch_add(1);
      if (!segment.goes_on()) return 7;
    }
    ::fchmod(segment.file, 0);
    // What a kernel does not know, or a hostile process may not, it refuses.
    for (const int advice :
         {MADV_DONTNEED, MADV_REMOVE, MADV_WILLNEED, MADV_RANDOM, MADV_DONTFORK, MADV_HUGEPAGE,
          MADV_NOHUGEPAGE, MADV_MERGEABLE, 20 /* COLD */, 21 /* PAGEOUT */, 22 /* POPULATE_READ */,
          23 /* POPULATE_WRITE */, 25 /* COLLAPSE */}) {
      if (::madvise(all, size, advice) == 0) board.attacks.fetch_add(1);
      if (!segment.goes_on()) return 8;
    }
    if (::mlock(all, lane::kPageBytes) == 0) board.attacks.fetch_add(1);
    ::munmap(all, size + lane::kPageBytes);
    return segment.goes_on() ? 0 : 9;
  }));
  arena.judge();
  EXPECT_EQ(arena.board().quarantined.load(), 0U);
}

/// A TCP connection of this process to itself, full of unsent bytes: whoever closes it last waits
/// for minutes.
class Lingering {
 public:
  Lingering() {
    const os::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), generic, length) != 0 || ::listen(listener.get(), 1) != 0 ||
        ::getsockname(listener.get(), generic, &length) != 0) {
      return;
    }
    near_ = os::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(near_.get(), generic, length) != 0) return;
    far_ = os::Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const linger long_time{1, 300};
    if (::setsockopt(near_.get(), SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time) != 0) return;
    const std::vector<std::byte> much(65536);
    while (::send(near_.get(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
    }
    full_ = true;
  }
  bool full() const { return full_; }
  int get() const { return near_.get(); }

 private:
  os::Descriptor near_, far_;
  bool full_ = false;
};

std::size_t sockets_of(pid_t pid) {
  std::size_t count = 0;
  for (const auto& each :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(each.path(), ignored).string();
    count += target.starts_with("socket:") ? 1 : 0;
  }
  return count;
}

/// Linux 6.16: a socket can refuse to be sent descriptors.
bool kernel_refuses_descriptors() {
  auto ends = os::socket_pair();
  return ends && os::refuse_descriptors(ends->first.get());
}

TEST(HostileDescriptors, sent_over_a_connection_reach_nobody_and_stall_nobody) {
  Fault fault("hostile-descriptors");
  if (!kernel_refuses_descriptors()) {
    GTEST_SKIP() << "this kernel has no SO_PASSRIGHTS (Linux 6.16): whoever closes a queued "
                    "lingering socket waits";
  }
  Arena arena(rings());
  const std::size_t sockets = sockets_of(arena.owner());
  fault.fired(arena.attack([&](Board& board) {
    const Lingering lingering;
    if (!lingering.full()) return 1;
    const os::Descriptor event(::eventfd(0, EFD_CLOEXEC));
    const std::vector<int> many(os::kMaxDescriptors, event.get());
    const std::vector<int> one{lingering.get()};
    for (int round = 0; round < 20; ++round) {
      for (const auto& descriptors : {one, many}) {
        // With the Hello, before it, and with garbage.
        for (const std::size_t bytes : {sizeof(lane::Hello), std::size_t{1}, std::size_t{50'000}}) {
          const os::Descriptor connection = connect_by_hand(arena.directory());
          std::vector<std::byte> message(bytes);
          const lane::Hello hello = hello_of("descriptors");
          std::memcpy(message.data(), &hello, std::min(bytes, sizeof hello));
          const int error = say(connection.get(), message, descriptors);
          if (error != EPERM) return 2;
          board.attacks.fetch_add(1);
        }
        // After the Welcome: nobody reads there any more.
        const Handed handed = join_by_hand(arena.directory(), hello_of(""));
        for (int i = 0; i < 10; ++i) {
          const std::vector<std::byte> message(1000);
          if (say(handed.connection.get(), message, descriptors) != EPIPE) return 3;
          if (say(handed.connection.get(), message) != EPIPE) return 4;
          board.attacks.fetch_add(1);
        }
      }
    }
    return 0;
  }));
  arena.until([&] { return sockets_of(arena.owner()) == sockets; });
  arena.judge();
}

}  // namespace
}  // namespace cortado::test
