// cortado write: each line of a file or of standard input becomes a message.
#include <cortado/writer.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "command.hpp"
#include "lines.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace cortado::tools {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Between two looks for an owner that is not there, and for a signal while the library waits.
constexpr milliseconds kLookAgain{20};
constexpr milliseconds kSlice{200};

struct Options {
  std::string name;
  std::string directory;
  std::string as;
  std::string input = "-";
  std::int64_t wait_ms = 10'000;
};

constexpr const char* kCommand = "cortado write";

std::string input_name(const Options& options) {
  return options.input == "-" ? "standard input" : options.input;
}

/// Joins; while there is no owner, or one that does not answer, up to --wait. nullopt: a signal.
std::optional<Result<Writer>> join(const Options& options, StopSignals& stop) {
  const clock::time_point deadline = clock::now() + milliseconds(options.wait_ms);
  // Short at first, as signals wait for it; longer when an owner needs that to make a large ring.
  clock::duration slice = std::chrono::seconds(1);
  for (;; slice *= 2) {
    const auto left = std::max<clock::duration>(deadline - clock::now(), milliseconds(0));
    JoinOptions join_options;
    join_options.name = options.as;
    join_options.directory = options.directory;
    join_options.timeout = std::min(left, slice);
    auto writer = Writer::join(options.name, std::move(join_options));
    if (writer) return writer;
    const Errc code = writer.error().code;
    const bool passing =
        code == Errc::no_owner || code == Errc::timed_out || code == Errc::try_again;
    if (!passing || clock::now() >= deadline) return writer;
    pollfd signal{stop.fd(), POLLIN, 0};
    ::poll(&signal, 1, static_cast<int>(kLookAgain.count()));
    if (stop.count() > 0) return std::nullopt;
  }
}

/// How long nobody owns the name, as far as the last look tells.
class Absence {
 public:
  explicit Absence(milliseconds limit) : limit_(limit) {}
  void here() noexcept { since_.reset(); }
  /// True: too long.
  bool absent() {
    if (!since_) since_ = clock::now();
    return clock::now() - *since_ >= limit_;
  }

 private:
  milliseconds limit_;
  std::optional<clock::time_point> since_;
};

/// One run of the command, from the join on.
class Sending {
 public:
  Sending(const Options& options, Writer& writer, StopSignals& stop, int input)
      : options_(options),
        writer_(writer),
        stop_(stop),
        input_(input),
        reader_(input),
        absence_(milliseconds(options.wait_ms)),
        // The writers of a group share its terminal: there the owner alone shows its progress.
        progress_("lines sent", std::getenv("CORTADO_WRITER") == nullptr) {
    struct stat status {};
    if (::fstat(input, &status) == 0 && S_ISREG(status.st_mode)) {
      input_bytes_ = static_cast<std::uint64_t>(status.st_size);
    }
  }

  int run() {
    std::string failure;
    const int status = send_all(failure);
    const std::uint64_t unapplied = settle();
    progress_.clear();
    spdlog::info("{} of {} lines sent are applied", writer_.sequence() - unapplied,
                 writer_.sequence());
    const std::string rest = std::to_string(unapplied) + " of the " +
                             std::to_string(writer_.sequence()) + " lines sent are not applied";
    if (status != kOk) {
      return complain(
          kCommand, status,
          failure + (unapplied == 0 ? "; all lines before it are applied" : "; " + rest));
    }
    if (unapplied == 0) return kOk;
    return complain(kCommand, kUnavailable,
                    "cannot finish for '" + options_.name + "': " + rest + ": " + unfinished_ +
                        "; send these anew when an owner runs");
  }

 private:
  /// Until the input ends, a signal comes, or something fails: then not kOk, and what.
  int send_all(std::string& failure) {
    for (;;) {
      while (const auto line = reader_.next()) {
        const SendStatus status = send(*line);
        if (status == SendStatus::sent) continue;
        if (stop_.count() > 0) return kOk;
        return refused(status, line->size(), failure);
      }
      if (reader_.ended() || !wait_for_input()) return kOk;
      switch (reader_.fill(writer_.max_message())) {
        case LineReader::Fill::more:
        case LineReader::Fill::end:
          break;
        case LineReader::Fill::too_long:
          return too_long(reader_.number() + 1, "at least ", reader_.unfinished(), failure);
        case LineReader::Fill::failed:
          failure = "cannot read line " + std::to_string(reader_.number() + 1) + " of " +
                    input_name(options_) + ": " + std::strerror(errno) + "; name a readable file";
          return kBadInput;
      }
      progress_.show(writer_.sequence(), part());
    }
  }

  /// Waits for room as long as the owner lives; for an owner up to --wait; not after a signal.
  SendStatus send(std::string_view line) {
    for (;;) {
      const SendStatus status = writer_.try_send(line);
      if (status == SendStatus::full) {
        absence_.here();
        wait_for_writer(kSlice);
      } else if (status == SendStatus::no_owner) {
        if (absence_.absent()) return status;
        wait_for_writer(kLookAgain);
      } else {
        absence_.here();
        return status;
      }
      if (stop_.count() > 0) return status;
      progress_.show(writer_.sequence(), part());
    }
  }

  void wait_for_writer(milliseconds most) {
    std::array<pollfd, 2> ready{{{writer_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), static_cast<int>(most.count()));
    // What it tells comes back from the next send.
    static_cast<void>(writer_.poll());
  }

  /// Meanwhile the writer finds a next owner when the last one is gone. False: a signal.
  bool wait_for_input() {
    for (;;) {
      const bool lost = lost_;
      std::array<pollfd, 3> ready{
          {{input_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}, {lost ? -1 : writer_.fd(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), lost ? static_cast<int>(kSlice.count()) : -1);
      if (stop_.count() > 0) return false;
      if (ready[0].revents != 0) return true;
      const SendStatus status = writer_.poll();
      // Quarantined and closing are told by the next send; until then there is nothing to wait for.
      lost_ = status != SendStatus::sent;
    }
  }

  int refused(SendStatus status, std::size_t length, std::string& failure) const {
    if (status == SendStatus::too_large) return too_long(reader_.number(), "", length, failure);
    failure = cannot_send(reader_.number());
    switch (status) {
      case SendStatus::no_owner:
        failure += "its owner is gone, and no next one came; start one, and send from there on";
        return kUnavailable;
      case SendStatus::closing:
        failure += "its owner takes no more, it is closing; start it anew, and send from there on";
        return kTryAgain;
      case SendStatus::quarantined:
        failure += "its owner no longer reads this writer; its log tells why";
        return kFailed;
      default:
        failure += to_string(status);
        return kFailed;
    }
  }

  int too_long(std::uint64_t line, const char* at_least, std::size_t length,
               std::string& failure) const {
    constexpr std::size_t kRecordBytes = 16;
    failure = cannot_send(line) + "it has " + at_least + std::to_string(length) +
              " bytes, a message at most " + std::to_string(writer_.max_message()) +
              "; start the owner with --ring " +
              std::to_string(std::bit_ceil(length + kRecordBytes)) +
              (*at_least == '\0' ? "" : " or more");
    return kBadInput;
  }

  std::string cannot_send(std::uint64_t line) const {
    return "cannot send line " + std::to_string(line) + " of " + input_name(options_) + " to '" +
           options_.name + "': ";
  }

  /// Waits until what was sent is applied, while an owner lives, and for one up to --wait. Returns
  /// how many messages are not; then unfinished_ tells why.
  std::uint64_t settle() {
    progress_.now("lines applied");
    while (writer_.unreleased() != 0) {
      const auto applied = writer_.wait_applied(kSlice);
      if (applied) break;
      unfinished_ = applied.error().text;
      if (applied.error().code == Errc::timed_out) {
        absence_.here();
      } else if (applied.error().code != Errc::no_owner) {
        break;
      } else if (stop_.count() > 0 || absence_.absent()) {
        unfinished_ = "the owner is gone, and no next one came";
        break;
      }
      if (stop_.count() > 1) {
        unfinished_ = "stopped by a second signal";
        break;
      }
      progress_.show(writer_.sequence() - writer_.unreleased());
    }
    return writer_.close(std::chrono::nanoseconds(0));
  }

  double part() const noexcept {
    if (input_bytes_ == 0) return -1;
    return static_cast<double>(writer_.stats().bytes + writer_.sequence()) /
           static_cast<double>(input_bytes_);
  }

  const Options& options_;
  Writer& writer_;
  StopSignals& stop_;
  int input_;
  LineReader reader_;
  Absence absence_;
  Progress progress_;
  std::uint64_t input_bytes_ = 0;  ///< 0: unknown
  bool lost_ = false;
  std::string unfinished_;
};

int run_write(const Options& options) {
  int input = STDIN_FILENO;
  if (options.input != "-") {
    input = ::open(options.input.c_str(), O_RDONLY | O_CLOEXEC);
    if (input < 0) {
      return complain(
          kCommand, kBadInput,
          "cannot read " + options.input + ": " + std::strerror(errno) + "; name a readable file");
    }
  }
  StopSignals stop;
  if (!stop) {
    return complain(
        kCommand, kCannotCreate,
        std::string("cannot watch for signals: ") + std::strerror(errno) + "; raise `ulimit -n`");
  }
  auto writer = join(options, stop);
  if (!writer) {
    return complain(kCommand, kUnavailable,
                    "cannot send to '" + options.name +
                        "': stopped by a signal before it was joined; "
                        "nothing was sent");
  }
  if (!*writer)
    return complain(kCommand, exit_code_for(writer->error().code), writer->error().text);
  return Sending(options, **writer, stop, input).run();
}

}  // namespace

void add_write(CLI::App& program, int& status) {
  auto options = std::make_shared<Options>();
  CLI::App* write = program.add_subcommand("write", "Send lines to the owner of NAME");
  write->footer(
      "A message is a line without its newline; any other byte may be in it. Waits for room as "
      "long as an owner lives, and in the end until all is applied. If the owner dies, the next "
      "one of that name gets what the last one had not released.\n"
      "Ctrl-C or SIGTERM: reads no more, waits until what was sent is applied, ends with 0; twice: "
      "does not wait.\n"
      "Exit status: 0 all that was sent is applied, 1 the owner refused what came, 64 usage, 65 "
      "unreadable input or a line too long, 69 no owner, or gone before all was applied, 73 writer "
      "name taken, 75 the owner is closing, full or stopped: try again, 77 permission.\n\n"
      "Examples:\n"
      "  journalctl -f | cortado write log --as journal\n"
      "  cortado write log --input orders.txt");
  write->add_option("NAME,--name", options->name, "Name of the owner")->type_name("")->required();
  write
      ->add_option("--directory", options->directory,
                   "Where they meet [$XDG_RUNTIME_DIR/cortado, else /tmp/cortado-UID]")
      ->type_name("DIR");
  write->add_option("--as", options->as, "Name of this writer [pid-N]")->type_name("WRITER");
  write->add_option("--input", options->input, "Lines to send; - is standard input")
      ->type_name("FILE");
  write->add_option("--wait", options->wait_ms, "How long to do without an owner")
      ->transform(duration(0))
      ->type_name("DURATION")
      ->default_str("10s");
  write->callback([options, &status] { status = run_write(*options); });
}

}  // namespace cortado::tools
