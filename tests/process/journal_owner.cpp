// An owner that keeps a journal, as a program of its own.
//
//   journal_owner NAME DIRECTORY [power-loss]      the journal is DIRECTORY/journal.db; ends on
//                                                  SIGTERM
//
// It counts in the handler's file what it applies (the new messages), so that others can tell how
// far it is. What is judged stands in the journal alone.
#include <cortado/journal.hpp>
#include <cortado/owner.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "records.hpp"

namespace {

using namespace std::chrono_literals;
using namespace process_test;

volatile std::sig_atomic_t stopping = 0;

int fail(const cortado::Error& error) {
  std::fprintf(stderr, "journal_owner: %s\n", error.text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "journal_owner: usage: journal_owner NAME DIRECTORY [power-loss]\n");
    return 64;
  }
  const std::string name = argv[1];
  const std::string directory = argv[2];
  std::signal(SIGTERM, [](int) { stopping = 1; });
  MappedFile<HandlerRecord> file(handler_file(directory), handler_bytes(1));
  cortado::JournalOptions journal_options;
  if (argc == 3) journal_options.durability = cortado::Durability::process_death;
  auto journal = cortado::Journal::open(directory + "/journal.db", journal_options);
  if (!journal) return fail(journal.error());
  cortado::OwnerOptions options;
  options.directory = directory;
  options.manual_release = true;
  auto owner = cortado::Owner::open(name, options);
  if (!owner) return fail(owner.error());
  file->generations.fetch_add(1);
  file->pid.store(static_cast<std::uint32_t>(::getpid()));
  while (stopping == 0) {
    const auto drained =
        journal->drain(*owner, [&](const cortado::Message&) { file->count.fetch_add(1); });
    if (!drained) return fail(drained.error());
    if (*drained == 0) owner->wait(50ms);
  }
  return 0;
}
