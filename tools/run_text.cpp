#include "run_text.hpp"

#include <algorithm>
#include <cstring>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "lab/escape.hpp"
#include "lab/wording.hpp"

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

bool has_fault(const RunResult& result) noexcept {
  return result.workload.fault.kind != modes::Fault::Kind::none;
}

/// Of a writer that did not end in order; else nothing.
std::string casualty_text(const RunResult& result, const lab::WriterResult& writer) {
  // Whose host dies is killed in the end; that is not what happened to it.
  if (writer.signal != 0 && result.outcome != Outcome::host_died) {
    return "died of " + signal_text(writer.signal);
  }
  std::string what = failure_text(writer.failure);
  if (what.empty() && !writer.has_ended && result.outcome == Outcome::finished) {
    what = "ended before its time";
  }
  return what;
}

/// One line for each writer that did not end in order.
std::string casualties(const RunResult& result) {
  std::string text;
  for (std::size_t w = 0; w < result.writers.size(); ++w) {
    const std::string what = casualty_text(result, result.writers[w]);
    if (!what.empty()) text += fmt::format("  writer {:<4} {}\n", w, what);
  }
  return text;
}

/// Of a run that is over, but not complete: who ended how.
std::string what_is_missing(const RunResult& result) {
  std::string text;
  for (std::size_t w = 0; w < result.writers.size(); ++w) {
    const std::string what = casualty_text(result, result.writers[w]);
    if (!what.empty()) text += fmt::format("{}writer {} {}", text.empty() ? "" : ", ", w, what);
  }
  if (!text.empty()) return text;
  return fmt::format("only {} of {} orders were sent", full_count(result.ledger.sent),
                     full_count(result.workload.orders));
}

std::string rate_text(const RunResult& result) {
  return short_count(result.throughput_per_s) + " orders/s";
}

}  // namespace

bool is_as_expected(const RunResult& result) noexcept {
  if (result.outcome != Outcome::finished) return false;
  if (!has_fault(result) && !result.is_complete()) return false;
  return !modes::is_safe(*result.mode) || result.ledger.is_clean();
}

std::string what_failed(const RunResult& result) {
  const std::string name(result.mode->name);
  const bool is_ring = result.mode->sharing == modes::Sharing::ring;
  const bool is_mutex = result.mode->sharing == modes::Sharing::mutex;
  std::string what = name + " failed: ";
  std::string advice;
  if (result.outcome == Outcome::hung) {
    what = name + " hung: nothing moved any more, as " +
           (is_mutex ? "who holds the lock is gone or stands still" : "somebody stands still");
    advice = is_mutex ? "take process-ring, where nobody waits for a lock, or a longer --watchdog"
                      : "look at what the machine does, or give a longer --watchdog";
  } else if (result.outcome == Outcome::host_died) {
    what += outcome_text(result);
    advice = is_ring ? "look what ended it, and run it again"
                     : "look what ended it, or take process-ring, where a writer dies alone";
  } else if (!result.is_complete() && !has_fault(result)) {
    what += what_is_missing(result);
    advice = "look what ended it, and run it again";
  } else {
    what += ledger_text(result.ledger);
    advice = "that is a defect of cortado: keep the figures of --json FILE, and report it";
  }
  return what + "; " + (has_fault(result) ? "that is what the --fault does to this mode" : advice);
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

namespace {

/// Nothing is told of the slowest in a hundred before there were a hundred.
std::string latency_text(const lab::Latency& latency) {
  const auto time = [](std::uint64_t ns) { return short_time(static_cast<double>(ns)); };
  std::string text = "50 % within " + time(latency.p50);
  if (latency.samples >= 100) text += ", 99 % " + time(latency.p99);
  if (latency.samples >= 1000) text += ", 99.9 % " + time(latency.p99_9);
  return text + fmt::format(", longest {} ({} timed)", time(latency.max),
                            lab::counted(latency.samples, "order"));
}

/// Of an open loop also what a closed one would tell, which leaves out what waits for a stall.
std::string latency_lines(const RunResult& result) {
  if (result.latency.samples() == 0) return {};
  const std::string text = latency_text(lab::latency_of(result.latency)) + "\n";
  if (result.workload.load_per_s == 0) return "  latency     " + text;
  return fmt::format("  offered     {} orders/s\n", short_count(result.workload.load_per_s)) +
         "  latency     from when each was due: " + text + "  by its send  " +
         latency_text(lab::latency_of(result.latency_from_send)) +
         ", as a closed loop tells, which does not see who waits behind a stall\n";
}

/// Nothing, where nobody waited for anybody.
std::string waiting_line(const RunResult& result) {
  std::string text;
  if (result.blocked_ns != 0) {
    text = fmt::format("{} of all writers together, about {} for an order",
                       short_time(static_cast<double>(result.blocked_ns)),
                       short_time(result.blocked_ns_per_order()));
  }
  if (const auto& depth = result.queue_depth; depth && depth->samples != 0) {
    text += fmt::format("{}queue depth {} on average, {} at most", text.empty() ? "" : "; ",
                        short_count(depth->mean), short_count(static_cast<double>(depth->max)));
  }
  return text.empty() ? text : "  blocked     " + text + "\n";
}

std::string cup_line(const RunResult& result) {
  const std::string cup = cup_text(result);
  if (!cup.empty()) {
    return fmt::format("  cup         '{}'{}\n", cup,
                       result.is_whole ? "" : ", which is none of the orders: not whole");
  }
  if (!result.has_buffer || result.is_whole) return {};
  return "  cup         what stands in the buffer is no order: not whole\n";
}

}  // namespace

std::string describe(const RunResult& result) {
  std::string text =
      fmt::format("{}, {}: {}\n", result.mode->name,
                  lab::counted(result.workload.writers, "writer"), outcome_text(result));
  text += cup_line(result);
  text += fmt::format("  ledger      {}\n", ledger_text(result.ledger));
  text += casualties(result);
  if (result.outcome != Outcome::finished) return text;
  const auto time = [](std::uint64_t ns) { return short_time(static_cast<double>(ns)); };
  text += fmt::format("  rate        {}, in {}; fairness among the writers {:.3f} of 1\n",
                      rate_text(result), time(result.wall_ns), result.fairness_jain);
  text += latency_lines(result);
  if (result.longest_stall_ns != 0 && result.workload.load_per_s == 0) {
    text +=
        fmt::format("  stalls      no writer for longer than {}\n", time(result.longest_stall_ns));
  }
  text += waiting_line(result);
  if (result.peak_memory != 0) {
    text += fmt::format("  memory      {}B at most, of all processes together\n",
                        short_count(static_cast<double>(result.peak_memory)));
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
