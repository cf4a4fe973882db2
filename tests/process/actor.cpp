// A writer or an owner of the process tests, as a program of its own.
//
//   actor writer NAME DIRECTORY INDEX     reads its order from its own file, sends, closes
//   actor owner  NAME DIRECTORY KIND      KIND: plain | state | manual; ends when idle or on
//   SIGTERM
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <sched.h>

#include "records.hpp"

namespace {

using namespace std::chrono_literals;
using namespace process_test;

volatile std::sig_atomic_t stopping = 0;

int fail(const cortado::Error& error) {
  std::fprintf(stderr, "actor: %s\n", error.text.c_str());
  return 1;
}

int write_messages(const std::string& name, const std::string& directory, std::uint32_t index) {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  MappedFile<WriterRecord> record(writer_file(directory, index), sizeof(WriterRecord));
  if (record->idle != 0) ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  cortado::JoinOptions options;
  options.name = "writer-" + std::to_string(index);
  options.directory = directory;
  options.timeout = 60s;
  auto writer = cortado::Writer::join(name, options);
  while (!writer && writer.error().code == cortado::Errc::no_owner) {
    ::usleep(2000);
    writer = cortado::Writer::join(name, options);
  }
  if (!writer) return fail(writer.error());
  record->pid.store(static_cast<std::uint32_t>(::getpid()));
  while (record->gated != 0 && record->go.load() == 0) ::sched_yield();
  std::vector<std::byte> bytes(record->length);
  for (std::uint64_t n = 0; n < record->target; ++n) {
    make_message(record->seed, index, n, bytes);
    record->started.store(n + 1);
    const cortado::SendStatus status =
        writer->send(std::span<const std::byte>(bytes), cortado::Writer::time_point::max());
    if (status != cortado::SendStatus::sent) {
      std::fprintf(stderr, "actor: writer %u: message %llu: %s\n", index,
                   static_cast<unsigned long long>(n), cortado::to_string(status));
      return 1;
    }
    record->sent.store(n + 1);
  }
  if (record->idle != 0) {
    int received = 0;
    ::sigwait(&stop, &received);
    std::_Exit(0);
  }
  if (const std::uint64_t left = writer->close(cortado::Writer::time_point::max()); left != 0) {
    std::fprintf(stderr, "actor: writer %u: %llu not applied\n", index,
                 static_cast<unsigned long long>(left));
    return 1;
  }
  record->finished.store(1);
  return 0;
}

/// A handler with something to do: ACTOR_WORK is in ns for each message.
void work() {
  static const std::chrono::nanoseconds each{[] {
    const char* given = std::getenv("ACTOR_WORK");
    return given == nullptr ? 0 : std::atoll(given);
  }()};
  if (each.count() == 0) return;
  const auto end = std::chrono::steady_clock::now() + each;
  while (std::chrono::steady_clock::now() < end) {
  }
}

/// Appends one entry; it counts from the store of `count` on.
void note(HandlerRecord& file, const cortado::Message& message, std::uint32_t generation) {
  const std::uint64_t at = file.count.load(std::memory_order_relaxed);
  if (at == file.capacity) {
    std::fprintf(stderr, "actor: more messages than could be sent\n");
    std::_Exit(3);
  }
  Stamp stamp{};
  std::memcpy(&stamp, message.bytes().data(), std::min(sizeof stamp, message.bytes().size()));
  file.entries[at] = {static_cast<std::uint32_t>(std::atoi(message.writer().data() + 7)),
                      generation,
                      message.sequence(),
                      stamp.sequence,
                      digest_of(message.bytes()),
                      static_cast<std::uint32_t>(message.bytes().size()),
                      message.redelivered() ? 1U : 0U};
  file.count.store(at + 1, std::memory_order_release);
  work();
}

/// Until every writer that joined has left, or SIGTERM.
template <class AnyOwner, class Drain>
void run(AnyOwner& owner, HandlerRecord& file, Drain drain) {
  bool seen = false;
  while (stopping == 0) {
    const std::size_t handled = drain();
    while (auto event = owner.next_event()) {
      seen = seen || event->kind != cortado::Event::Kind::left;
      if (event->kind == cortado::Event::Kind::left && event->how == cortado::Left::died) {
        ++file.died;
      }
      if (event->kind == cortado::Event::Kind::left && event->how == cortado::Left::quarantined) {
        std::fprintf(stderr, "actor: %s quarantined: %s\n", event->writer.c_str(),
                     event->reason.c_str());
      }
    }
    if (handled == 0) {
      if (seen && owner.writers() == 0 && std::getenv("ACTOR_UNTIL_IDLE") != nullptr) break;
      owner.wait(50ms);
    }
  }
}

int own(const std::string& name, const std::string& directory, std::string_view kind,
        std::uint64_t capacity) {
  MappedFile<HandlerRecord> file(handler_file(directory), handler_bytes(capacity));
  file->capacity = capacity;
  cortado::OwnerOptions options;
  options.directory = directory;
  options.manual_release = kind == "manual";
  const std::uint32_t generation = file->generations.fetch_add(1) + 1;
  // One size, or one for each owner after the other: "4096,65536".
  if (const char* rings = std::getenv("ACTOR_RING")) {
    std::vector<std::size_t> sizes;
    std::istringstream list(rings);
    for (std::string size; std::getline(list, size, ',');) sizes.push_back(std::stoull(size));
    options.ring_bytes = sizes[(generation - 1) % sizes.size()];
  }
  const auto ready = [&] { file->pid.store(static_cast<std::uint32_t>(::getpid())); };
  if (kind == "state") {
    auto owner = cortado::Owner::open<Tally>(name, options);
    if (!owner) return fail(owner.error());
    ready();
    run(*owner, *file, [&] {
      return owner->drain([&](const cortado::Message& message, Tally& tally) {
        note(*file, message, generation);
        const auto writer = static_cast<std::size_t>(std::atoi(message.writer().data() + 7));
        ++tally.count[writer];
        tally.chain[writer] = mix(tally.chain[writer] ^ digest_of(message.bytes()));
      });
    });
    MappedFile<Tally> tally(tally_file(directory), sizeof(Tally));
    *tally = owner->state();
    return 0;
  }
  auto owner = cortado::Owner::open(name, options);
  if (!owner) return fail(owner.error());
  ready();
  run(*owner, *file, [&] {
    const std::size_t handled =
        owner->drain([&](const cortado::Message& message) { note(*file, message, generation); });
    if (options.manual_release) owner->release_all();
    return handled;
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 4) {
    std::fprintf(stderr, "actor: usage: actor writer|owner NAME DIRECTORY INDEX|KIND [CAPACITY]\n");
    return 64;
  }
  std::signal(SIGTERM, [](int) { stopping = 1; });
  if (arguments[0] == "writer") {
    return write_messages(arguments[1], arguments[2],
                          static_cast<std::uint32_t>(std::stoul(arguments[3])));
  }
  return own(arguments[1], arguments[2], arguments[3],
             arguments.size() > 4 ? std::stoull(arguments[4]) : 4'000'000);
}
