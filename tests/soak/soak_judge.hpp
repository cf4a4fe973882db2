// The judge of a soak: adds up, at a rest, what writers said that they sent and what the handler
// wrote down, life by life, and what the kept state contains. It sees only the files.
//
// At a rest no life goes on and nothing is under way, so for each life
//   sent <= high <= started          (what is missing of an excepted life is `excepted`, not lost)
// and the kept state contains exactly the messages below `high`, each once, in order.
#pragma once

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "life.hpp"

namespace soak {

struct Verdict {
  std::uint64_t lives = 0;           ///< that sent something
  std::uint64_t messages = 0;        ///< that came, each counted once
  std::uint64_t lost = 0;            ///< said to be sent, and did not come
  std::uint64_t excepted = 0;        ///< the same, of lives whose loss is documented
  std::uint64_t excepted_lives = 0;  ///< that lost any
  std::uint64_t unsent = 0;          ///< came, and nobody had begun to send it
  std::uint64_t wrong_state = 0;     ///< accounts of the kept state that are not as they must be
};

class Judge {
 public:
  Judge(const Files& files, bool kept) : files_(files), kept_(kept) {}

  const Verdict& verdict() const { return verdict_; }

  /// At a rest: judges every life of the table, then clears the table for the next ones.
  void judge() {
    Control& control = *files_.control;
    const std::uint64_t first = control.first_life.load();
    const std::uint64_t used = control.used.load();
    for (std::uint64_t number = first; number < first + used; ++number) judge_life(number);
    if (kept_) judge_state();
    for (std::uint64_t i = 0; i < used; ++i) {
      (*files_.lives)[i].~Life();
      new (&(*files_.lives)[i]) Life{};
      files_.book->records[i].high.store(0);
      files_.book->records[i].asked_in.store(0);
      files_.book->records[i].at.store(0);
    }
    control.used.store(0);
    control.first_life.store(first + used);
  }

  /// Nothing is wrong. What is, is in `why`.
  bool good(std::string& why) const {
    const Control& control = *files_.control;
    for (std::size_t i = 0; i < kWrongs; ++i) {
      add(why, kWrongNames[i], control.wrong[i].load());
    }
    add(why, "lost", verdict_.lost);
    add(why, "unsent", verdict_.unsent);
    add(why, "wrong_state", verdict_.wrong_state);
    return why.empty();
  }

 private:
  static void add(std::string& why, const char* name, std::uint64_t count) {
    if (count != 0) why += std::string(name) + " " + std::to_string(count) + " ";
  }

  void judge_life(std::uint64_t number) {
    const Life& life = *files_.life(number);
    const std::uint64_t high = files_.record(number).high.load();
    const std::uint64_t sent = life.sent.load();
    verdict_.messages += high;
    if (sent != 0 || high != 0) ++verdict_.lives;
    if (high > life.started.load()) ++verdict_.unsent;
    if (high < sent && life.excepted.load() != 0) {
      verdict_.excepted += sent - high;
      ++verdict_.excepted_lives;
    } else if (high < sent) {
      verdict_.lost += sent - high;
      if (++told_ <= 20) {
        std::fprintf(stderr,
                     "soak: lost: life %" PRIu64 " of slot %u sent %" PRIu64 ", %" PRIu64
                     " came; %s\n",
                     number, life.slot.load(), sent, high,
                     life.ended.load() != 0 ? "it left in order" : "it was killed");
      }
    }
    if (high == 0) return;
    Tally::Account& account = expected_.accounts[life.slot.load()];
    expected_.fold(account);
    account = {number, high, 0};
    for (std::uint64_t i = 0; i < high; ++i) account.chain = Tally::link(account.chain, number, i);
  }

  void judge_state() {
    const Tally& tally = *files_.tally;
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      const Tally::Account& is = tally.accounts[slot];
      const Tally::Account& should = expected_.accounts[slot];
      if (is.life == should.life && is.count == should.count && is.chain == should.chain) continue;
      ++verdict_.wrong_state;
      std::fprintf(stderr,
                   "soak: state: slot %u has life %" PRIu64 ", %" PRIu64
                   " messages; should have %" PRIu64 ", %" PRIu64 "\n",
                   slot, is.life, is.count, should.life, should.count);
    }
    const bool same = tally.ended_lives == expected_.ended_lives &&
                      tally.ended_messages == expected_.ended_messages &&
                      tally.ended_digest == expected_.ended_digest;
    if (same) return;
    ++verdict_.wrong_state;
    std::fprintf(stderr,
                 "soak: state: %" PRIu64 " lives of %" PRIu64 " messages ended; should be %" PRIu64
                 ", %" PRIu64 "\n",
                 tally.ended_lives, tally.ended_messages, expected_.ended_lives,
                 expected_.ended_messages);
  }

  const Files& files_;
  bool kept_;
  Verdict verdict_;
  Tally expected_{};
  unsigned told_ = 0;
};

}  // namespace soak
