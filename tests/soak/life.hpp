// What the processes of a soak leave in files, and how a message is made. The judge sees only
// these.
//
// A life is one Writer from its join to its end, under the name of its slot. Invariants, whoever is
// killed at any instruction:
//   - Life::sent <= messages of that life that the queue has said ok to <= Life::started;
//   - a handler stores Record::high before it returns, so what a kept state contains is never more
//     than the book does;
//   - the bytes of a message follow from the seed, its life and its number, and so does its length:
//     nothing is kept of each message, however many there are.
// Files are mapped shared: a store to the page cache survives the SIGKILL of who made it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>

#include "../process/records.hpp"

namespace soak {

using process_test::MappedFile;
using process_test::mix;

inline constexpr std::uint32_t kSteady = 4;      ///< processes with one long life after the other
inline constexpr std::uint32_t kStorm = 2;       ///< processes that join and leave all the time
inline constexpr std::uint32_t kStormSlots = 4;  ///< lives at one time in one of these
inline constexpr std::uint32_t kProcesses = kSteady + kStorm;
inline constexpr std::uint32_t kSlots = kSteady + kStorm * kStormSlots;
inline constexpr std::uint64_t kLives = std::uint64_t{1} << 17;  ///< from one rest to the next
/// Messages that an owner which releases by hand holds back.
inline constexpr std::size_t kHeldBack = 16;
/// What an owner may have in hand of one lane: its turn, and what is held back.
inline constexpr std::uint64_t kMostRepeats = 256 + kHeldBack;
inline constexpr std::uint64_t kStampBytes = 16;
/// What a writer leaves with that means to die without a word.
inline constexpr int kDeserted = 9;

constexpr std::uint32_t first_slot(std::uint32_t process) {
  return process < kSteady ? process : kSteady + (process - kSteady) * kStormSlots;
}
constexpr std::uint32_t slots_of(std::uint32_t process) {
  return process < kSteady ? 1 : kStormSlots;
}

/// What must never be found.
enum Wrong : std::size_t {
  kSkipped,      ///< a later message came first; if it still comes it is kReordered instead
  kReordered,    ///< it came after a later one
  kDoubled,      ///< it came again without the flag, or no owner had died
  kTooMany,      ///< more came again than an owner can have in hand
  kTorn,         ///< its bytes or its length are not those that were sent
  kPhantom,      ///< nobody sent it
  kWrongAnswer,  ///< an answer is not that to the question
  kMiscounted,   ///< Writer::sequence is not the number of messages sent
  kSurprise,     ///< a status or error that has no reason here
  kRescued,      ///< a wait ended by its deadline although there was something to do
  kQuarantined,  ///< an owner took a lane for broken
  kWrongs
};
inline constexpr std::array<const char*, kWrongs> kWrongNames{
    "skipped",      "reordered",  "doubled",  "too_many_repeats", "torn",       "phantom",
    "wrong_answer", "miscounted", "surprise", "rescued",          "quarantined"};

/// Bugs that a queue could have, made by hand between it and the handler: the judge must find each.
enum Mischief : std::uint32_t {
  kHonest,
  kDrop,          ///< one message never comes
  kDouble,        ///< one comes twice
  kSwap,          ///< one comes after the next one
  kFlip,          ///< one bit of one is another
  kInvent,        ///< one comes that was not sent
  kForgetEffect,  ///< one has no effect on the kept state
  kDoubleEffect,  ///< one has its effect twice
  kBoast,         ///< a writer was told `sent` for one that is nowhere
  kOversleep,     ///< the owner sleeps on although messages wait
  kStaySleeping,  ///< a writer sleeps on although its ring has room
  kLeak,          ///< the owner keeps a descriptor of each writer that left
};

/// One for all. Who writes what is said above each part.
struct Control {
  // The test, before anybody starts.
  std::uint64_t seed;
  std::uint64_t ring_bytes;
  std::uint64_t patience_ms;  ///< the watchdog of every wait: nothing should ever need it
  std::uint32_t keeper;
  std::uint32_t mischief;
  std::uint64_t mischief_at;  ///< handled messages before it
  // The nemesis.
  std::atomic<std::uint64_t> rest;  ///< number of the rest that writers are to take; 0: none
  std::atomic<std::uint64_t>
      publish;                        ///< number of the rest that the owner is to tell its state in
  std::atomic<std::uint32_t> finish;  ///< the soak is over
  /// Messages until the owner is to kill itself inside its handler; 0: it is not.
  std::atomic<std::uint64_t> strike;
  std::atomic<std::uint32_t> benched;  ///< bits of processes that are to stay away
  /// 1: one process writes, in ways that wait, and nobody is killed: who is not woken stays asleep.
  std::atomic<std::uint32_t> lull;
  std::atomic<std::uint64_t> first_life;  ///< number of the first life of the table
  // The writers.
  std::atomic<std::uint64_t> starts;
  std::atomic<std::uint64_t> used;  ///< lives of the table
  std::atomic<std::uint64_t> waits;
  std::atomic<std::uint64_t> starved;  ///< waits that ended by their deadline, owner standing still
  std::atomic<std::uint64_t> excused;  ///< asks whose answer died with its owner
  std::array<std::atomic<std::uint64_t>, kProcesses> parked;  ///< the rest that it takes
  std::array<std::atomic<std::uint64_t>, kSlots> current;     ///< number of the life there
  std::array<std::atomic<std::uint64_t>, kWrongs> wrong;      ///< anybody
  // The owner.
  alignas(128) std::atomic<std::uint64_t> generation;  ///< owners that opened
  std::atomic<std::uint64_t> passes;                   ///< drains that returned, of all owners
  std::atomic<std::uint64_t> passes_at_open;
  std::atomic<std::int64_t> asleep_since;  ///< steady_clock, ns; 0: awake
  std::atomic<std::uint64_t> published;    ///< the rest whose state stands in the tally
  std::atomic<std::uint64_t> repeats;      ///< flagged, as they must be
  std::atomic<std::uint64_t> sleeps;
  std::atomic<std::uint32_t> mischief_done;
};

/// By its writer; `excepted` by the nemesis.
struct alignas(64) Life {
  std::atomic<std::uint64_t> started;  ///< messages that were tried to be sent
  std::atomic<std::uint64_t> sent;     ///< messages that were said to be sent
  std::atomic<std::uint64_t> settled;  ///< the generation that has all of it in its own lane
  std::atomic<std::int64_t> since;     ///< steady_clock, ns: when it began to wait; 0: it does not
  std::atomic<std::uint32_t> slot;
  std::atomic<std::uint32_t> ended;     ///< it left in order
  std::atomic<std::uint32_t> excepted;  ///< what it has not handed over may be lost
};

/// By the handler.
struct Record {
  std::atomic<std::uint64_t> high;      ///< messages that came, in order
  std::atomic<std::uint64_t> asked_in;  ///< generation that saw its last question
  std::atomic<std::int64_t> at;         ///< steady_clock, ns: when a message came last
};
struct Book {
  std::array<std::atomic<std::uint64_t>, kSlots> open;  ///< number of the life that a slot is at
  std::array<Record, kLives> records;
};
using Lives = std::array<Life, kLives>;

/// The kept state: notices every effect that is missing, doubled, or in another order.
struct Tally {
  struct Account {
    std::uint64_t life;
    std::uint64_t count;
    std::uint64_t chain;
  };
  Account accounts[kSlots];
  std::uint64_t ended_lives;
  std::uint64_t ended_messages;
  std::uint64_t ended_digest;

  void fold(const Account& account) {
    if (account.count == 0) return;
    ++ended_lives;
    ended_messages += account.count;
    ended_digest += mix(account.life ^ mix(account.count ^ account.chain));
  }
  void apply(std::uint32_t slot, std::uint64_t life, std::uint64_t number) {
    Account& account = accounts[slot];
    if (account.life != life) {
      fold(account);
      account = {life, 0, 0};
    }
    ++account.count;
    account.chain = link(account.chain, life, number);
  }
  static std::uint64_t link(std::uint64_t chain, std::uint64_t life, std::uint64_t number) {
    return mix(chain ^ mix(life) ^ number);
  }
};

struct Files {
  explicit Files(const std::string& directory)
      : control(directory + "/control", sizeof(Control)),
        lives(directory + "/lives", sizeof(Lives)),
        book(directory + "/book", sizeof(Book)),
        tally(directory + "/tally", sizeof(Tally)) {}

  /// Null: not of this table.
  Life* life(std::uint64_t number) const {
    const std::uint64_t index = number - control->first_life.load();
    return index < kLives ? &(*lives)[index] : nullptr;
  }
  Record& record(std::uint64_t number) const {
    return book->records[number - control->first_life.load()];
  }
  std::chrono::milliseconds patience() const {
    return std::chrono::milliseconds(control->patience_ms);
  }

  MappedFile<Control> control;
  MappedFile<Lives> lives;
  MappedFile<Book> book;
  MappedFile<Tally> tally;
};

/// Counts it and, unless there are many, says so.
[[gnu::format(printf, 3, 4)]] inline void found(Control& control, Wrong wrong, const char* format,
                                                ...) {
  if (control.wrong[wrong].fetch_add(1) >= 20) return;
  std::array<char, 400> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "soak: %s: %s\n", kWrongNames[wrong], text.data());
}

inline std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

inline std::uint64_t key_of(std::uint64_t seed, std::uint64_t life, std::uint64_t number) {
  return mix(seed ^ mix(life) ^ number);
}

/// 0 to `longest`, both often, and mostly short. The first message of a life has room for its
/// stamp.
inline std::uint64_t length_of(std::uint64_t key, std::uint64_t number, std::uint64_t longest) {
  const std::uint64_t draw = key >> 16;
  std::uint64_t length = draw % ((longest >> (4 + key % 8)) + 1);
  if ((key >> 8) % 32 == 0) length = draw % (longest + 1);
  if ((key >> 8) % 64 == 1) length = longest - draw % 24;
  if ((key >> 8) % 64 == 2) length = longest;
  if ((key >> 8) % 16 == 3) length = 0;
  return number == 0 && length < kStampBytes ? kStampBytes : length;
}

/// Hands out the words of a message: the life, the number, then whatever follows from the key.
template <class Word>
void each_word(std::uint64_t key, std::uint64_t life, std::uint64_t number, std::size_t length,
               Word word) {
  std::uint64_t next = key;
  for (std::size_t i = 0; i < length; i += 8) {
    const std::uint64_t value = i == 0 ? life : i == 8 ? number : next;
    word(i, value, length - i < 8 ? length - i : 8);
    next = next * 6364136223846793005ULL + 1442695040888963407ULL;
  }
}

inline void fill(std::span<std::byte> bytes, std::uint64_t key, std::uint64_t life,
                 std::uint64_t number) {
  each_word(key, life, number, bytes.size(),
            [&](std::size_t i, std::uint64_t value, std::size_t n) {
              std::memcpy(bytes.data() + i, &value, n);
            });
}

inline bool is_whole(std::span<const std::byte> bytes, std::uint64_t key, std::uint64_t life,
                     std::uint64_t number) {
  bool whole = true;
  each_word(key, life, number, bytes.size(),
            [&](std::size_t i, std::uint64_t value, std::size_t n) {
              whole = whole && std::memcmp(bytes.data() + i, &value, n) == 0;
            });
  return whole;
}

/// What a question is answered with.
struct Answer {
  std::uint64_t life;
  std::uint64_t number;
  std::uint64_t generation;
  std::uint64_t check;

  static std::uint64_t check_of(std::uint64_t key, std::uint64_t generation) {
    return mix(key + generation);
  }
};

}  // namespace soak
