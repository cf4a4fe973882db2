// An owner or the writers of a soak, as a program of its own.
//
//   soak_actor owner  DIRECTORY KIND      KIND: kept | plain | manual
//   soak_actor writer DIRECTORY PROCESS   0 to kProcesses - 1: steady ones, then storms
//
// They go on until Control::finish, or until they are killed. While Control::rest names a rest, the
// writers end their lives and park.
#include <cortado/owner.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <sys/prctl.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "clerk.hpp"
#include "life.hpp"
#include "soak_writer.hpp"

namespace {

using namespace soak;
using namespace std::chrono_literals;

volatile std::sig_atomic_t stopping = 0;

// The owner.

/// Between the queue and the clerk: hands on, or is a bug that a queue could have.
class Hand {
 public:
  explicit Hand(const Files& files, std::uint64_t generation)
      : control_(*files.control), clerk_(files, generation) {}

  /// Notes the message and applies it to the state, if there is one.
  void take(const cortado::Message& message, Tally* tally, std::uint64_t generation) {
    const bool struck = strike();
    if (struck && message.sequence() % 2 == 0) ::kill(::getpid(), SIGKILL);
    Arrival arrival;
    arrival.slot = static_cast<std::uint32_t>(std::atoi(message.writer().data() + 1));
    arrival.number = message.sequence();
    arrival.redelivered = message.redelivered();
    arrival.is_ask = message.is_ask();
    arrival.bytes.assign(message.bytes().begin(), message.bytes().end());
    const auto noted = control_.mischief == kHonest ? hand_on(arrival, tally, 1)
                                                    : meddle(std::move(arrival), tally);
    if (struck) ::kill(::getpid(), SIGKILL);
    if (!message.is_ask() || !noted) return;
    const Answer answer{noted->life, noted->number, generation,
                        Answer::check_of(noted->key, generation)};
    const auto status = message.reply(std::as_bytes(std::span(&answer, 1)));
    if (status != cortado::ReplyStatus::replied) {
      found(control_, kSurprise, "a reply got status %d", static_cast<int>(status));
    }
  }

 private:
  /// It is time to die with this message in hand.
  bool strike() {
    return control_.strike.load(std::memory_order_relaxed) != 0 &&
           control_.strike.fetch_sub(1) == 1;
  }

  std::optional<Noted> hand_on(const Arrival& arrival, Tally* tally, int effects) {
    const auto noted = clerk_.note(arrival);
    for (int i = 0; i < effects && noted && tally != nullptr; ++i) {
      tally->apply(noted->slot, noted->life, noted->number);
    }
    return noted;
  }

  std::optional<Noted> meddle(Arrival arrival, Tally* tally) {
    if (held_ && held_->slot == arrival.slot) {
      const auto noted = hand_on(arrival, tally, 1);
      hand_on(*std::exchange(held_, std::nullopt), tally, 1);
      return noted;
    }
    // Of the first messages of a life not, and of one that has bytes, so that each bug is itself.
    const bool due = control_.mischief_done.load() == 0 && ++handled_ >= control_.mischief_at &&
                     arrival.number != 0 && !arrival.is_ask && !arrival.bytes.empty();
    if (!due || control_.mischief >= kBoast) return hand_on(arrival, tally, 1);
    control_.mischief_done.store(1);
    switch (control_.mischief) {
      case kDrop:
        return std::nullopt;
      case kDouble:
        hand_on(arrival, tally, 1);
        break;
      case kSwap:
        held_ = std::move(arrival);
        return std::nullopt;
      case kFlip:
        arrival.bytes.back() ^= std::byte{4};
        break;
      case kInvent: {
        Arrival invented = arrival;
        invented.number += 100'000;
        hand_on(invented, tally, 1);
        break;
      }
      case kForgetEffect:
        return hand_on(arrival, tally, 0);
      case kDoubleEffect:
        return hand_on(arrival, tally, 2);
      default:
        break;
    }
    return hand_on(arrival, tally, 1);
  }

  Control& control_;
  Clerk clerk_;
  std::optional<Arrival> held_;
  std::uint64_t handled_ = 0;
};

/// A message was said to be sent long ago, by a writer that has been waiting since, and did not
/// come.
bool overslept(const Files& files) {
  const std::int64_t long_ago = now_ns() - std::chrono::nanoseconds(files.patience()).count() / 2;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    const std::uint64_t number = files.control->current[slot].load();
    const Life* life = number == 0 ? nullptr : files.life(number);
    if (life == nullptr || life->ended.load() != 0) continue;
    const std::int64_t since = life->since.load();
    if (since != 0 && since < long_ago && life->sent.load() > files.record(number).high.load()) {
      return true;
    }
  }
  return false;
}

template <class AnyOwner>
void sleep(AnyOwner& owner, const Files& files, bool event_loop) {
  Control& control = *files.control;
  const bool rest = control.rest.load() != 0 || control.finish.load() != 0;
  const std::chrono::milliseconds timeout = rest ? 50ms : files.patience();
  const std::int64_t begun = now_ns();
  control.sleeps.fetch_add(1, std::memory_order_relaxed);
  control.asleep_since.store(begun);
  if (control.mischief == kOversleep && control.passes.load() >= control.mischief_at &&
      control.mischief_done.exchange(1) == 0) {
    ::usleep(static_cast<useconds_t>(control.patience_ms * 1000));
  } else if (event_loop) {
    pollfd state{owner.fd(), POLLIN, 0};
    ::poll(&state, 1, static_cast<int>(timeout.count()));
  } else {
    owner.wait(timeout);
  }
  control.asleep_since.store(0);
  const bool expired = now_ns() - begun >= std::chrono::nanoseconds(files.patience()).count();
  if (expired && overslept(files)) {
    found(control, kRescued, "the owner's wait ended by its deadline, messages waited");
  }
}

template <class AnyOwner>
void take_events(AnyOwner& owner, Control& control) {
  while (const auto event = owner.next_event()) {
    if (event->kind != cortado::Event::Kind::left) continue;
    if (event->how == cortado::Left::quarantined) {
      found(control, kQuarantined, "%s: %s", event->writer.c_str(), event->reason.c_str());
    }
    if (control.mischief == kLeak) static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
}

/// `drain` takes what is there, `before_sleep` releases what is held back.
template <class AnyOwner, class Drain, class BeforeSleep>
int own(AnyOwner& owner, const Files& files, std::uint64_t generation, Drain drain,
        BeforeSleep before_sleep) {
  Control& control = *files.control;
  const bool event_loop = generation % 2 == 0;
  if (event_loop) owner.fd();
  while (stopping == 0) {
    const std::size_t handled = drain();
    take_events(owner, control);
    control.passes.fetch_add(1);
    if (handled != 0) continue;
    before_sleep();
    if (owner.writers() == 0) {
      if (control.finish.load() != 0) break;
      // All writers are parked: nothing comes any more.
      const std::uint64_t publish = control.publish.load();
      if (publish != 0 && control.published.load() != publish) {
        if constexpr (requires { owner.state(); }) *files.tally = owner.state();
        control.published.store(publish);
      }
    }
    sleep(owner, files, event_loop);
  }
  return 0;
}

int run_owner(const std::string& directory, std::string_view kind) {
  const Files files(directory);
  Control& control = *files.control;
  cortado::OwnerOptions options;
  options.directory = directory + "/meet";
  options.ring_bytes = control.ring_bytes;
  options.manual_release = kind == "manual";
  const auto refused = [](const cortado::Error& error) {
    std::fprintf(stderr, "soak_actor: %s\n", error.text.c_str());
    return 1;
  };
  const auto opened = [&] {
    control.passes_at_open.store(control.passes.load());
    control.asleep_since.store(0);
    return control.generation.fetch_add(1) + 1;
  };
  if (kind == "kept") {
    auto owner = cortado::Owner::open<Tally>("soak", options);
    if (!owner) return refused(owner.error());
    const std::uint64_t generation = opened();
    Hand hand(files, generation);
    return own(
        *owner, files, generation,
        [&] {
          return owner->drain([&](const cortado::Message& message, Tally& tally) {
            hand.take(message, &tally, generation);
          });
        },
        [] {});
  }
  auto owner = cortado::Owner::open("soak", options);
  if (!owner) return refused(owner.error());
  const std::uint64_t generation = opened();
  Hand hand(files, generation);
  std::deque<cortado::Receipt> held;  // released a few messages later
  return own(
      *owner, files, generation,
      [&] {
        const std::size_t handled = owner->drain([&](const cortado::Message& message) {
          hand.take(message, nullptr, generation);
          if (options.manual_release) held.push_back(message.receipt());
        });
        while (held.size() > kHeldBack) {
          owner->release(held.front());
          held.pop_front();
        }
        return handled;
      },
      [&] {
        owner->release_all();
        held.clear();
      });
}

// The writers.

void park(const Files& files, std::uint32_t process) {
  const std::uint64_t rest = files.control->rest.load();
  files.control->parked[process].store(rest);
  while (files.control->rest.load() == rest && files.control->finish.load() == 0) ::usleep(1000);
}

/// For about as many nanoseconds: so that what comes next meets the owner at any step of its going
/// to sleep.
void linger(std::uint64_t turns) {
  for (std::atomic<std::uint64_t> turn{0}; turn.load() < turns; turn.store(turn.load() + 1)) {
  }
}

/// One life of many messages after the other.
void write_steadily(Pen& pen, const Files& files, Random& random) {
  if (!pen.join()) return;
  const std::uint64_t batch = 1 + random() % (std::uint64_t{1} << (random() % 13));
  while (pen.written() < batch) {
    const bool sent = pen.write();
    const bool lull = files.control->lull.load() != 0;
    const std::uint64_t now_and_then = random() % (lull ? 8 : 1024);
    if (lull) linger(random() % 16384);
    if (sent && now_and_then == 0) pen.wait_applied();
    if (sent && !lull && now_and_then == 1) pen.pause(static_cast<unsigned>(random() % 3000));
  }
  const std::uint32_t mischief = files.control->mischief;
  if (mischief == kBoast && files.control->mischief_done.exchange(1) == 0) pen.boast();
  if (mischief == kStaySleeping && files.control->mischief_done.exchange(1) == 0) {
    pen.stay_sleeping();
  }
  if (files.control->keeper != 0 && random() % 64 == 0) std::_Exit(kDeserted);
  pen.leave();
}

/// Any of its slots: join, say something, leave.
void write_in_a_storm(std::vector<Pen>& pens, Random& random) {
  Pen& pen = pens[random() % pens.size()];
  if (!pen.joined()) {
    pen.join();
  } else if (random() % 3 == 0) {
    pen.leave();
  } else {
    for (std::uint64_t tries = random() % 16; tries-- > 0;) pen.write();
  }
}

int run_writer(const std::string& directory, std::uint32_t process) {
  const Files files(directory);
  Random random(mix(files.control->seed ^ mix(process)) + files.control->starts.fetch_add(1));
  std::vector<Pen> pens;
  for (std::uint32_t i = 0; i < slots_of(process); ++i) {
    pens.emplace_back(files, directory + "/meet", first_slot(process) + i, random);
  }
  const auto leave_all = [&] {
    for (Pen& pen : pens) {
      if (pen.joined()) pen.leave();
    }
  };
  while (files.control->finish.load() == 0) {
    if (files.control->rest.load() != 0) {
      leave_all();
      park(files, process);
    } else if ((files.control->benched.load() >> process & 1) != 0) {
      leave_all();
      ::usleep(1000);
    } else if (pens.size() == 1) {
      write_steadily(pens[0], files, random);
    } else {
      write_in_a_storm(pens, random);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 3) {
    std::fprintf(stderr, "soak_actor: usage: soak_actor owner|writer DIRECTORY KIND|PROCESS\n");
    return 64;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGTERM, [](int) { stopping = 1; });
  if (arguments[0] == "owner") return run_owner(arguments[1], arguments[2]);
  return run_writer(arguments[1], static_cast<std::uint32_t>(std::stoul(arguments[2])));
}
