// process-message-queue: the buffer in one process, which owns it; all writers send it orders
// through one message_queue of Boost.Interprocess. That queue copies an order while it holds a lock
// in shared memory. So a writer that is killed in a send takes the queue along, for everybody and
// for good: the lock throws at each who asks for it (Boost 1.78 and later, where its mutex is
// robust), or all wait for ever. What the queue held then is lost. Run under a watchdog.
//
// The lock is the queue's own, and nobody else's code runs under it. What happens half way happens
// there all the same: the queue reads an order only when it has the lock, and the second half of
// that order cannot be read, so the kernel hands over to us in the midst of the queue's copy.
//
// Such a queue has a name in /dev/shm. The host takes the name away as soon as all writers have it,
// and the runner, however a run ends.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <sys/mman.h>

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <unistd.h>

#include "modes/blocked_time.hpp"
#include "modes/host.hpp"
#include "modes/mode.hpp"
#include "modes/queue_owner.hpp"
#include "modes/turns.hpp"
#include "modes/window.hpp"
#include "os/error.hpp"

namespace cortado::modes {
namespace {

namespace bi = boost::interprocess;

/// No other run that lives has it: the stage's path has its runner's process and descriptor.
std::string name_of(const Stage& stage) {
  std::string name = "cortado" + stage.path();
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

void take_name_away(const Stage& stage) {
  bi::message_queue::remove(name_of(stage).c_str());
}

std::size_t image_bytes(const Workload& workload) noexcept {
  return Order::kStampBytes + workload.capacity;
}

/// Few, where they are slow or long.
std::size_t most_messages(const Workload& workload) noexcept {
  constexpr std::uint64_t kMost = 1024;
  constexpr std::uint64_t kMostBytes = 16U << 20;
  const std::uint64_t window = std::min(window_of(workload), kMost) * workload.writers;
  const std::uint64_t fitting = std::max<std::uint64_t>(4, kMostBytes / image_bytes(workload));
  return std::min({window, fitting, kMost});
}

/// Until all have left and nothing is unread, or the queue is broken.
void own(const Stage& stage, bi::message_queue& queue, QueueOwner& owner) {
  std::vector<std::byte> image(image_bytes(stage.workload()));
  bi::message_queue::size_type bytes = 0;
  unsigned priority = 0;
  for (;;) {
    const bool all_left = stage.head().writers_gone.load(std::memory_order_acquire) != 0;
    bool has_any = false;
    while (queue.try_receive(image.data(), image.size(), bytes, priority)) {
      owner.apply({image.data(), bytes});
      has_any = true;
    }
    owner.note_time();
    if (has_any) continue;
    if (all_left) return;
    const auto soon =
        boost::posix_time::microsec_clock::universal_time() + boost::posix_time::milliseconds(5);
    if (queue.timed_receive(image.data(), image.size(), bytes, priority, soon)) {
      owner.apply({image.data(), bytes});
    }
  }
}

/// An order whose second half cannot be read before it is mended: who copies it is held up half
/// way, by SIGSEGV, with whatever lock he has.
class TornImage {
 public:
  /// Its first half ends at a page that nobody may touch.
  explicit TornImage(std::span<const std::byte> image)
      : image_(image),
        readable_(image.size() / 2),
        page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
        before_((readable_ + page_ - 1) / page_ * page_ + page_),
        bytes_(before_ + page_ + (image.size() / page_ + 1) * page_),
        memory_(static_cast<std::byte*>(
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    std::copy_n(image.begin(), readable_, data());
    ::mprotect(memory_ + before_, bytes_ - before_, PROT_NONE);
  }
  ~TornImage() { ::munmap(memory_, bytes_); }
  TornImage(const TornImage&) = delete;
  TornImage& operator=(const TornImage&) = delete;

  std::byte* data() const noexcept { return memory_ + before_ - readable_; }
  /// Who was held up may go on. For a signal handler, too.
  void mend() const noexcept {
    ::mprotect(memory_ + before_, bytes_ - before_, PROT_READ | PROT_WRITE);
    std::copy(image_.begin() + static_cast<std::ptrdiff_t>(readable_), image_.end(),
              memory_ + before_);
  }

 private:
  std::span<const std::byte> image_;
  std::size_t readable_, page_, before_, bytes_;
  std::byte* memory_;
};

class QueueSink {
 public:
  QueueSink(const Stage& stage, bi::message_queue& queue)
      : stage_(stage),
        queue_(queue),
        blocked_(stage),
        capacity_(stage.workload().capacity),
        takes_turns_(stage.workload().takes_turns != 0) {}

  Put put(const Order& order, const Nothing&) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    if (takes_turns_) wait_for_turn(stage_, order.stamp().writer());
    return send(order.image().data(), order.image().size(), order.stamp());
  }
  /// What is half way happens in the queue's own copy, with its lock in hand. But for an exception:
  /// none can come from there, so it comes while the writer puts the order together.
  template <class Midway>
  Put put(const Order& order, const Midway& midway) {
    if (order.bytes().size() > capacity_) return Put::rejected;
    if (stage_.workload().fault.kind == Fault::Kind::thrown) midway();
    const TornImage torn(order.image());
    static const Midway* half_way;
    static const TornImage* held_up;
    half_way = &midway;
    held_up = &torn;
    const auto before = ::signal(SIGSEGV, [](int) {
      (*half_way)();
      held_up->mend();
    });
    const Put put = send(torn.data(), order.image().size(), order.stamp());
    ::signal(SIGSEGV, before);
    half_way = nullptr;
    held_up = nullptr;
    return put;
  }
  static Failure failure() noexcept { return Failure::queue_broken; }
  /// Nobody knows how far the owner is: there is no word of that.
  static bool finish() noexcept { return true; }

 private:
  Put send(const std::byte* from, std::size_t bytes, Stamp stamp) {
    try {
      if (blocked_.is_sampled(stamp)) [[unlikely]] {
        send_timed(from, bytes, stamp);
      } else {
        queue_.send(from, bytes, 0);
      }
      return Put::taken;
    } catch (const bi::interprocess_exception&) {  // somebody died in it
      return Put::failed;
    }
  }

  /// What is timed is the wait for room; how long it waits for its lock the queue does not tell.
  [[gnu::noinline]] void send_timed(const std::byte* from, std::size_t bytes, Stamp stamp) {
    if (queue_.try_send(from, bytes, 0)) return;
    const Wait wait = blocked_.sampled(stamp);
    queue_.send(from, bytes, 0);
  }

  const Stage& stage_;
  bi::message_queue& queue_;
  BlockedTime blocked_;
  std::uint32_t capacity_;
  bool takes_turns_;
};

int host(const Stage& stage) {
  const auto memory = memory_for_buffer(stage);
  if (!memory) return refuse(stage, memory.error());
  const Workload& workload = stage.workload();
  take_name_away(stage);  // of a run that was killed, long ago
  std::optional<bi::message_queue> queue;
  try {
    queue.emplace(bi::create_only, name_of(stage).c_str(), most_messages(workload),
                  image_bytes(workload));
  } catch (const bi::interprocess_exception& error) {
    return refuse(stage,
                  os::system_error(error.get_native_error(), "make", "a message queue in /dev/shm",
                                   "look who may write there, and how much is free"));
  }
  const Buffer buffer = make_buffer(stage, memory->address());
  announce(stage, buffer);
  wait_until_started(stage);
  take_name_away(stage);
  QueueOwner owner(stage, buffer);
  try {
    own(stage, *queue, owner);
  } catch (const bi::interprocess_exception&) {  // a writer died in it; the others learn it, too
  }
  owner.end();
  wait_for_writers(stage);
  leave(stage, buffer);
  return 0;
}

int write(const Stage& stage, std::uint32_t index) {
  wait_for_host(stage);
  std::optional<bi::message_queue> queue;
  try {
    queue.emplace(bi::open_only, name_of(stage).c_str());
  } catch (const bi::interprocess_exception& error) {
    return refuse(stage, os::system_error(error.get_native_error(), "open",
                                          "the message queue of the run", "run it again"));
  }
  QueueSink sink(stage, *queue);
  write_orders(stage, index, sink, nullptr);
  return 0;
}

}  // namespace

const Mode kProcessMessageQueue{
    "process-message-queue", Isolation::process, Sharing::ring, host, write, take_name_away};

}  // namespace cortado::modes
