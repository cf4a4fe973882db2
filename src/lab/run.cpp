#include "lab/run.hpp"

#include <cortado/group.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include <sys/resource.h>
#include <sys/wait.h>

#include <unistd.h>

#include "lab/collect.hpp"
#include "modes/apply.hpp"
#include "modes/gate.hpp"
#include "modes/mode.hpp"
#include "modes/shared_buffer.hpp"
#include "modes/timeline.hpp"
#include "modes/turns.hpp"
#include "os/futex.hpp"

namespace cortado::lab {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using modes::Isolation;
using modes::Sharing;
using modes::Stage;
using modes::Workload;
using Kind = modes::Fault::Kind;

constexpr auto kLook = 10ms;      // between two looks at a run
constexpr int kMostRuns = 1000;   // of one user at one time
constexpr auto kMostStart = 60s;  // for all to be there
constexpr auto kAfterHost = 2s;   // for the writers of a host that is gone
constexpr const char* kIntruder = "intruder";

Error invalid(const std::string& what) {
  return {Errc::invalid_argument, "cannot run the workload: " + what};
}

/// An open loop must not look as if it hung.
Result<void> check_load(const RunSpec& spec) {
  constexpr double kMost = 1e9;
  const Workload& workload = spec.workload;
  if (workload.load_per_s == 0) return {};
  if (!(workload.load_per_s > 0 && workload.load_per_s <= kMost)) {
    return invalid("the load must be above 0, and at most 1e9 orders per second");
  }
  const std::chrono::duration<double> between(workload.writers / workload.load_per_s);
  if (between * 2 < spec.watchdog) return {};
  return invalid("at so small a load it seems to hang; give a larger one, or a longer watchdog");
}

Result<void> check(const RunSpec& spec) {
  const Workload& workload = spec.workload;
  const auto limit = [](const char* what, std::uint64_t most) {
    return invalid(std::string(what) + " must be at most " + std::to_string(most));
  };
  if (workload.mode >= modes::known_modes().size()) return invalid("there is no such mode");
  if (workload.writers == 0) return invalid("it needs a writer at least");
  if (workload.writers > modes::Stamp::kMostWriters) {
    return limit("writers", modes::Stamp::kMostWriters);
  }
  if (workload.payload > Workload::kMostPayload || workload.capacity > Workload::kMostPayload) {
    return limit("bytes of an order", Workload::kMostPayload);
  }
  if (workload.orders == 0 && spec.duration <= 0ns) return invalid("it needs orders, or a time");
  if (workload.orders != 0 && workload.orders < workload.writers) {
    return invalid("more writers (" + std::to_string(workload.writers) + ") than orders (" +
                   std::to_string(workload.orders) + ")");
  }
  return check_load(spec);
}

/// Beside this program, or where it is installed.
std::string find_member() {
  if (const char* set = ::secure_getenv("CORTADO_MEMBER"); set != nullptr) return set;
  std::error_code none;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
  for (const char* near :
       {"cortado-member", "../libexec/cortado/cortado-member", "../src/modes/cortado-member"}) {
    std::string path = folder / near;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return CORTADO_MEMBER_PATH;
}

/// The interleaving that the seed draws, for a mode of that kind.
std::vector<std::uint32_t> turns_for(const RunSpec& spec, Sharing sharing) {
  const Workload& workload = spec.workload;
  if (workload.takes_turns == 0) return {};
  std::vector<std::string> orders;
  for (std::uint64_t i = 0; i < workload.orders; ++i) {
    orders.push_back(spec.listed[i % spec.listed.size()]);
  }
  auto turns = modes::letter_turns(orders, workload.writers, workload.capacity, workload.seed);
  if (sharing == Sharing::race) return turns;
  return modes::order_turns(turns, workload.writers, workload.capacity);
}

/// A run while it goes on.
class Run {
 public:
  Run(RunSpec spec, Stage stage, std::optional<modes::SharedMemory> segment)
      : spec_(std::move(spec)),
        mode_(*modes::known_modes()[spec_.workload.mode]),
        stage_(std::move(stage)),
        segment_(std::move(segment)) {}

  ~Run() {
    group_.reset();  // ends whoever is left
    if (mode_.clean != nullptr) mode_.clean(stage_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<RunResult> run() {
    if (auto started = start(); !started) return started.error();
    if (auto ready = wait_until_ready(); !ready) return ready.error();
    stage_.head().started_ns.store(modes::now_ns(), std::memory_order_relaxed);
    const auto started = os::TickMoment::now();
    set(stage_.head().start);
    const auto outcome = watch();
    if (!outcome) return outcome.error();
    take_events();
    group_->kill();  // whoever still hangs; how that one ends says nothing
    while (group_->wait(kLook)) {
    }
    Collected collected{*outcome, buffer(), host_signal_, writer_signal_, intruder_signal_};
    RunResult result = collect(stage_, mode_, collected, spec_.go_on);
    if (!spec_.go_on()) return stopped();
    if (spec_.on_trace) spec_.on_trace({stage_, mode_, started, os::TickMoment::now()});
    return result;
  }

 private:
  static void set(std::atomic<std::uint32_t>& word) noexcept {
    word.store(1, std::memory_order_release);
    os::futex_wake_all(word);
  }

  Program member(const char* role, std::string label) const {
    Program program;
    program.argv = {find_member(), role, stage_.path()};
    program.label = std::move(label);
    return program;
  }

  /// Under the first name that no other run has: what a killed one left behind is taken over.
  Result<void> start() {
    for (int i = 1;; ++i) {
      const std::string name = "run-" + std::to_string(i);
      std::strncpy(stage_.head().owner_name, name.c_str(), sizeof stage_.head().owner_name - 1);
      auto group = Group::start(group_options(name));
      if (group) {
        group_.emplace(std::move(*group));
        return {};
      }
      if (group.error().code != Errc::name_taken || i == kMostRuns) return group.error();
    }
  }

  GroupOptions group_options(const std::string& name) {
    GroupOptions options;
    options.name = name;
    options.keep_owner = true;
    options.owner = member("host", "host");
    if (spec_.restarts_host) options.restart_owner = {Restart::Policy::on_failure, 1};
    if (mode_.isolation == Isolation::process) {
      for (std::uint32_t w = 0; w < spec_.workload.writers; ++w) {
        Program writer = member("writer", std::to_string(w));
        writer.argv.push_back(std::to_string(w));
        options.writers.push_back(std::move(writer));
      }
      if (spec_.with_intruder) options.writers.push_back(member("intruder", kIntruder));
      writers_running_ = spec_.workload.writers;
    }
    return options;
  }

  /// Looks at what happened meanwhile; waits up to kLook.
  void look(std::chrono::nanoseconds most = kLook) {
    group_->wait(most);
    take_events();
    if (spec_.workload.fault.kind == Kind::stopped) look_at_stopped();
  }

  /// The gate opens when it stands still, and it may go on when all others are through.
  void look_at_stopped() {
    const std::string label = std::to_string(spec_.workload.fault.writer);
    const pid_t pid = group_->writer_pid(label);
    const bool is_stopped = pid != 0 && stands_still(pid);
    if (is_stopped) open_gate_if_begun();
    for (std::uint32_t w = 0; w < spec_.workload.writers; ++w) {
      if (w != spec_.workload.fault.writer && stage_.writer(w).ended_ns.load() == 0) return;
    }
    modes::let_go_on(stage_);
    // Not otherwise: a leak checker stops its own process when that ends, and would wait for ever.
    if (is_stopped) ::kill(pid, SIGCONT);
  }

  /// A child of ours that was stopped, and not by who traces it.
  static bool stands_still(pid_t pid) noexcept {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

  /// Who met the fault ended, or stands still: see modes/gate.hpp.
  void open_gate_if_begun() const {
    if (stage_.head().fault.begun_ns.load(std::memory_order_acquire) != 0) {
      modes::open_gate(stage_);
    }
  }

  void take_events() {
    while (const auto event = group_->next_event()) {
      const bool is_owner = event->role == GroupEvent::Role::owner;
      if (is_owner && event->kind == GroupEvent::Kind::restarted) host_has_ended_ = false;
      if (event->kind != GroupEvent::Kind::ended) continue;
      open_gate_if_begun();
      if (is_owner) {
        host_has_ended_ = true;
        host_signal_ = event->signal;
      } else if (event->label == kIntruder) {
        intruder_signal_ = event->signal;
        intruder_has_ended_ = true;
      } else {
        writer_signal_[static_cast<std::uint32_t>(std::stoul(event->label))] = event->signal;
        if (--writers_running_ == 0) set(stage_.head().writers_gone);
      }
    }
  }

  Result<void> wait_until_ready() {
    const auto begin = clock::now();
    while (!is_ready()) {
      look();
      if (clock::now() - begin > kMostStart) {
        return Error{Errc::timed_out, "cannot run " + std::string(mode_.name) +
                                          ": not all that take part are there after a minute; "
                                          "take fewer writers, or a machine that is less busy"};
      }
      if (!spec_.go_on()) return stopped();
      if (host_has_ended_ || !writer_signal_.empty()) return refused();
    }
    take_events();
    if (host_has_ended_ || !writer_signal_.empty()) return refused();
    return {};
  }
  /// All wait for the start, and the intruder has had his look.
  bool is_ready() const noexcept {
    return stage_.head().ready.load(std::memory_order_acquire) >= spec_.workload.writers &&
           (!has_intruder() || intruder_has_ended_);
  }
  bool has_intruder() const noexcept {
    return spec_.with_intruder && mode_.isolation == Isolation::process;
  }

  /// Until the host has ended, or nothing moves.
  Result<Outcome> watch() {
    const auto begin = clock::now();
    auto moved = begin;
    const std::chrono::nanoseconds letter(spec_.workload.letter_delay_ns);
    std::uint64_t seen = 0;
    while (!host_has_ended_) {
      look(spec_.duration > 0ns ? std::min<std::chrono::nanoseconds>(kLook, spec_.duration)
                                : kLook);
      if (!spec_.go_on()) return stopped();
      if (host_has_ended_) break;
      const auto now = clock::now();
      if (spec_.duration > 0ns && now - begin >= spec_.duration) set(stage_.head().stop);
      if (const std::uint64_t steps = progress_of(stage_); steps != seen) {
        seen = steps;
        moved = now;
      } else if (now - moved >= spec_.watchdog + 2 * letter) {
        return Outcome::hung;
      }
    }
    // The group asks those that are left to end.
    const auto ended = clock::now();
    while (writers_running_ > 0 && clock::now() - ended < kAfterHost) look();
    const bool in_order = stage_.host().finished.load(std::memory_order_acquire) != 0;
    return in_order ? Outcome::finished : Outcome::host_died;
  }

  /// One of those who take part ended before the start.
  Error refused() const {
    const modes::StageHead& head = stage_.head();
    const std::string attempt = "cannot run " + std::string(mode_.name) + ": ";
    if (head.is_refused.load(std::memory_order_acquire) != 0) {
      return {Errc::system, attempt + head.why_refused};
    }
    const int signal = host_has_ended_ ? host_signal_ : writer_signal_.begin()->second;
    return {Errc::system, attempt + "a process of it ended before the start" +
                              (signal != 0 ? " by signal " + std::to_string(signal) : "") +
                              "; look who ends it, and run it again"};
  }

  Error stopped() const { return {Errc::closing, "stopped by a signal; there is no result"}; }

  /// What can be looked at now that all have ended.
  modes::Buffer buffer() const {
    if (segment_) return modes::Buffer(modes::buffer_in(*segment_));
    const bool has_left = stage_.host().finished.load(std::memory_order_acquire) != 0;
    return has_left ? stage_.final_buffer() : modes::Buffer();
  }

  RunSpec spec_;
  const modes::Mode& mode_;
  Stage stage_;
  std::optional<modes::SharedMemory> segment_;  ///< the buffer, where it is shared
  std::optional<Group> group_;
  bool host_has_ended_ = false;
  int host_signal_ = 0;
  std::uint32_t writers_running_ = 0;
  std::map<std::uint32_t, int> writer_signal_;  ///< of those that have ended
  bool intruder_has_ended_ = false;
  int intruder_signal_ = 0;
};

}  // namespace

Result<RunResult> run(RunSpec spec) {
  if (auto checked = check(spec); !checked) return checked.error();
  const modes::Mode& mode = *modes::known_modes()[spec.workload.mode];
  auto stage = Stage::create(spec.workload, spec.listed, turns_for(spec, mode.sharing),
                             spec.on_trace ? modes::timeline_room(spec.workload) : 0);
  if (!stage) return stage.error();
  std::optional<modes::SharedMemory> segment;
  if (mode.isolation == Isolation::process && mode.sharing != Sharing::ring) {
    auto created = modes::SharedMemory::create(
        "cortado-buffer",
        modes::shared_buffer_bytes(spec.workload.capacity, spec.workload.writers));
    if (!created) return created.error();
    segment.emplace(std::move(*created));
    std::strncpy(stage->head().segment, segment->path().c_str(), sizeof stage->head().segment - 1);
  }
  Run one(std::move(spec), std::move(*stage), std::move(segment));
  return one.run();
}

std::uint64_t rounds_for(std::chrono::nanoseconds ns) {
  if (ns <= 0ns) return 0;
  constexpr std::uint64_t kRounds = 200'000;
  constexpr int kTries = 5;
  std::chrono::duration<double, std::nano> best{1e18};
  std::uint64_t value = 1;
  for (int i = 0; i < kTries; ++i) {
    const auto begin = clock::now();
    value = modes::work(kRounds, value);
    best = std::min<std::chrono::duration<double, std::nano>>(best, clock::now() - begin);
  }
  const double each = best.count() / static_cast<double>(kRounds);
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(ns.count()) / each));
}

void set_hold(Workload& workload, std::chrono::nanoseconds hold) {
  workload.hold_ns = static_cast<std::uint64_t>(hold.count());
  workload.work_rounds = rounds_for(hold);
}

std::uint32_t sample_shift_for(std::uint64_t orders_per_writer) noexcept {
  std::uint32_t shift = 0;
  const auto samples = [&] { return (orders_per_writer + (1ULL << shift) - 1) >> shift; };
  while (samples() > modes::WriterNotes::kSamples) ++shift;
  return shift;
}

}  // namespace cortado::lab
