// What the words of a report mean, for who has not read anything else.
#include <algorithm>
#include <array>
#include <string_view>

#include "lab/report/report.hpp"

namespace cortado::lab {
namespace {

struct Term {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::array kModes{
    Term{"thread-race",
         "Threads that all write into one buffer as they please. Wrong, and there to "
         "show what comes of it."},
    Term{"thread-mutex", "Threads, and a lock (std::mutex) around the buffer."},
    Term{"thread-ring",
         "Threads, and one thread more, the owner, which has the buffer. Each writer "
         "sends it orders through a ring, a queue in memory for these two alone."},
    Term{"process-race", "As thread-race, by processes that share the buffer's memory."},
    Term{"process-mutex",
         "Processes that share the buffer's memory, and a lock in it (Boost's "
         "interprocess_mutex)."},
    Term{"process-ring",
         "Processes, and one process more, the owner, which has the buffer. Each "
         "writer sends it orders through a ring in memory that these two share. "
         "Nobody else can reach the buffer."},
    Term{"thread-alone",
         "One thread that does all the work and shares with nobody: the most that "
         "one thread can do, which the others are held against."},
    Term{"process-robust-mutex",
         "As process-mutex, with a lock (POSIX, robust) that the kernel "
         "hands to the next when who holds it dies."},
    Term{"process-message-queue",
         "Processes that send to an owner through one queue for all "
         "(Boost's message_queue), which has a lock inside."},
    Term{"process-pipe", "Processes that send to an owner, each through a pipe of its own."},
};

constexpr std::array kWords{
    Term{"order", "What a writer wants done to the buffer: the bytes that are to stand there."},
    Term{"work on each order",
         "Time that whoever may write spends on the state for each order, "
         "beyond writing it: while it holds the lock, or in the owner."},
    Term{"point",
         "One mode, with one number of writers, one amount of work, one length of the "
         "orders and one load."},
    Term{"interval",
         "How far the median of the runs can be believed: where it lies with 95 % "
         "confidence by the percentile bootstrap. Of five runs that is from the lowest "
         "to the highest, which has the true median in it 94 times of 100. Below five "
         "runs it is their range, and says less."},
    Term{"spread", "From the lowest run to the highest, as a part of the median."},
    Term{"simplest",
         "Of modes whose intervals overlap: a lock in one process before an owner "
         "among threads, that before an owner among processes, that before a lock in "
         "shared memory, which has to be set up and can be left locked."},
    Term{"closed loop", "A writer hands over its next order as soon as it may."},
    Term{"offered load, capacity",
         "Orders that are due at fixed times, however the ones before "
         "fare. The capacity of a mode is its rate in a closed loop; what "
         "is offered beyond it can only be late."},
    Term{"p50, p99, p99.9", "Half of the orders, 99 or 99.9 of 100, took no longer than that."},
    Term{"more runners than processors",
         "Writers, and an owner where there is one, that want to "
         "run at the same time and cannot: they take turns, and "
         "the scheduler is measured, too."},
    Term{"torn", "What stood in the buffer was not one whole order, or not the one that was sent."},
    Term{"lost, duplicated, reordered",
         "Taken from its writer, yet missing or overwritten by "
         "another; applied twice; applied behind a later one of the "
         "same writer."},
    Term{"dropped, abandoned",
         "Given up half way by its writer, which told so; of a writer that "
         "ended before it knew what became of it."},
    Term{"unread, forgotten",
         "Sent to an owner that ended before it read it; applied, to a buffer "
         "that ended with its process. In process-ring the next owner goes on "
         "with all that was sent, and begins with an empty buffer, as nothing "
         "of it was kept: a kept state or a journal would keep it."},
    Term{"hung: refused, waits for ever",
         "The lock reports that it is broken to everybody who "
         "wants it; or nothing ever comes back."},
};

bool is_in(const Study& study, std::string_view mode) {
  const auto has = [&](const std::vector<std::string>& modes) {
    return std::find(modes.begin(), modes.end(), mode) != modes.end();
  };
  return std::any_of(study.comparisons.begin(), study.comparisons.end(),
                     [&](const StudyComparison& comparison) { return has(comparison.modes()); }) ||
         std::any_of(study.faults.begin(), study.faults.end(),
                     [&](const StudyFaults& faults) { return has(faults.modes); });
}

ReportFigure list_of(const char* title, const char* says, const char* head) {
  return {title, says, std::nullopt, {{head, "is"}, {}}};
}

void put(ReportFigure& list, const Term& term) {
  list.table.rows.push_back({{std::string(term.name)}, {std::string(term.meaning)}});
}

}  // namespace

void add_terms(ReportSection& section, const Study& study) {
  ReportFigure modes = list_of("The modes", "Who the writers are, and how they share.", "mode");
  for (const Term& mode : kModes) {
    if (is_in(study, mode.name)) put(modes, mode);
  }
  section.figures.push_back(std::move(modes));
  ReportFigure words = list_of("The words", "As they are used on this page.", "word");
  for (const Term& word : kWords) put(words, word);
  section.figures.push_back(std::move(words));
}

}  // namespace cortado::lab
