// nng: push and pull over its own Unix sockets, sleeping.
#include "bench/contestant.hpp"

#if defined(CORTADO_HAS_NNG)

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <unistd.h>

#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

void require(int status, const char* attempt) {
  if (status != 0) throw std::runtime_error(std::string(attempt) + ": " + nng_strerror(status));
}

/// Made behind the fork: it has threads.
class Socket {
 public:
  Socket() = default;
  ~Socket() { nng_close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  nng_socket* handle() noexcept { return &socket_; }
  nng_socket get() const noexcept { return socket_; }

 private:
  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
};

class Nng {
 public:
  static constexpr bool kThreads = false;

  Nng(const Setting& setting, const char* name)
      : setting_(setting),
        address_("abstract://cortado-bench-" + std::to_string(::getpid()) + "-" + name),
        most_(static_cast<int>(
            std::clamp<std::size_t>(setting.ring_bytes / setting.bytes(), 4, kMostBuffered))) {}
  std::uint64_t batch() const noexcept { return 1; }

  class Sender {
   public:
    Sender(Nng& channel, std::uint32_t) {
      nng_socket* const socket = socket_.handle();
      require(nng_push0_open(socket), "make an nng socket");
      nng_socket_set_int(*socket, NNG_OPT_SENDBUF, channel.most_);
      nng_socket_set_ms(*socket, NNG_OPT_SENDTIMEO, kMostWait);
      nng_socket_set_ms(*socket, NNG_OPT_RECONNMINT, kMostWait);
      require(nng_dial(*socket, channel.address_.c_str(), nullptr, NNG_FLAG_NONBLOCK),
              "connect by nng");
    }
    bool try_send(std::span<const std::byte> message) {
      const int status =
          nng_send(socket_.get(), const_cast<std::byte*>(message.data()), message.size(), 0);
      if (status == NNG_ETIMEDOUT || status == NNG_EAGAIN) return false;
      require(status, "send by nng");
      return true;
    }
    void flush() noexcept {}

   private:
    Socket socket_;
  };

  class Receiver {
   public:
    explicit Receiver(Nng& channel) : copy_(channel.setting_.bytes()) {
      nng_socket* const socket = socket_.handle();
      require(nng_pull0_open(socket), "make an nng socket");
      nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, kMostWait);
      nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0);  // no limit
      require(nng_listen(*socket, channel.address_.c_str(), nullptr, 0), "listen by nng");
    }
    template <class F>
    std::size_t drain(F&& look) {
      std::size_t got = copy_.size();
      const int status = nng_recv(socket_.get(), copy_.data(), &got, 0);
      if (status == NNG_ETIMEDOUT || status == NNG_EAGAIN) return 0;
      require(status, "receive by nng");
      look(std::span<const std::byte>(copy_.data(), got));
      return 1;
    }
    void wait() noexcept {}  // its receive sleeps

   private:
    Socket socket_;
    std::vector<std::byte> copy_;
  };

 private:
  static constexpr std::size_t kMostBuffered = 1024;
  static constexpr nng_duration kMostWait = 1;  // ms; between two looks whether it is over
  const Setting& setting_;
  std::string address_;
  int most_;
};

Contestant::Run run(const Point& point) {
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return point.writers > 8 ? nullptr : &stream<Nng>;
    case Kind::round_trip:
      return point.waiting == Waiting::sleeping ? &round_trip<Nng> : nullptr;
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
constexpr std::string_view kAbsent = "not installed (libnng-dev)";

}  // namespace
}  // namespace cortado::bench

#endif

namespace cortado::bench {

std::span<const Contestant> nng_contestants() {
  static constexpr Contestant kAll[] = {
      {"nng", "push and pull over abstract sockets, sleeping", Role::peer, run, kAbsent},
  };
  return kAll;
}

}  // namespace cortado::bench
