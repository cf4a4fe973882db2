// cortado owner: prints the messages of its writers, a line each.
//
// What is printed is written out before it is released: a writer keeps each message until then.
#include <cortado/owner.hpp>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "command.hpp"
#include "lines.hpp"
#include "progress.hpp"
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
    return descriptor_ >= 0;
  }
  int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_ = -1;
  bool owned_ = false;
};

int cannot_open(const std::string& path) {
  const int why = errno;
  return complain(kCommand, exit_code_for_open(why),
                  "cannot open " + path + " for writing: " + std::strerror(why) +
                      "; check the path and who may write there");
}

nlohmann::ordered_json to_json(const Event& event) {
  switch (event.kind) {
    case Event::Kind::joined:
    case Event::Kind::adopted:
      return {{"event", event.kind == Event::Kind::joined ? "joined" : "adopted"},
              {"writer", event.writer},
              {"pid", event.pid},
              {"uid", event.uid}};
    case Event::Kind::left: {
      nlohmann::ordered_json json{{"event", "left"},
                                  {"writer", event.writer},
                                  {"pid", event.pid},
                                  {"how", to_string(event.how)},
                                  {"messages", event.delivered}};
      if (!event.reason.empty()) json["reason"] = event.reason;
      return json;
    }
    case Event::Kind::keeper_lost:
      break;
  }
  return {{"event", "keeper_lost"}};
}

void log_event(const Event& event) {
  const std::string writer = printable(event.writer);
  switch (event.kind) {
    case Event::Kind::joined:
      return spdlog::info("writer '{}' (pid {}) joined", writer, event.pid);
    case Event::Kind::adopted:
      return spdlog::info("writer '{}' (pid {}) taken over", writer, event.pid);
    case Event::Kind::left:
      return spdlog::log(event.how == Left::closed ? spdlog::level::info : spdlog::level::warn,
                         "writer '{}' (pid {}) left: {} after {} messages{}{}", writer, event.pid,
                         to_string(event.how), event.delivered, event.reason.empty() ? "" : ": ",
                         printable(event.reason));
    case Event::Kind::keeper_lost:
      return spdlog::warn("the launcher is gone: should this owner die, no next one takes over");
  }
}

/// One run of the command.
class Printing {
 public:
  Printing(const Options& options, Owner& owner, StopSignals& stop, int output, int events)
      : options_(options),
        owner_(owner),
        stop_(stop),
        output_(output),
        events_(events),
        has_events_(events >= 0),
        progress_("messages", ::isatty(output) == 0) {}

  int run() {
    tell({{"event", "opened"},
          {"name", owner_.name()},
          {"pid", ::getpid()},
          {"generation", owner_.generation()}});
    for (;;) {
      const std::size_t taken = owner_.drain([this](const Message& message) { print(message); });
      if (const int status = write_out(); status != kOk) return status;
      report();
      applied_ += taken;
      progress_.show(applied_);
      if (taken == 0 && finished()) break;
      wait(taken == 0);
    }
    tell({{"event", "closed"},
          {"messages", applied_},
          {"redelivered", redelivered_},
          {"forgotten", owner_.forgotten()}});
    return kOk;
  }

 private:
  void print(const Message& message) {
    if (options_.tag) output_.add_column(message.writer());
    if (options_.mark_redelivered) output_.add_column(message.redelivered() ? "again" : "new");
    output_.add(message.text());
    redelivered_ += message.redelivered() ? 1 : 0;
  }

  /// What was printed leaves this process, then the writers may forget it.
  int write_out() {
    if (output_.empty()) return kOk;
    const LineWriter::Written written = output_.write_out(stop_);
    const int why = errno;
    if (written == LineWriter::Written::all) {
      owner_.release_all();
      return kOk;
    }
    progress_.clear();
    const std::string where = options_.output.empty() ? "standard output" : options_.output;
    const std::string reason =
        written == LineWriter::Written::failed ? std::strerror(why) : "stopped by a second signal";
    return complain(kCommand, kFailed,
                    "cannot write messages to " + where + ": " + reason +
                        "; the writers keep what was not written: start an owner of '" +
                        owner_.name() + "' that can");
  }

  void report() {
    while (const auto event = owner_.next_event()) {
      progress_.clear();
      had_writer_ = had_writer_ || event->kind != Event::Kind::keeper_lost;
      log_event(*event);
      tell(to_json(*event));
    }
  }

  void tell(const nlohmann::ordered_json& json) {
    if (!has_events_) return;
    // A writer's name need not be UTF-8.
    events_.add(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (events_.write_out(stop_) == LineWriter::Written::all) return;
    spdlog::warn("cannot write events: {}; none will follow", std::strerror(errno));
    has_events_ = false;
  }

  /// Nothing was there in the last turn. True: end.
  bool finished() {
    if (closing_) return owner_.drained();
    return options_.until_idle && had_writer_ && owner_.writers() == 0;
  }

  /// Until there is something to do; if not idle there is, and only signals are looked at.
  void wait(bool idle) {
    constexpr int kShowAgain = 200;  // milliseconds
    std::array<pollfd, 2> ready{{{owner_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(),
           !idle || closing_    ? 0
           : progress_.active() ? kShowAgain
                                : -1);
    if (stop_.count() > 0 && !closing_) {
      closing_ = true;
      owner_.close();
      tell({{"event", "closing"}});
    }
  }

  const Options& options_;
  Owner& owner_;
  StopSignals& stop_;
  LineWriter output_;
  LineWriter events_;
  bool has_events_;
  Progress progress_;
  std::uint64_t applied_ = 0;
  std::uint64_t redelivered_ = 0;
  bool had_writer_ = false;
  bool closing_ = false;
};

/// For CLI11: what is wrong with a number of bytes, or nothing.
std::string check_ring(const std::string& bytes) {
  const std::uint64_t size = std::stoull(bytes);
  if (std::has_single_bit(size) && size >= 4096 && size <= std::uint64_t{2} << 30) return {};
  return bytes + " bytes are no power of two from 4K to 2G; try 256K or 4M";
}

int run_owner(const Options& options) {
  if (options.events == "-" && options.output.empty()) {
    return complain(kCommand, kUsage,
                    "--events - needs --output FILE: both would go to standard output");
  }
  raise_descriptor_limit();
  Target output;
  if (!output.open(options.output.empty() ? "-" : options.output)) {
    return cannot_open(options.output);
  }
  Target events;
  if (!options.events.empty() && !events.open(options.events)) return cannot_open(options.events);
  StopSignals stop;
  if (!stop) {
    return complain(
        kCommand, kCannotCreate,
        std::string("cannot watch for signals: ") + std::strerror(errno) + "; raise `ulimit -n`");
  }
  OwnerOptions owner_options;
  owner_options.directory = options.directory;
  owner_options.ring_bytes = options.ring_bytes;
  owner_options.max_writers = options.max_writers;
  owner_options.manual_release = true;
  auto owner = Owner::open(options.name, std::move(owner_options));
  if (!owner) return complain(kCommand, exit_code_for(owner.error().code), owner.error().text);
  return Printing(options, *owner, stop, output.descriptor(), events.descriptor()).run();
}

}  // namespace

void add_owner(CLI::App& program, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* owner = program.add_subcommand("owner", "Own NAME: print what its writers send");
  owner->footer(
      "Each message is a line; one that ends without a newline gets one. It is written out before "
      "the writer may forget it, so if this owner dies or cannot write, the next owner of NAME "
      "gets "
      "what is missing, and again what may have been written but not yet released.\n"
      "Ctrl-C or SIGTERM: takes no more, writes what is there, ends with 0; twice: ends at once.\n"
      "Exit status: 0 ended in order, 1 cannot write, 64 usage, 73 the name is taken or nothing "
      "can be created, 77 permission.\n\n"
      "Examples:\n"
      "  cortado owner log --output all.log\n"
      "  cortado owner log --tag --until-idle | sort");
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
  owner->add_option("--output", options->output, "To append to [standard output]")
      ->type_name("FILE");
  owner->add_flag("--until-idle", options->until_idle,
                  "End when a writer has joined, all have left, and all is written");
  owner
      ->add_option("--events", options->events,
                   "To append JSON events to, a line each; - is stdout")
      ->type_name("FILE");
  owner->callback([options, &status] { status = run_owner(*options); });
}

}  // namespace cortado::tools
