#include "lab/fate.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace cortado::lab {
namespace {

using Kind = modes::Fault::Kind;

/// It happened to this writer; whether that one gets on says nothing about the others.
bool is_victim(const RunResult& result, const WriterResult& writer) noexcept {
  const modes::Fault& fault = result.workload.fault;
  return fault.kind != Kind::none && fault.kind != Kind::owner_killed &&
         &writer == &result.writers[fault.writer];
}

bool got_on(const WriterResult& writer) noexcept {
  return writer.has_ended && writer.failure == modes::Failure::none && writer.behind_gate_ns != 0;
}

bool is_harmed(const Ledger& ledger) noexcept {
  return ledger.torn + ledger.lost + ledger.duplicated + ledger.reordered != 0;
}

struct Row {
  std::string_view mode;
  std::array<std::optional<Fate>, 8> fates;  ///< in the order of kColumns
};

constexpr std::array kColumns{Kind::none,    Kind::thrown,    Kind::crashed, Kind::killed,
                              Kind::stopped, Kind::scribbled, Kind::slow,    Kind::owner_killed};

constexpr auto kIntact = Fate::intact;
constexpr auto kGarbled = Fate::garbled;
constexpr auto kHung = Fate::hung;
constexpr auto kDead = Fate::all_dead;
constexpr std::nullopt_t kNobody = std::nullopt;

// A race garbles whatever happens. A thread that ends by a signal ends its process. A lock is not
// given back by whoever is killed or stands still, and is by whoever throws, with half an order
// behind it. Whoever has the buffer's address in its own memory can write there. A ring holds
// nothing, and an owner that is a process of its own can have a successor. A queue with a lock in
// it hangs as a lock does, with everybody who ends or stands still in a send: who reaches for the
// buffer that he does not have ends, too. It keeps no half of an order that its writer gave up, and
// an owner that ends leaves nobody who reads it. A robust lock goes on to the next when its holder
// ends, who finds half an order and knows it; of one who stands still it knows nothing. A pipe
// keeps the half of an order that its writer gave up, and takes the next one for the rest of it.
constexpr std::array kTheory{
    //                    nothing   throws    segfault  killed    stopped   scribbles  slow owner
    Row{"thread-race", {kGarbled, kGarbled, kDead, kDead, kGarbled, kGarbled, kGarbled, kNobody}},
    Row{"thread-mutex", {kIntact, kGarbled, kDead, kDead, kHung, kGarbled, kIntact, kNobody}},
    Row{"thread-ring", {kIntact, kIntact, kDead, kDead, kIntact, kGarbled, kIntact, kDead}},
    Row{"process-race",
        {kGarbled, kGarbled, kGarbled, kGarbled, kGarbled, kGarbled, kGarbled, kNobody}},
    Row{"process-mutex", {kIntact, kGarbled, kHung, kHung, kHung, kGarbled, kIntact, kNobody}},
    Row{"process-ring", {kIntact, kIntact, kIntact, kIntact, kIntact, kIntact, kIntact, kIntact}},
    Row{"process-robust-mutex",
        {kIntact, kGarbled, kIntact, kIntact, kHung, kGarbled, kIntact, kNobody}},
    Row{"process-message-queue", {kIntact, kIntact, kHung, kHung, kHung, kHung, kIntact, kDead}},
    Row{"process-pipe", {kIntact, kGarbled, kIntact, kIntact, kIntact, kIntact, kIntact, kDead}},
};

}  // namespace

const char* to_string(Fate fate) noexcept {
  switch (fate) {
    case Fate::intact:
      return "intact";
    case Fate::garbled:
      return "garbled";
    case Fate::hung:
      return "hung";
    case Fate::all_dead:
      return "all dead";
  }
  return "unknown";
}

Fate fate_of(const RunResult& result) noexcept {
  if (result.outcome == Outcome::host_died) return Fate::all_dead;
  const bool all_got_on = std::all_of(
      result.writers.begin(), result.writers.end(),
      [&](const WriterResult& writer) { return is_victim(result, writer) || got_on(writer); });
  if (result.outcome == Outcome::hung || !all_got_on) return Fate::hung;
  return is_harmed(result.ledger) ? Fate::garbled : Fate::intact;
}

bool is_refused(const RunResult& result) noexcept {
  return std::any_of(result.writers.begin(), result.writers.end(), [](const WriterResult& writer) {
    return writer.failure != modes::Failure::none;
  });
}

std::optional<Fate> theory_of(const modes::Mode& mode, modes::Fault::Kind fault) noexcept {
  const auto row = std::find_if(kTheory.begin(), kTheory.end(),
                                [&](const Row& candidate) { return candidate.mode == mode.name; });
  const auto column = std::find(kColumns.begin(), kColumns.end(), fault);
  if (row == kTheory.end() || column == kColumns.end()) return std::nullopt;
  return row->fates[static_cast<std::size_t>(column - kColumns.begin())];
}

}  // namespace cortado::lab
