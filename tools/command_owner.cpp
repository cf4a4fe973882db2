// cortado owner: prints the messages of its writers, a line each, or keeps a journal of them.
#include <cortado/journal.hpp>
#include <cortado/owner.hpp>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "command.hpp"
#include "owner_run.hpp"
#include "signals.hpp"

namespace cortado::tools {
namespace {

struct Options {
  std::string name;
  std::string directory;
  std::uint64_t ring_bytes = OwnerOptions{}.ring_bytes;
  std::uint32_t max_writers = OwnerOptions{}.max_writers;
  bool tag = false;
  bool mark_redelivered = false;
  bool until_idle = false;
  std::string output;
  std::string events;
  std::string journal;
  std::string survives = "power-loss";
};

constexpr const char* kCommand = "cortado owner";

/// A file that is appended to, "-" for standard output, or nothing.
class Target {
 public:
  Target() = default;
  ~Target() {
    if (owned_) ::close(descriptor_);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  /// False: errno says why.
  bool open(const std::string& path) {
    owned_ = path != "-";
    descriptor_ = owned_ ? ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)
                         : STDOUT_FILENO;
    owned_ = owned_ && descriptor_ >= 0;
    if (owned_) end_last_line(path);
    return descriptor_ >= 0;
  }
  int descriptor() const noexcept { return descriptor_; }

 private:
  /// An owner that was killed may have left half a line; what follows must not be joined to it.
  void end_last_line(const std::string& path) const noexcept {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
      return;
    }
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    char last = '\n';
    if (file < 0) return;  // it may be written to and not read
    if (::pread(file, &last, 1, status.st_size - 1) == 1 && last != '\n') {
      static_cast<void>(!::write(descriptor_, "\n", 1));
    }
    ::close(file);
  }

  int descriptor_ = -1;
  bool owned_ = false;
};

int cannot_open(const std::string& path) {
  const int why = errno;
  return complain(kCommand, exit_code_for_open(why),
                  "cannot open " + path + " for writing: " + std::strerror(why) +
                      "; check the path and who may write there");
}

/// For CLI11: what is wrong with a number of bytes, or nothing.
std::string check_ring(const std::string& bytes) {
  const std::uint64_t size = std::stoull(bytes);
  if (std::has_single_bit(size) && size >= 4096 && size <= std::uint64_t{2} << 30) return {};
  return bytes + " bytes are no power of two from 4K to 2G; try 256K or 4M";
}

/// Exit status for a journal that cannot be opened.
int exit_code_for_journal(Errc code) noexcept {
  return code == Errc::system ? kCannotCreate : exit_code_for(code);
}

Result<Journal> open_journal(const Options& options) {
  JournalOptions chosen;
  if (options.survives == "process-death") chosen.durability = Durability::process_death;
  return Journal::open(options.journal, chosen);
}

/// What the options say together, before anything is opened; empty: nothing is wrong.
std::string what_does_not_fit(const Options& options) {
  if (options.events == "-" && options.output.empty() && options.journal.empty()) {
    return "--events - needs --output FILE: both would go to standard output";
  }
  if (!options.journal.empty() && options.ring_bytes > std::uint64_t{512} << 20) {
    return "--journal takes messages of up to 512M: choose a smaller --ring";
  }
  return {};
}

int run_owner(const Options& options) {
  if (const std::string wrong = what_does_not_fit(options); !wrong.empty()) {
    return complain(kCommand, kUsage, wrong);
  }
  raise_descriptor_limit();
  OwnerOrders orders{options.tag, options.mark_redelivered, options.until_idle, "standard output"};
  Target output;
  if (options.journal.empty() || !options.output.empty()) {
    if (!options.output.empty()) orders.output_name = options.output;
    if (!output.open(options.output.empty() ? "-" : options.output)) {
      return cannot_open(options.output);
    }
    orders.output = output.descriptor();
  }
  Target events;
  if (!options.events.empty() && !events.open(options.events)) return cannot_open(options.events);
  orders.events = events.descriptor();
  StopSignals stop;
  if (!stop) {
    return complain(
        kCommand, kCannotCreate,
        std::string("cannot watch for signals: ") + std::strerror(errno) + "; raise `ulimit -n`");
  }
  std::optional<Journal> journal;
  if (!options.journal.empty()) {
    auto opened = open_journal(options);
    if (!opened) {
      const Error& error = opened.error();
      return complain(kCommand, exit_code_for_journal(error.code), error.text);
    }
    journal.emplace(std::move(*opened));
  }
  OwnerOptions owner_options;
  owner_options.directory = options.directory;
  owner_options.ring_bytes = options.ring_bytes;
  owner_options.max_writers = options.max_writers;
  owner_options.manual_release = true;
  auto owner = Owner::open(options.name, std::move(owner_options));
  if (!owner) return complain(kCommand, exit_code_for(owner.error().code), owner.error().text);
  return OwnerRun(orders, *owner, journal, stop).run();
}

}  // namespace

void add_owner(CLI::App& program, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* owner =
      program.add_subcommand("owner", "Own NAME: print what its writers send, or journal it");
  owner->footer(
      "Each message is a line; one that ends without a newline gets one. It is written out before "
      "the writer may forget it, so if this owner dies or cannot write, the next owner of NAME "
      "gets "
      "what is missing, and again what may have been written but not yet released.\n"
      "With --journal each message is committed to a SQLite file before the writer may forget it, "
      "and stands there exactly once, whoever is killed. While the disk is full or another program "
      "has locked the file, that is tried again every second, and the writers wait.\n"
      "Ctrl-C or SIGTERM: takes no more, writes what is there, ends with 0; twice, or while the "
      "journal cannot be written to: ends at once.\n"
      "Exit status: 0 ended in order, 1 cannot write, 64 usage, 65 the journal is damaged or of "
      "another version or application, 73 the name is taken or nothing can be created, 75 the "
      "journal is locked, 77 permission.\n\n"
      "Examples:\n"
      "  cortado owner log --output all.log\n"
      "  cortado owner log --tag --until-idle | sort\n"
      "  cortado owner log --journal log.db\n"
      "  sqlite3 log.db 'SELECT name, sequence, bytes FROM message m JOIN writer w ON w.id = "
      "m.writer ORDER BY m.id'");
  owner->add_option("NAME,--name", options->name, "1 to 64 of A-Z a-z 0-9 . _ -")
      ->type_name("")
      ->required();
  owner
      ->add_option("--directory", options->directory,
                   "Where they meet [$XDG_RUNTIME_DIR/cortado, else /tmp/cortado-UID]")
      ->type_name("DIR");
  owner
      ->add_option(
          "--ring", options->ring_bytes,
          "Size of each writer's ring, a power of two, 4K to 2G; the longest message is 16 less")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Validator(check_ring, ""))
      ->type_name("BYTES")
      ->default_str("256K");
  owner->add_option("--max-writers", options->max_writers, "Writers at one time")
      ->check(CLI::Range(1, 65536))
      ->type_name("N");
  owner->add_flag("--tag", options->tag, "Put WRITER and a tab before each line");
  owner->add_flag("--mark-redelivered", options->mark_redelivered,
                  "Put `new` or `again` and a tab before each line (behind WRITER): again = an "
                  "owner that died may have written it");
  owner
      ->add_option("--output", options->output,
                   "To append to [standard output; with --journal: nothing]")
      ->type_name("FILE");
  owner->add_option("--journal", options->journal, "The SQLite file to make messages durable in")
      ->type_name("FILE");
  owner
      ->add_option("--journal-survives", options->survives,
                   "What is in the journal survives a power-loss, or at least any process-death "
                   "(commits then do not wait for the disk)")
      ->check(CLI::IsMember({"power-loss", "process-death"}))
      ->type_name("WHAT");
  owner->add_flag("--until-idle", options->until_idle,
                  "End when a writer has joined, all have left, and all is written");
  owner
      ->add_option("--events", options->events,
                   "To append JSON events to, a line each; - is stdout")
      ->type_name("FILE");
  owner->callback([options, &status] { status = run_owner(*options); });
}

}  // namespace cortado::tools
