#include "bench/cell.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <poll.h>
#include <unistd.h>

#include "bench/board.hpp"
#include "bench/bounce.hpp"

namespace cortado::bench {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// What the child leaves, in memory that it shares with this process.
struct Report {
  Figures figures;
  bool is_done = false;
  char error[240] = {};
};

/// A directory with a name that nobody else has, and all that is in it, for as long as this lives.
class Directory {
 public:
  Directory() {
    std::string path = std::filesystem::temp_directory_path() / "cortado-bench-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "make a directory " + path);
    }
    path_ = path;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// The child: it and its own are a process group, and end with the parent.
[[noreturn]] void be_cell(Contestant::Run run, const Setting& setting, Report& report,
                          pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  try {
    const double bounce_ns = bounce(setting.processors);
    report.figures = run(setting);
    report.figures.bounce_ns = bounce_ns;
    report.is_done = true;
  } catch (const std::exception& error) {
    std::strncpy(report.error, error.what(), sizeof report.error - 1);
  } catch (...) {
    std::strncpy(report.error, "it failed without a word", sizeof report.error - 1);
  }
  ::_exit(0);
}

/// It, and whoever it left behind.
void end_group(pid_t group) noexcept {
  ::kill(-group, SIGKILL);
  while (::waitpid(-group, nullptr, 0) > 0 || errno == EINTR) {
  }
}

/// True: it ended by itself.
bool await_end(pid_t child, int descriptor, clock::time_point deadline, const GoOn& go_on,
               bool& is_stopped) {
  constexpr int kLook = 20;  // ms
  for (;;) {
    if (!go_on()) {
      is_stopped = true;
      return false;
    }
    if (descriptor >= 0) {
      pollfd ended{descriptor, POLLIN, 0};
      if (::poll(&ended, 1, kLook) > 0) return true;
    } else {
      siginfo_t info{};
      if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == child) {
        return true;
      }
      ::poll(nullptr, 0, kLook);
    }
    if (clock::now() >= deadline) return false;
  }
}

}  // namespace

void adopt_orphans() noexcept {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Result<Figures> run_cell(Contestant::Run run, const Setting& given,
                         std::chrono::nanoseconds watchdog, const GoOn& go_on) {
  try {
    const Directory directory;
    Setting setting = given;
    setting.directory = directory.path();
    const SharedBlock block(sizeof(Report));
    Report& report = *new (block.data()) Report();
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "start a run");
    if (child == 0) be_cell(run, setting, report, parent);
    ::setpgid(child, child);  // whoever of the two comes first
    const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    bool is_stopped = false;
    const bool has_ended = await_end(child, descriptor, clock::now() + watchdog, go_on, is_stopped);
    if (descriptor >= 0) ::close(descriptor);
    end_group(child);
    if (is_stopped) return Error{Errc::closing, "stopped by a signal; there is no result"};
    if (!has_ended) return Error{Errc::timed_out, "nothing came any more, the watchdog ended it"};
    if (report.is_done) return report.figures;
    const bool has_said = report.error[0] != '\0';
    return Error{Errc::system, has_said ? report.error : "its process ended before its time"};
  } catch (const std::exception& error) {
    return Error{Errc::system, error.what()};
  }
}

}  // namespace cortado::bench
