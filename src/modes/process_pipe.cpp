// process-pipe: the buffer in one process, which owns it; each writer sends it orders through a
// pipe of its own. A writer that dies leaves at most the begin of an order in its pipe, and nobody
// else notices: the price is two system calls and two copies for each order.
//
// An order travels as its length (4 bytes), its stamp and its bytes.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "modes/blocked_time.hpp"
#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/queue_owner.hpp"
#include "modes/turns.hpp"
#include "modes/window.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace cortado::modes {
namespace {

using Length = std::uint32_t;

/// The owner's end of one pipe.
class Inbox {
 public:
  explicit Inbox(os::Descriptor read_end) noexcept : read_end_(std::move(read_end)) {}

  int get() const noexcept { return read_end_.get(); }
  /// Applies what is there. False: the writer has left.
  bool take(QueueOwner& owner) {
    constexpr std::size_t kAtOnce = 1U << 16;
    if (bytes_.size() < used_ + kAtOnce) bytes_.resize(used_ + kAtOnce);
    const ssize_t got = ::read(read_end_.get(), bytes_.data() + used_, kAtOnce);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) return false;
    used_ += static_cast<std::size_t>(got);
    apply_all(owner);
    return true;
  }
  void close() noexcept { read_end_.reset(); }

 private:
  void apply_all(QueueOwner& owner) {
    std::size_t from = 0;
    while (used_ - from >= sizeof(Length)) {
      Length length;
      std::memcpy(&length, bytes_.data() + from, sizeof length);
      if (used_ - from - sizeof length < length) break;
      owner.apply({bytes_.data() + from + sizeof length, length});
      from += sizeof length + length;
    }
    used_ -= from;
    std::memmove(bytes_.data(), bytes_.data() + from, used_);
  }

  os::Descriptor read_end_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

/// A pipe for each writer; where they find them is on the stage.
class Inboxes {
 public:
  Result<void> open(const Stage& stage) {
    const std::uint32_t writers = stage.workload().writers;
    inboxes_.reserve(writers);
    write_ends_.reserve(writers);
    for (std::uint32_t w = 0; w < writers; ++w) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0) {
        return os::system_error(errno, "make", std::to_string(writers) + " pipes",
                                "raise `ulimit -n`, or take fewer writers");
      }
      inboxes_.emplace_back(os::Descriptor(ends[0]));
      write_ends_.emplace_back(ends[1]);
      stage.writer(w).channel.store(static_cast<std::uint64_t>(ends[1]), std::memory_order_relaxed);
    }
    return {};
  }
  /// Once all writers have theirs: so each pipe ends with its writer.
  void close_write_ends() noexcept { write_ends_.clear(); }

  /// Until all writers have left.
  void apply_all(QueueOwner& owner) {
    std::vector<pollfd> polled;
    for (const Inbox& inbox : inboxes_) polled.push_back({inbox.get(), POLLIN, 0});
    for (std::size_t left = polled.size(); left > 0;) {
      if (::poll(polled.data(), polled.size(), 0) == 0) {
        owner.note_time();
        ::poll(polled.data(), polled.size(), -1);
      }
      for (std::size_t i = 0; i < polled.size(); ++i) {
        if (polled[i].fd < 0 || polled[i].revents == 0 || inboxes_[i].take(owner)) continue;
        inboxes_[i].close();
        polled[i].fd = -1;
        --left;
      }
    }
  }

 private:
  std::vector<Inbox> inboxes_;
  std::vector<os::Descriptor> write_ends_;
};

class PipeSink {
 public:
  /// The pipe's end does not block.
  PipeSink(const Stage& stage, std::uint32_t index, os::Descriptor pipe)
      : stage_(stage),
        index_(index),
        blocked_(stage),
        pipe_(std::move(pipe)),
        capacity_(stage.workload().capacity),
        takes_turns_(stage.workload().takes_turns != 0),
        window_(window_of(stage.workload())),
        left_in_window_(window_) {}

  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    if (takes_turns_) wait_for_turn(stage_, order.stamp().writer());
    if constexpr (std::is_same_v<Midway, Nothing>) {
      if (!send(order.image(), 0)) return Put::failed;
    } else {
      const std::size_t half = order.image().size() / 2;
      if (!send(order.image(), order.image().size() - half)) return Put::failed;
      midway();
      if (!write_all(order.image().data() + half, order.image().size() - half)) return Put::failed;
    }
    if (--left_in_window_ != 0) [[likely]]
      return Put::taken;
    left_in_window_ = window_;
    const Wait wait = blocked_.whole(index_);
    return wait_until_read() ? Put::taken : Put::failed;
  }
  static Failure failure() noexcept { return Failure::queue_broken; }
  bool finish() {
    const bool is_read = wait_until_read();
    pipe_.reset();
    return is_read;
  }

 private:
  /// The pipe took nothing, and does not block. False: that is not why.
  bool wait_for_room() const noexcept {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) return false;
    const Wait wait = blocked_.whole(index_);
    pollfd end{pipe_.get(), POLLOUT, 0};
    ::poll(&end, 1, -1);
    return true;
  }
  /// All but the last `behind` bytes. False: there is no owner any more.
  bool send(std::span<const std::byte> image, std::size_t behind) noexcept {
    Length length = static_cast<Length>(image.size());
    iovec parts[] = {{&length, sizeof length},
                     {const_cast<std::byte*>(image.data()), image.size() - behind}};
    ssize_t written = 0;
    do {
      written = ::writev(pipe_.get(), parts, 2);
    } while (written < 0 && wait_for_room());
    if (written < 0) return false;
    const auto* const head = reinterpret_cast<const std::byte*>(&length);
    const auto done = static_cast<std::size_t>(written);
    const std::size_t of_image = done - std::min(done, sizeof length);
    return write_all(head + done - of_image, sizeof length - (done - of_image)) &&
           write_all(image.data() + of_image, image.size() - behind - of_image);
  }
  bool write_all(const std::byte* from, std::size_t bytes) noexcept {
    while (bytes > 0) {
      const ssize_t written = ::write(pipe_.get(), from, bytes);
      if (written < 0 && wait_for_room()) continue;
      if (written < 0) return false;
      from += written;
      bytes -= static_cast<std::size_t>(written);
    }
    return true;
  }
  /// A pipe does not tell when it is empty: look now and then. False: nobody reads it any more.
  bool wait_until_read() const noexcept {
    constexpr timespec kBetween{0, 50'000};
    for (;;) {
      int unread = 0;
      if (::ioctl(pipe_.get(), FIONREAD, &unread) != 0 || unread == 0) return true;
      pollfd end{pipe_.get(), 0, 0};
      if (::poll(&end, 1, 0) > 0 && (end.revents & POLLERR) != 0) return false;
      ::nanosleep(&kBetween, nullptr);
    }
  }

  const Stage& stage_;
  std::uint32_t index_;
  BlockedTime blocked_;
  os::Descriptor pipe_;
  std::uint32_t capacity_;
  bool takes_turns_;
  std::uint64_t window_;
  std::uint64_t left_in_window_;
};

int host(const Stage& stage) {
  const auto memory = memory_for_buffer(stage);
  if (!memory) return refuse(stage, memory.error());
  Inboxes inboxes;
  if (auto opened = inboxes.open(stage); !opened) return refuse(stage, opened.error());
  const Buffer buffer = make_buffer(stage, memory->address());
  announce(stage, buffer);
  wait_until_started(stage);
  inboxes.close_write_ends();
  QueueOwner owner(stage, buffer);
  inboxes.apply_all(owner);
  owner.end();
  wait_for_writers(stage);
  leave(stage, buffer);
  return 0;
}

int write(const Stage& stage, std::uint32_t index) {
  wait_for_host(stage);
  const std::string path =
      "/proc/" + std::to_string(stage.host().pid.load(std::memory_order_relaxed)) + "/fd/" +
      std::to_string(stage.writer(index).channel.load(std::memory_order_relaxed));
  os::Descriptor pipe(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!pipe) {
    return refuse(stage, os::system_error(errno, "open", "the pipe " + path, "run it again"));
  }
  ::signal(SIGPIPE, SIG_IGN);  // an owner that is gone is told by EPIPE
  PipeSink sink(stage, index, std::move(pipe));
  write_orders(stage, index, sink, nullptr);
  return 0;
}

}  // namespace

const Mode kProcessPipe{"process-pipe", Isolation::process, Sharing::ring, host, write};

}  // namespace cortado::modes
