// ZeroMQ: PUSH and PULL over its own Unix sockets. Its ends sleep: with two processors its I/O
// thread needs the one that a polling caller would keep.
#include "bench/contestant.hpp"

#if defined(CORTADO_HAS_ZEROMQ)

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>
#include <zmq.h>

#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

[[noreturn]] void fail(const char* attempt) {
  throw std::runtime_error(std::string(attempt) + ": " + zmq_strerror(zmq_errno()));
}

/// A context with one socket, made behind the fork.
class Socket {
 public:
  Socket(int kind, int most_messages)
      : context_(zmq_ctx_new()), socket_(zmq_socket(context_, kind)) {
    if (socket_ == nullptr) fail("make a ZeroMQ socket");
    constexpr int kMostWait = 1;  // ms; between two looks whether it is over
    set(ZMQ_SNDHWM, most_messages);
    set(ZMQ_RCVHWM, most_messages);
    set(ZMQ_RCVTIMEO, kMostWait);
    set(ZMQ_SNDTIMEO, kMostWait);
    set(ZMQ_RECONNECT_IVL, kMostWait);
    set(ZMQ_LINGER, 0);
  }
  ~Socket() {
    if (socket_ != nullptr) zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void* get() const noexcept { return socket_; }

 private:
  void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }

  void* context_;
  void* socket_;
};

class ZeroMq {
 public:
  static constexpr bool kThreads = false;

  ZeroMq(const Setting& setting, const char* name)
      : setting_(setting),
        address_("ipc://@cortado-bench-" + std::to_string(::getpid()) + "-" + name),
        most_(static_cast<int>(std::max<std::size_t>(4, setting.ring_bytes / setting.bytes()))) {}
  std::uint64_t batch() const noexcept { return kBatch; }

  class Sender {
   public:
    Sender(ZeroMq& channel, std::uint32_t) : socket_(ZMQ_PUSH, channel.most_) {
      if (zmq_connect(socket_.get(), channel.address_.c_str()) != 0) fail("connect by ZeroMQ");
    }
    bool try_send(std::span<const std::byte> message) {
      if (zmq_send(socket_.get(), message.data(), message.size(), 0) >= 0) return true;
      if (zmq_errno() != EAGAIN && zmq_errno() != EINTR) fail("send by ZeroMQ");
      return false;
    }
    void flush() noexcept {}

   private:
    Socket socket_;
  };

  class Receiver {
   public:
    explicit Receiver(ZeroMq& channel)
        : socket_(ZMQ_PULL, channel.most_), copy_(channel.setting_.bytes()) {
      if (zmq_bind(socket_.get(), channel.address_.c_str()) != 0) fail("bind by ZeroMQ");
    }
    template <class F>
    std::size_t drain(F&& look) {
      for (std::size_t taken = 0; taken < kBatch; ++taken) {
        const int flags = taken == 0 ? 0 : ZMQ_DONTWAIT;
        const int got = zmq_recv(socket_.get(), copy_.data(), copy_.size(), flags);
        if (got < 0) {
          if (zmq_errno() != EAGAIN && zmq_errno() != EINTR) fail("receive by ZeroMQ");
          return taken;
        }
        look(std::span<const std::byte>(copy_.data(), static_cast<std::size_t>(got)));
      }
      return kBatch;
    }
    void wait() noexcept {}  // its receive sleeps

   private:
    Socket socket_;
    std::vector<std::byte> copy_;
  };

 private:
  static constexpr std::size_t kBatch = 256;
  const Setting& setting_;
  std::string address_;
  int most_;
};

Contestant::Run run(const Point& point) {
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return point.writers > 64 ? nullptr : &stream<ZeroMq>;
    case Kind::round_trip:
      return point.waiting == Waiting::sleeping ? &round_trip<ZeroMq> : nullptr;
    case Kind::idle:
    case Kind::lock:
      break;
  }
  return nullptr;
}

constexpr std::string_view kAbsent{};

}  // namespace
}  // namespace cortado::bench

#else

namespace cortado::bench {
namespace {

Contestant::Run run(const Point& /*point*/) {
  return nullptr;
}
constexpr std::string_view kAbsent = "not installed (libzmq3-dev)";

}  // namespace
}  // namespace cortado::bench

#endif

namespace cortado::bench {

std::span<const Contestant> zeromq_contestants() {
  static constexpr Contestant kAll[] = {
      {"zeromq", "PUSH and PULL over ipc, sleeping", Role::peer, run, kAbsent},
  };
  return kAll;
}

}  // namespace cortado::bench
