// What the kernel has: a pipe, a Unix seqpacket socket, a POSIX message queue.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include <sys/socket.h>

#include <fcntl.h>
#include <mqueue.h>
#include <unistd.h>

#include "bench/contestant.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

[[noreturn]] void fail(const char* attempt) {
  throw std::system_error(errno, std::generic_category(), attempt);
}

bool would_block() noexcept {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR;
}

/// A descriptor that is closed at the end.
struct Descriptor {
  int number = -1;
  Descriptor() = default;
  explicit Descriptor(int from) noexcept : number(from) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

/// One pipe for all writers; the owner reads up to 64 KiB at a time, and cuts.
class Pipe {
 public:
  static constexpr bool kThreads = false;

  Pipe(const Setting& setting, const char* /*name*/) : setting_(setting) {
    int ends[2];
    const int flags = setting.sleeps() ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK;
    if (::pipe2(ends, flags) != 0) fail("make a pipe");
    read_.number = ends[0];
    write_.number = ends[1];
    ::fcntl(write_.number, F_SETPIPE_SZ, static_cast<int>(std::min(setting.ring_bytes, kMost)));
  }
  std::uint64_t batch() const noexcept {
    return std::max<std::uint64_t>(1, kPerRead / setting_.bytes());
  }

  class Sender {
   public:
    Sender(Pipe& pipe, std::uint32_t) noexcept : descriptor_(pipe.write_.number) {}
    bool try_send(std::span<const std::byte> message) {
      const auto rest = message.subspan(written_);
      const auto written = ::write(descriptor_, rest.data(), rest.size());
      if (written < 0) {
        if (would_block()) return false;
        fail("write to a pipe");
      }
      written_ += static_cast<std::size_t>(written);
      if (written_ < message.size()) return false;
      written_ = 0;
      return true;
    }
    void flush() noexcept {}

   private:
    int descriptor_;
    std::size_t written_ = 0;  ///< of a message that is longer than what fits
  };

  class Receiver {
   public:
    explicit Receiver(Pipe& pipe)
        : descriptor_(pipe.read_.number),
          bytes_(pipe.setting_.bytes()),
          sleeps_(pipe.setting_.sleeps()),
          room_(std::max(kPerRead, bytes_) + bytes_) {}

    template <class F>
    std::size_t drain(F&& look) {
      const std::size_t wanted = sleeps_ ? bytes_ - held_ : room_.size() - held_;
      const auto got = ::read(descriptor_, room_.data() + held_, wanted);
      if (got < 0) {
        if (would_block()) return 0;
        fail("read a pipe");
      }
      held_ += static_cast<std::size_t>(got);
      std::size_t taken = 0;
      for (; (taken + 1) * bytes_ <= held_; ++taken) look({room_.data() + taken * bytes_, bytes_});
      held_ -= taken * bytes_;
      if (taken != 0 && held_ != 0) {
        std::memmove(room_.data(), room_.data() + taken * bytes_, held_);
      }
      return taken;
    }
    void wait() noexcept {}  // its read sleeps

   private:
    int descriptor_;
    std::size_t bytes_;
    bool sleeps_;
    std::vector<std::byte> room_;
    std::size_t held_ = 0;
  };

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 20;  // for users, by default
  static constexpr std::size_t kPerRead = std::size_t{64} << 10;
  const Setting& setting_;
  Descriptor read_;
  Descriptor write_;
};

/// A socket pair for each writer, read in turn.
class Seqpacket {
 public:
  static constexpr bool kThreads = false;

  Seqpacket(const Setting& setting, const char* /*name*/)
      : setting_(setting), ends_(std::size_t{2} * setting.writers()) {
    for (std::size_t w = 0; w < setting.writers(); ++w) {
      int pair[2];
      const int flags = setting.sleeps() ? SOCK_CLOEXEC : SOCK_CLOEXEC | SOCK_NONBLOCK;
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | flags, 0, pair) != 0) fail("make a socket pair");
      ends_[2 * w].number = pair[0];
      ends_[2 * w + 1].number = pair[1];
      const int room = static_cast<int>(setting.ring_bytes);
      ::setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
  }
  std::uint64_t batch() const noexcept { return 1; }

  class Sender {
   public:
    Sender(Seqpacket& channel, std::uint32_t writer) noexcept
        : descriptor_(channel.ends_[2 * writer + 1].number) {}
    bool try_send(std::span<const std::byte> message) {
      if (::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL) >= 0) return true;
      if (!would_block()) fail("send to a socket");
      return false;
    }
    void flush() noexcept {}

   private:
    int descriptor_;
  };

  class Receiver {
   public:
    explicit Receiver(Seqpacket& channel) : channel_(channel), copy_(channel.setting_.bytes()) {}
    template <class F>
    std::size_t drain(F&& look) {
      std::size_t taken = 0;
      for (std::size_t w = 0; w < channel_.setting_.writers(); ++w) {
        const auto got = ::recv(channel_.ends_[2 * w].number, copy_.data(), copy_.size(), 0);
        if (got < 0) {
          if (would_block()) continue;
          fail("receive from a socket");
        }
        look(std::span<const std::byte>(copy_.data(), static_cast<std::size_t>(got)));
        ++taken;
      }
      return taken;
    }
    void wait() noexcept {}  // its recv sleeps

   private:
    Seqpacket& channel_;
    std::vector<std::byte> copy_;
  };

 private:
  const Setting& setting_;
  std::vector<Descriptor> ends_;
};

/// One queue for all writers, of as many messages as a user may have by default.
class MessageQueue {
 public:
  static constexpr bool kThreads = false;

  MessageQueue(const Setting& setting, const char* name) : setting_(setting) {
    mq_attr attributes{};
    attributes.mq_maxmsg = kMessages;
    attributes.mq_msgsize = static_cast<long>(setting.bytes());
    const std::string path = "/cortado-bench-" + std::to_string(::getpid()) + "-" + name;
    const int flags = setting.sleeps() ? 0 : O_NONBLOCK;
    queue_.number =
        ::mq_open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600, &attributes);
    if (queue_.number < 0) fail("make a POSIX message queue");
    ::mq_unlink(path.c_str());  // forked children have it by its descriptor
  }
  std::uint64_t batch() const noexcept { return 1; }

  class Sender {
   public:
    Sender(MessageQueue& channel, std::uint32_t) noexcept : queue_(channel.queue_.number) {}
    bool try_send(std::span<const std::byte> message) {
      const auto* text = reinterpret_cast<const char*>(message.data());
      if (::mq_send(queue_, text, message.size(), 0) == 0) return true;
      if (!would_block()) fail("send to a POSIX message queue");
      return false;
    }
    void flush() noexcept {}

   private:
    int queue_;
  };

  class Receiver {
   public:
    explicit Receiver(MessageQueue& channel)
        : queue_(channel.queue_.number), copy_(channel.setting_.bytes()) {}
    template <class F>
    std::size_t drain(F&& look) {
      const auto got =
          ::mq_receive(queue_, reinterpret_cast<char*>(copy_.data()), copy_.size(), nullptr);
      if (got < 0) {
        if (would_block()) return 0;
        fail("receive from a POSIX message queue");
      }
      look(std::span<const std::byte>(copy_.data(), static_cast<std::size_t>(got)));
      return 1;
    }
    void wait() noexcept {}  // its receive sleeps

   private:
    int queue_;
    std::vector<std::byte> copy_;
  };

  static constexpr std::size_t kMostBytes = 8192;

 private:
  static constexpr long kMessages = 10;
  const Setting& setting_;
  Descriptor queue_;
};

template <class Channel>
Contestant::Run run(const Point& point, std::size_t most_bytes, std::uint32_t most_writers) {
  if (point.bytes > most_bytes || point.writers > most_writers) return nullptr;
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return stream<Channel>;
    case Kind::round_trip:
      return point.waiting == Waiting::spin_then_sleep ? nullptr : round_trip<Channel>;
    case Kind::idle:
    case Kind::lock:
      break;
  }
  return nullptr;
}

constexpr std::uint32_t kManyWriters = 64;

Contestant::Run run_pipe(const Point& point) {
  return run<Pipe>(point, std::size_t{1} << 20, kManyWriters);
}
Contestant::Run run_seqpacket(const Point& point) {
  return run<Seqpacket>(point, std::size_t{64} << 10, kManyWriters);
}
Contestant::Run run_queue(const Point& point) {
  return run<MessageQueue>(point, MessageQueue::kMostBytes, kManyWriters);
}

}  // namespace

std::span<const Contestant> kernel_contestants() {
  static constexpr Contestant kAll[] = {
      {"pipe", "one pipe, read 64 KiB at a time", Role::peer, run_pipe},
      {"seqpacket", "a Unix seqpacket socket for each writer", Role::peer, run_seqpacket},
      {"posix-mq", "POSIX message queue, 10 messages", Role::peer, run_queue},
  };
  return kAll;
}

}  // namespace cortado::bench
