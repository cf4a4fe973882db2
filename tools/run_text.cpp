#include "run_text.hpp"

#include <algorithm>
#include <cstring>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "lab/compare.hpp"
#include "lab/json.hpp"

namespace cortado::tools {
namespace {

using lab::Ledger;
using lab::Outcome;
using lab::RunResult;

std::string signal_text(int signal) {
  return fmt::format("signal {} ({})", signal, ::strsignal(signal));
}

std::string outcome_text(const RunResult& result) {
  switch (result.outcome) {
    case Outcome::finished:
      return "finished";
    case Outcome::hung:
      return "hung, and was ended by the watchdog";
    case Outcome::host_died:
      return "the process with the buffer died" +
             (result.host_signal == 0 ? "" : " of " + signal_text(result.host_signal)) +
             ", and the orders in it with it";
  }
  return "unknown";
}

std::string failure_text(modes::Failure failure) {
  switch (failure) {
    case modes::Failure::none:
      return {};
    case modes::Failure::lock_broken:
      return "found the lock broken, and stopped";
    case modes::Failure::queue_broken:
      return "found its queue closed, and stopped";
  }
  return "stopped";
}

/// One line for each writer that did not end in order.
std::string casualties(const RunResult& result) {
  std::string text;
  for (std::size_t w = 0; w < result.writers.size(); ++w) {
    const lab::WriterResult& writer = result.writers[w];
    std::string what = failure_text(writer.failure);
    // Whoever hangs is killed in the end; that is not what happened to it.
    if (writer.signal != 0 && result.outcome == Outcome::finished) {
      what = "died of " + signal_text(writer.signal);
    }
    if (!what.empty()) text += fmt::format("  writer {:<4} {}\n", w, what);
  }
  return text;
}

std::string rate_text(const RunResult& result) {
  return short_count(result.throughput_per_s) + " orders/s";
}

}  // namespace

bool is_as_expected(const RunResult& result) noexcept {
  if (result.outcome != Outcome::finished) return false;
  return !lab::is_safe(*result.mode) || result.ledger.is_clean();
}

std::string what_failed(const RunResult& result) {
  const std::string name(result.mode->name);
  switch (result.outcome) {
    case Outcome::hung:
      return name + " hung: nothing moved any more" +
             (result.mode->sharing == modes::Sharing::mutex
                  ? ", as who holds the lock is gone or stands still; take process-ring, where "
                    "nobody waits for a lock, or a longer --watchdog"
                  : ", as somebody stands still; look at what the machine does, or give a longer "
                    "--watchdog");
    case Outcome::host_died:
      return name + " failed: " + outcome_text(result) +
             "; take process-ring, where a writer dies alone";
    case Outcome::finished:
      break;
  }
  const bool is_fault = result.workload.fault.kind != modes::Fault::Kind::none;
  return name + " failed: " + ledger_text(result.ledger) +
         (is_fault
              ? "; that is what the --fault does to this mode, take process-ring"
              : "; that is a defect of cortado: keep the figures of --json FILE, and report it");
}

std::string ledger_text(const Ledger& ledger) {
  struct Kind {
    std::uint64_t count;
    const char* name;
  };
  std::string text =
      fmt::format("{} sent, {} applied", full_count(ledger.sent), full_count(ledger.applied));
  for (const Kind kind :
       {Kind{ledger.rejected, "rejected (longer than the buffer)"},
        Kind{ledger.dropped, "dropped by a writer that could not go on"},
        Kind{ledger.abandoned, "abandoned by a writer that died"},
        Kind{ledger.unread, "unread when the owner died"}, Kind{ledger.redelivered, "redelivered"},
        Kind{ledger.forgotten, "forgotten with a buffer that died"}, Kind{ledger.lost, "lost"},
        Kind{ledger.duplicated, "duplicated"}, Kind{ledger.reordered, "out of order"}}) {
    if (kind.count != 0) text += fmt::format(", {} {}", full_count(kind.count), kind.name);
  }
  if (ledger.torn != 0) {
    text += fmt::format(", seen torn {}",
                        ledger.torn == 1 ? "once" : full_count(ledger.torn) + " times");
  }
  return text + (ledger.balances() ? "; it balances" : "; it does not balance");
}

std::string cup_text(const RunResult& result) {
  constexpr std::size_t kShort = 64;
  std::string cup = result.cup;
  cup.resize(cup.find_last_not_of('\0') + 1);
  std::replace(cup.begin(), cup.end(), '\0', ' ');  // letters of a shorter order's end
  if (cup.empty() || cup.size() > kShort || lab::escaped(cup) != cup) return {};
  return cup;
}

std::string describe(const RunResult& result) {
  const std::uint32_t writers = result.workload.writers;
  std::string text = fmt::format("{}, {} {}: {}\n", result.mode->name, writers,
                                 writers == 1 ? "writer" : "writers", outcome_text(result));
  const std::string cup = cup_text(result);
  if (!cup.empty()) {
    text += fmt::format("  cup         '{}'{}\n", cup,
                        result.is_whole ? "" : ", which is none of the orders: torn");
  } else if (result.has_buffer && !result.is_whole) {
    text += "  cup         what stands in the buffer is no order: torn\n";
  }
  text += fmt::format("  ledger      {}\n", ledger_text(result.ledger));
  text += casualties(result);
  if (result.outcome != Outcome::finished) return text;
  text += fmt::format("  rate        {}, in {}; fairness among the writers {:.3f} of 1\n",
                      rate_text(result), short_time(static_cast<double>(result.wall_ns)),
                      result.fairness_jain);
  const lab::Latency& latency = result.latency;
  const auto time = [](std::uint64_t ns) { return short_time(static_cast<double>(ns)); };
  if (latency.samples != 0) {
    text += fmt::format(
        "  latency     50 % within {}, 99 % {}, 99.9 % {}, longest {} ({} orders timed)\n",
        time(latency.p50), time(latency.p99), time(latency.p99_9), time(latency.max),
        full_count(latency.samples));
  }
  return text + fmt::format(
                    "  processors  {} in user space, {} in the kernel; {} context switches to "
                    "wait, {} forced\n",
                    time(result.usage.user_ns), time(result.usage.system_ns),
                    full_count(result.usage.voluntary), full_count(result.usage.involuntary));
}

std::string describe_briefly(const RunResult& result) {
  const std::string cup = cup_text(result);
  return fmt::format("{}{}, {}{}", outcome_text(result),
                     result.outcome == Outcome::finished ? ", " + rate_text(result) : "",
                     ledger_text(result.ledger), cup.empty() ? "" : "; cup '" + cup + "'");
}

}  // namespace cortado::tools
