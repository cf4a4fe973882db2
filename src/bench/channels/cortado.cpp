// cortado itself, through its public headers only: bytes, claims, reading in place, typed messages.
#include <cortado/owner.hpp>
#include <cortado/typed.hpp>
#include <cortado/writer.hpp>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "bench/contestant.hpp"
#include "bench/round_trip.hpp"
#include "bench/stream.hpp"

namespace cortado::bench {
namespace {

using namespace std::chrono_literals;

template <class T>
T got(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

/// How messages are written and read.
enum class How : std::uint8_t { bytes, claim, in_place, plain, cereal };

constexpr std::size_t kTypedBytes = 64;

/// Copied as it stands.
struct PlainOrder {
  std::array<std::uint64_t, kTypedBytes / kWord> words{};
  static constexpr TypeInfo cortado_type{"bench.Plain", 1, "words:u64[8]"};
};

/// Field by field, as cereal has it.
struct CerealOrder {
  std::uint64_t a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{};
  static constexpr TypeInfo cortado_type{"bench.Cereal", 1, "a,b,c,d,e,f,g,h:u64"};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, b, c, d, e, f, g, h);
  }
};
static_assert(sizeof(PlainOrder) == kTypedBytes && sizeof(CerealOrder) == kTypedBytes);

/// The option has this name where the library has it.
template <class Options>
constexpr bool kReadsInPlace = requires(Options& options) {
  options.read_in_place = true;
};

template <class Options>
void read_in_place(Options& options) {
  if constexpr (kReadsInPlace<Options>) options.read_in_place = true;
}

template <How kHow>
class CortadoChannel {
 public:
  static constexpr bool kThreads = false;

  CortadoChannel(const Setting& setting, const char* name) : setting_(setting), name_(name) {}
  std::uint64_t batch() const noexcept { return 1; }

  class Sender {
   public:
    Sender(CortadoChannel& channel, std::uint32_t)
        : writer_(join(channel)), blocks_(channel.setting_.is_crowded()) {}

    bool try_send(std::span<const std::byte> message) {
      const SendStatus status = send(message);
      if (status == SendStatus::sent) return true;
      if (status == SendStatus::full) return false;
      throw std::runtime_error(std::string("send: ") + to_string(status));
    }
    void flush() noexcept {}

   private:
    static Writer join(const CortadoChannel& channel) {
      JoinOptions options;
      options.directory = channel.setting_.directory;
      options.timeout = 60s;
      return got(Writer::join(channel.name_, options));
    }

    SendStatus send(std::span<const std::byte> message) {
      // Who shares a processor sleeps while there is no room.
      constexpr auto kForEver = Writer::time_point::max();
      if constexpr (kHow == How::bytes) {
        return blocks_ ? writer_.send(message, kForEver) : writer_.try_send(message);
      } else if constexpr (kHow == How::plain) {
        return send_typed<PlainOrder>(message);
      } else if constexpr (kHow == How::cereal) {
        return send_typed<CerealOrder>(message);
      } else {
        Claim claim =
            blocks_ ? writer_.claim_until(message.size(), kForEver) : writer_.claim(message.size());
        if (!claim) return claim.status();
        copy_bytes(claim.bytes().data(), message.data(), message.size());
        return claim.commit();
      }
    }
    /// The pen's message is a T as it stands: words.
    template <class T>
    SendStatus send_typed(std::span<const std::byte> message) {
      const T& order = *reinterpret_cast<const T*>(message.data());
      return blocks_ ? writer_.send(order, Writer::time_point::max()) : writer_.try_send(order);
    }

    Writer writer_;
    bool blocks_;
  };

  class Receiver {
   public:
    explicit Receiver(CortadoChannel& channel) : owner_(open(channel)) {}

    template <class F>
    std::size_t drain(F&& look) {
      return owner_.drain([&look](const Message& message) { take(message, look); });
    }
    void serve() {
      owner_.drain([](const Message&) {});
    }
    void wait() { owner_.wait(1s); }
    bool wait(std::chrono::nanoseconds time) { return owner_.wait(time); }

   private:
    static Owner open(const CortadoChannel& channel) {
      const Setting& setting = channel.setting_;
      OwnerOptions options;
      options.directory = setting.directory;
      options.ring_bytes = setting.ring_bytes;
      options.max_writers = std::max(options.max_writers, setting.writers());
      if (setting.point.waiting == Waiting::sleeping) options.spin = 0ns;
      if (kHow == How::in_place) read_in_place(options);
      return got(Owner::open(channel.name_, options));
    }

    template <class F>
    static void take(const Message& message, F& look) {
      if constexpr (kHow == How::plain) {
        take_typed<PlainOrder>(message, look);
      } else if constexpr (kHow == How::cereal) {
        take_typed<CerealOrder>(message, look);
      } else {
        look(message.bytes());
      }
    }
    template <class T, class F>
    static void take_typed(const Message& message, F& look) {
      if constexpr (kHow == How::plain) {
        const T* const order = message.view<T>();
        look(order == nullptr ? std::span<const std::byte>{} : std::as_bytes(std::span(order, 1)));
      } else {
        const Result<T> order = message.as<T>();
        if (!order) return look(std::span<const std::byte>{});
        look(std::as_bytes(std::span<const T, 1>(&*order, 1)));
      }
    }

    Owner owner_;
  };

 private:
  const Setting& setting_;
  std::string name_;
};

/// Everybody sleeps: what is used while nothing happens.
Figures idle(const Setting& setting) {
  using Channel = CortadoChannel<How::bytes>;
  SharedBoard shared(setting.writers());
  Board& board = shared.board();
  const auto notes = shared.notes();
  Admission admission(notes);
  Channel channel(setting, "idle");
  Crew crew(board);
  Figures figures;
  for (std::uint32_t w = 0; w < setting.writers(); ++w) {
    crew.fork([&, w] {
      Board::await(notes[w].may_join);
      Channel::Sender sender(channel, w);
      const std::uint64_t cpu = process_cpu_ns();
      board.ready.fetch_add(1, std::memory_order_acq_rel);
      Board::await(board.stop);
      notes[w].cpu_ns.store(process_cpu_ns() - cpu, std::memory_order_relaxed);
      board.finished.fetch_add(1, std::memory_order_acq_rel);
    });
  }
  try {
    Channel::Receiver receiver(channel);
    const auto nothing = [](std::span<const std::byte>) {};
    while (!admission.all_are_ready(board)) {
      if (receiver.drain(nothing) == 0) receiver.wait(1ms);
      board.check();
    }
    const auto end = Clock::now() + setting.duration;
    const std::uint64_t cpu = process_cpu_ns();
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
      receiver.drain(nothing);
      receiver.wait(end - now);
    }
    std::uint64_t used = process_cpu_ns() - cpu;
    Board::set(board.stop);
    while (board.finished.load(std::memory_order_acquire) != setting.writers()) {
      receiver.drain(nothing);
      receiver.wait(1ms);
    }
    for (const Board::Notes& each : notes) used += each.cpu_ns.load();
    constexpr double kStretch = 10e9;
    figures.cpu_ns =
        static_cast<double>(used) * kStretch / static_cast<double>(setting.duration.count());
  } catch (...) {
    board.give_up();
    crew.abandon();
    throw;
  }
  return figures;
}

Contestant::Run by_bytes(const Point& point) {
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return stream<CortadoChannel<How::bytes>>;
    case Kind::round_trip:
      return round_trip<CortadoChannel<How::bytes>>;
    case Kind::idle:
      return idle;
    case Kind::lock:
      return nullptr;
  }
  return nullptr;
}

template <How kHow>
Contestant::Run by_stream(const Point& point) {
  const bool is_typed = kHow == How::plain || kHow == How::cereal;
  if (point.kind != Kind::throughput || (is_typed && point.bytes != kTypedBytes)) return nullptr;
  return stream<CortadoChannel<kHow>>;
}

Contestant::Run by_trust(const Point& point) {
  if (!kReadsInPlace<OwnerOptions>) return nullptr;
  switch (point.kind) {
    case Kind::throughput:
    case Kind::fan_in:
      return stream<CortadoChannel<How::in_place>>;
    case Kind::round_trip:
      return round_trip<CortadoChannel<How::in_place>>;
    case Kind::idle:
    case Kind::lock:
      break;
  }
  return nullptr;
}

}  // namespace

std::span<const Contestant> cortado_contestants() {
  static constexpr Contestant kAll[] = {
      {"cortado", "bytes, each check on", Role::cortado, by_bytes},
      {"cortado-claim", "written in place (claim, commit)", Role::cortado, by_stream<How::claim>},
      {"cortado-trusted", "written and read in place: writers are trusted", Role::cortado, by_trust,
       kReadsInPlace<OwnerOptions> ? "" : "this build's owners cannot read in place"},
      {"cortado-plain", "a trivially copyable struct of 64 bytes", Role::cortado,
       by_stream<How::plain>},
      {"cortado-typed", "a struct of 64 bytes, field by field (cereal)", Role::cortado,
       by_stream<How::cereal>},
  };
  return kAll;
}

}  // namespace cortado::bench
