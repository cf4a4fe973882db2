// judge DIRECTORY WRITERS BATCH [--state]: looks only at the files that writers and handler left.
//
// Per writer: everything that send said `sent` for arrived; what arrived is a prefix of what it
// started to send; in order; byte for byte; a repeat only if it is flagged, and for each death of
// an owner at most BATCH: what it may have in hand of a lane. One line of figures on stdout; exit
// status 0 if nothing is wrong.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "records.hpp"

namespace {

using namespace process_test;

struct Verdict {
  std::uint64_t lost = 0, torn = 0, reordered = 0, doubled = 0, phantom = 0, repeats = 0,
                most_repeats = 0, wrong_state = 0;

  bool good() const { return lost + torn + reordered + doubled + phantom + wrong_state == 0; }
};

struct Seen {
  std::uint64_t next = 0;  ///< sequence that must come unless something is repeated
  std::uint64_t repeating = 0;
  std::uint32_t generation = 0;
};

void judge_entry(const Entry& entry, const WriterRecord& writer, Seen& seen, Verdict& verdict,
                 std::uint64_t batch, std::vector<std::byte>& bytes) {
  if (entry.sequence >= writer.started.load()) ++verdict.phantom;
  if (entry.length != writer.length || entry.stamped != entry.sequence) {
    ++verdict.torn;
  } else {
    bytes.resize(writer.length);
    make_message(writer.seed, writer.writer, entry.sequence, bytes);
    if (digest_of(bytes) != entry.digest) ++verdict.torn;
  }
  if (entry.generation != seen.generation) {
    // A new owner may begin with what the last one had in hand.
    seen.generation = entry.generation;
    if (entry.sequence < seen.next) {
      const std::uint64_t repeats = seen.next - entry.sequence;
      verdict.repeats += repeats;
      verdict.most_repeats = std::max(verdict.most_repeats, repeats);
      if (repeats > batch) ++verdict.doubled;
      seen.repeating = seen.next;
      seen.next = entry.sequence;
    }
  }
  if (entry.sequence != seen.next) {
    ++(entry.sequence < seen.next ? verdict.doubled : verdict.reordered);
  }
  if (entry.sequence < seen.repeating && entry.redelivered == 0) ++verdict.doubled;
  seen.next = entry.sequence + 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "judge: usage: judge DIRECTORY WRITERS BATCH [--state]\n");
    return 64;
  }
  const std::string directory = argv[1];
  const auto writers = static_cast<std::uint32_t>(std::stoul(argv[2]));
  const std::uint64_t batch = std::stoull(argv[3]);
  const bool judge_state = argc > 4;

  struct stat status {};
  if (::stat(handler_file(directory).c_str(), &status) != 0) {
    std::fprintf(stderr, "judge: no handler file in %s\n", directory.c_str());
    return 65;
  }
  MappedFile<HandlerRecord> handler(handler_file(directory),
                                    static_cast<std::size_t>(status.st_size));
  std::vector<Seen> seen(writers);
  Verdict verdict;
  std::vector<std::byte> bytes;
  const std::uint64_t count = handler->count.load();
  std::vector<const WriterRecord*> records;
  std::vector<std::unique_ptr<MappedFile<WriterRecord>>> files;
  for (std::uint32_t i = 0; i < writers; ++i) {
    files.push_back(std::make_unique<MappedFile<WriterRecord>>(writer_file(directory, i),
                                                               sizeof(WriterRecord)));
    records.push_back(&**files.back());
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const Entry& entry = handler->entries[i];
    if (entry.writer >= writers) {
      ++verdict.phantom;
    } else {
      judge_entry(entry, *records[entry.writer], seen[entry.writer], verdict, batch, bytes);
    }
  }
  std::uint64_t sent = 0;
  for (std::uint32_t i = 0; i < writers; ++i) {
    const WriterRecord& record = *records[i];
    sent += record.sent.load();
    if (record.excused == 0 && seen[i].next < record.sent.load())
      verdict.lost += record.sent.load() - seen[i].next;
  }
  if (judge_state) {
    MappedFile<Tally> tally(tally_file(directory), sizeof(Tally));
    for (std::uint32_t i = 0; i < writers; ++i) {
      std::uint64_t chain = 0;
      for (std::uint64_t n = 0; n < seen[i].next; ++n) {
        bytes.resize(records[i]->length);
        make_message(records[i]->seed, i, n, bytes);
        chain = mix(chain ^ digest_of(bytes));
      }
      if (tally->count[i] != seen[i].next || tally->chain[i] != chain) ++verdict.wrong_state;
    }
  }
  std::printf(
      "sent %llu handled %llu owners %u lost %llu torn %llu reordered %llu doubled %llu phantom "
      "%llu "
      "repeats %llu most_repeats %llu wrong_state %llu\n",
      static_cast<unsigned long long>(sent), static_cast<unsigned long long>(count),
      handler->generations.load(), static_cast<unsigned long long>(verdict.lost),
      static_cast<unsigned long long>(verdict.torn),
      static_cast<unsigned long long>(verdict.reordered),
      static_cast<unsigned long long>(verdict.doubled),
      static_cast<unsigned long long>(verdict.phantom),
      static_cast<unsigned long long>(verdict.repeats),
      static_cast<unsigned long long>(verdict.most_repeats),
      static_cast<unsigned long long>(verdict.wrong_state));
  return verdict.good() ? 0 : 1;
}
