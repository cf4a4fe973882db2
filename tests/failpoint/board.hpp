// What all processes of a failpoint test share: who has sent what, what was handled, and how each
// one fares. The judge believes this and the kernel's own tables (/proc), never a queue's counters.
#pragma once

#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <dirent.h>
#include <unistd.h>

#include "trace.hpp"

namespace cortado::test {

using namespace std::chrono_literals;

/// A watchdog for what must happen by itself, not an expectation.
inline constexpr std::chrono::seconds kPatience{20};

inline Writer::time_point patiently() {
  return std::chrono::steady_clock::now() + kPatience;
}

/// True as soon as the condition holds; false: it never did.
inline bool until(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    ::usleep(50);
  }
  return true;
}

enum Who : std::uint32_t { bystander, subject, other, kWriters };
inline constexpr std::array<const char*, kWriters> kNames{"bystander", "subject", "other"};

/// The bytes of a message: who sent it, in which life (writers of one name follow each other), and
/// the how manieth.
struct Wire {
  std::uint32_t who;
  std::uint32_t reserved;
  std::uint64_t life;
  std::uint64_t number;
};

/// One writer's messages. `sent` and `started` are its own, the rest the handlers'.
struct Ledger {
  std::atomic<std::uint64_t> life;
  std::atomic<std::uint64_t> started;  ///< sends begun
  std::atomic<std::uint64_t> sent;     ///< sends that said `sent`
  std::atomic<std::uint64_t> next;     ///< the number that must come next
  std::atomic<std::uint64_t> repeats;  ///< flagged
  std::atomic<std::uint64_t> doubled, missed, foreign;
  // Over all lives: what a kept state must contain.
  std::atomic<std::uint64_t> count, chain;
};

/// A kept state that notices every loss, repeat and exchange.
struct Tally {
  std::array<std::uint64_t, kWriters> count{}, chain{};

  static std::uint64_t mixed(std::uint64_t chain, const Wire& wire) {
    return (chain ^ wire.number ^ (wire.life << 32)) * 0x9e3779b97f4a7c15ULL + 1;
  }
  void add(const Wire& wire) {
    chain[wire.who] = mixed(chain[wire.who], wire);
    ++count[wire.who];
  }
};

/// What a process has, as the kernel counts it.
struct Footprint {
  int descriptors = 0, mappings = 0;
  friend bool operator==(const Footprint&, const Footprint&) = default;
  Footprint operator-(const Footprint& other) const {
    return {descriptors - other.descriptors, mappings - other.mappings};
  }
  Footprint operator+(const Footprint& other) const {
    return {descriptors + other.descriptors, mappings + other.mappings};
  }
  std::string text() const {
    return std::to_string(descriptors) + " descriptors, " + std::to_string(mappings) + " mappings";
  }
};

inline Footprint footprint_of(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  Footprint found;
  if (DIR* entries = ::opendir((folder + "/fd").c_str())) {
    while (::readdir(entries) != nullptr) ++found.descriptors;
    ::closedir(entries);
  }
  std::ifstream maps(folder + "/maps");
  for (std::string line; std::getline(maps, line);) {
    // The heap and what the C library maps for itself are not counted.
    if (line.find("[heap]") == std::string::npos) ++found.mappings;
  }
  return found;
}

/// The kernel has it waiting for something.
inline bool asleep(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t behind_name = text.rfind(')');
  return behind_name != std::string::npos && text.compare(behind_name, 3, ") S") == 0;
}

struct Board {
  std::array<Ledger, kWriters> ledgers;
  std::atomic<std::uint32_t> gate_closed;  ///< the serving owner handles nothing
  std::atomic<std::uint32_t> at_gate;      ///< it has noticed
  std::atomic<std::uint32_t> owner_quits;  ///< the serving owner is to end in order
  std::atomic<std::uint32_t> owner;        ///< pid of the owner that is open; 0: none yet
  std::atomic<std::uint32_t> writers;      ///< lanes of that owner
  // Of the members of a party (party.hpp).
  std::array<std::atomic<std::uint32_t>, kWriters> ready;   ///< has joined and sent
  std::array<std::atomic<std::uint32_t>, kWriters> closes;  ///< makes its last call
  std::atomic<std::uint32_t> go;                            ///< they may close
  std::atomic<std::uint64_t> dies_at;  ///< the owner dies inside the handler of that message of
                                       ///< `subject`, the first time it comes; kNever
  Tally state;                         ///< the serving owner's kept state
  std::atomic<std::uint32_t> has_state;
  // What the process under test has more than before, when it was left alone: see Injector.
  Footprint reference;
  std::atomic<std::uint32_t> has_reference, left_alone;
  /// What the process under test says.
  char complaint[512];

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  void complain(const std::string& what) {
    if (complaint[0] != '\0') return;
    std::strncpy(complaint, what.c_str(), sizeof complaint - 1);
  }

  /// A new writer of that name, or the first.
  void begin_life(Who who) {
    Ledger& ledger = ledgers[who];
    ledger.started = ledger.sent = ledger.next = ledger.repeats = 0;
    ++ledger.life;
  }

  /// A handler's whole work, but for its effect on a kept state.
  void note(const Message& message) {
    Wire wire{};
    if (message.bytes().size() < sizeof wire) return;  // an ask
    std::memcpy(&wire, message.bytes().data(), sizeof wire);
    if (wire.who >= kWriters || message.writer() != kNames[wire.who]) return;
    Ledger& ledger = ledgers[wire.who];
    if (wire.life != ledger.life) {
      ++ledger.foreign;
    } else if (wire.number < ledger.next) {
      ++(message.redelivered() ? ledger.repeats : ledger.doubled);
    } else {
      if (wire.number > ledger.next) ++ledger.missed;
      ledger.next = wire.number + 1;
      ledger.chain = Tally::mixed(ledger.chain, wire);
      ++ledger.count;
      if (wire.who == subject && wire.number == dies_at) std::raise(SIGKILL);
    }
  }

  /// Sends the next message, of `length` bytes.
  SendStatus post(Writer& writer, Who who, Writer::time_point deadline,
                  std::size_t length = sizeof(Wire)) {
    Ledger& ledger = ledgers[who];
    std::array<std::byte, 1024> bytes{};
    const Wire wire{who, 0, ledger.life, ledger.started};
    std::memcpy(bytes.data(), &wire, sizeof wire);
    ++ledger.started;
    const SendStatus status =
        writer.send(std::span<const std::byte>(bytes).first(length), deadline);
    if (status == SendStatus::sent) {
      ++ledger.sent;
    } else {
      --ledger.started;  // nothing was written
    }
    return status;
  }

  bool all_handled(Who who) const { return ledgers[who].next >= ledgers[who].sent; }

  /// What is wrong with one writer's messages now that all were to arrive; empty: nothing.
  std::string fault_of(Who who, bool repeats_allowed) const {
    const Ledger& ledger = ledgers[who];
    const auto figure = [](const char* what, std::uint64_t n) {
      return n == 0 ? std::string() : std::string(" ") + what + " " + std::to_string(n);
    };
    const std::uint64_t lost = ledger.sent > ledger.next ? ledger.sent - ledger.next : 0;
    const std::uint64_t phantom = ledger.next > ledger.started ? ledger.next - ledger.started : 0;
    const std::string wrong = figure("lost", lost) + figure("phantom", phantom) +
                              figure("doubled", ledger.doubled) + figure("missed", ledger.missed) +
                              figure("foreign", ledger.foreign) +
                              figure("repeats", repeats_allowed ? 0 : ledger.repeats.load());
    return wrong.empty() ? wrong : std::string(kNames[who]) + ":" + wrong;
  }

  /// The same of the kept state.
  std::string fault_of_state() const {
    for (std::size_t who = 0; who < kWriters; ++who) {
      if (state.count[who] != ledgers[who].count || state.chain[who] != ledgers[who].chain) {
        return "the kept state has " + std::to_string(state.count[who]) + " messages of " +
               kNames[who] + " in it, of " + std::to_string(ledgers[who].count);
      }
    }
    return {};
  }
};

/// Names of the files in a directory.
inline std::string files_in(const std::string& directory) {
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names += (names.empty() ? "" : ", ") + entry.path().filename().string();
  }
  return names;
}

/// Empty if the text is an error as it should be.
inline std::string fault_of_text(const std::string& text) {
  if (text.empty()) return "an error without a text";
  if (text.find('\n') != std::string::npos) return "an error of more than one line: " + text;
  return {};
}

}  // namespace cortado::test
