#include "explanation.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "cells.hpp"
#include "lab/interval.hpp"
#include "lab/wording.hpp"

namespace cortado::tools {
namespace {

using lab::counted;
using lab::Outcome;
using lab::percent;
using lab::RunResult;
using modes::Isolation;
using modes::Sharing;

constexpr std::size_t kIndent = 11;

std::string line(const char* label, const std::string& text) {
  return wrapped(std::string("  ") + label, text, kIndent);
}

std::string at(std::uint64_t address) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "at 0x%llx", static_cast<unsigned long long>(address));
  return text.data();
}

std::string pid(std::uint32_t number) {
  return "pid " + std::to_string(number);
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? "signal " + std::to_string(number) : std::string("SIG") + name;
}

/// Each writer process that has the buffer, and where.
std::string addresses_of_writers(const RunResult& result) {
  std::string lines;
  for (std::uint32_t w = 0; w < result.writers.size(); ++w) {
    const auto& writer = result.writers[w];
    if (writer.buffer_address == 0) continue;
    lines += line("", Cast::name(w) + ", " + pid(writer.pid) + ", " + at(writer.buffer_address));
  }
  return lines;
}

std::string where_in_a_process_of_threads(const RunResult& result) {
  const std::string place = pid(result.host_pid) + ", " + at(result.buffer_address);
  const std::string threads =
      result.writers.size() == 1
          ? "the one writer is a thread"
          : "all " + std::to_string(result.writers.size()) + " writers are threads";
  if (result.mode->sharing == Sharing::ring) {
    return "with its owner, a thread in " + place + "; " + threads +
           " of the same process, so a stray pointer of theirs could still reach it";
  }
  return "in one process, " + place + "; " + threads + " in it, and have it there";
}

std::string where_with_an_owner_process(const RunResult& result) {
  std::string pids;
  bool has_it = false;
  for (const auto& writer : result.writers) {
    pids += (pids.empty() ? "" : ", ") + std::to_string(writer.pid);
    has_it = has_it || writer.buffer_address != 0;
  }
  const bool is_one = result.writers.size() == 1;
  const std::string writers = (is_one ? "the writer (pid " : "the writers (pids ") + pids + ")";
  return "in the owner's process, " + pid(result.host_pid) + ", " + at(result.buffer_address) +
         (has_it ? "; not alone: some writers have it, too"
                 : ", alone; " + writers + (is_one ? " has" : " have") + " it nowhere");
}

std::string why_it_broke_off(const RunResult& result) {
  if (result.outcome == Outcome::hung) return "Nothing moved any more, and the run was ended.";
  return "The process with the buffer ended before its time" +
         (result.host_signal == 0 ? std::string() : ", by " + signal_name(result.host_signal)) +
         ".";
}

std::string why_a_race_is_garbled(const modes::Mode& mode) {
  if (mode.isolation == Isolation::thread) {
    return "Every letter goes straight into the buffer, and nothing makes one writer wait for "
           "another: a cell keeps the letter of whoever came last.";
  }
  return "Processes of their own do not help by themselves: they map the same memory, so they "
         "write over each other just as threads do.";
}

std::string why_a_race_is_not(const Cast& cast) {
  std::uint32_t fitting = 0;
  for (std::uint32_t w = 0; w < cast.orders.size(); ++w) fitting += cast.fits(w) ? 1 : 0;
  if (fitting < 2) {
    return counted(fitting, "order") + " to be written: there was nobody to race with.";
  }
  return "The letters that came last happen to make an order. That is chance: nothing makes one "
         "writer wait for another.";
}

std::string why_it_is_whole(const modes::Mode& mode, const std::string& last) {
  const bool is_thread = mode.isolation == Isolation::thread;
  if (mode.sharing == Sharing::mutex) {
    return is_thread
               ? "Whoever has the lock spells to the end before the next one begins: " + last +
                     " had it last. It helps as long as every writer takes it."
               : "One lock, in the segment beside the buffer: " + last +
                     " had it last. It helps as long as every writer takes it, and none "
                     "dies while it has it.";
  }
  return is_thread ? "Nobody waits for a lock: each sends its order through a ring of its own, and "
                     "the owner alone writes, one order after the other, " +
                         last + "'s last."
                   : "Whole orders come as messages, and the kernel keeps everybody but the owner "
                     "away from "
                     "the buffer: a writer that crashes or runs wild can spoil no order but its "
                     "own. " +
                         last + "'s came last.";
}

}  // namespace

std::string phrase_of(const modes::Mode& mode) {
  const bool is_thread = mode.isolation == Isolation::thread;
  switch (mode.sharing) {
    case Sharing::race:
      return is_thread ? "threads that all write into one buffer as they please"
                       : "processes that all write into one shared buffer as they please";
    case Sharing::mutex:
      return is_thread ? "threads that lock the buffer while they write"
                       : "processes that lock the shared buffer while they write";
    case Sharing::ring:
      return is_thread ? "threads that send messages to the one thread that writes, its owner"
                       : "processes that send messages to the one process that has the buffer";
    case Sharing::none:
      return "one thread that writes all orders, one after the other";
  }
  return {};
}

std::string where_it_was(const RunResult& result) {
  if (result.mode->isolation == Isolation::thread) {
    return line("where", where_in_a_process_of_threads(result));
  }
  if (result.mode->sharing == Sharing::ring) {
    return line("where", where_with_an_owner_process(result)) + addresses_of_writers(result);
  }
  const std::size_t count = result.writers.size();
  const std::string who = count == 1 ? "the one writer process maps:"
                                     : "all " + std::to_string(count) +
                                           " writer processes map, each at its own address:";
  return line("where", "in a segment that " + who) + addresses_of_writers(result);
}

std::string who_reached_for_it(const RunResult& result) {
  if (result.intruder_pid == 0) return {};
  const std::string who = "a process, " + pid(result.intruder_pid) + ", that reads at this address";
  if (result.intruder_found) {
    return line("intruder", who + ": it has something mapped there, which should not be");
  }
  const auto finished = std::count_if(
      result.writers.begin(), result.writers.end(), [](const lab::WriterResult& writer) {
        return writer.signal == 0 && writer.failure == modes::Failure::none;
      });
  const std::size_t count = result.writers.size();
  const std::string others =
      static_cast<std::size_t>(finished) == count
          ? (count == 1 ? "the writer" : "all " + std::to_string(count) + " writers") +
                std::string(" finished, unharmed")
          : std::to_string(finished) + " of " + counted(count, "writer") + " finished";
  const std::string end = result.intruder_signal == 0
                              ? "and it was not ended by a signal, which should not be"
                              : "so the kernel ended it by " + signal_name(result.intruder_signal);
  return line("intruder",
              who + " all the same: its own memory map has nothing there, " + end + "; " + others);
}

std::string why_so(const RunResult& result, const Cast& cast) {
  if (result.outcome != Outcome::finished) return line("why", why_it_broke_off(result));
  const Cup cup = cup_of(result, cast);
  if (cup.kind == Cup::Kind::blank) {
    return line("why", "No order fits into the buffer, so none of its letters was written.");
  }
  const modes::Mode& mode = *result.mode;
  const bool is_garbled = cup.kind == Cup::Kind::garbled;
  if (mode.sharing == Sharing::race) {
    return line("why", is_garbled ? why_a_race_is_garbled(mode) : why_a_race_is_not(cast));
  }
  if (cup.kind != Cup::Kind::whole) {
    return line("why", "Nobody knows: this mode should leave a whole order.");
  }
  return line("why", why_it_is_whole(mode, Cast::name(cup.writer)));
}

std::string ledger_of(const RunResult& result) {
  const lab::Ledger& ledger = result.ledger;
  std::string text = "sent " + std::to_string(ledger.sent) + ": applied " +
                     std::to_string(ledger.applied) + ", rejected " +
                     std::to_string(ledger.rejected);
  const auto add = [&text](const char* what, std::uint64_t n) {
    if (n != 0) text += std::string(", ") + what + " " + std::to_string(n);
  };
  add("dropped", ledger.dropped);
  add("abandoned", ledger.abandoned);
  add("unread", ledger.unread);
  text += "; torn " + std::to_string(ledger.torn) + ", lost " + std::to_string(ledger.lost);
  return line("ledger", text);
}

std::string rate_of(const modes::Mode& mode, const Tally& tally) {
  std::string text =
      "garbled in " + std::to_string(tally.garbled) + " of " + counted(tally.runs, "run") + ": ";
  if (mode.sharing != Sharing::race && tally.garbled == 0) {
    text += "with 95 % confidence at most " + percent(lab::upper_bound_of(0, tally.runs)) +
            " of all runs";
  } else {
    const lab::Interval interval = lab::interval_of(tally.garbled, tally.runs);
    text += "between " + percent(interval.lower) + " and " + percent(interval.upper) +
            " of all runs, with 95 % confidence";
  }
  return line("rate", text);
}

}  // namespace cortado::tools
