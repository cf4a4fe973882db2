#include "group/spawn.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "group/shim_report.hpp"
#include "os/error.hpp"
#include "os/process_descriptor.hpp"
#include "os/unix_socket.hpp"

namespace cortado::group {
namespace {

/// posix_spawn's three objects, with their clean-up.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  /// Equal numbers only lose close-on-exec, in the child alone.
  int give(int descriptor, int as) {
    return ::posix_spawn_file_actions_adddup2(&actions_, descriptor, as);
  }
  void silence() {
    for (int number = 0; number < 3; ++number) {
      ::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_RDWR, 0);
    }
  }
  /// Returns the pid, or -errno.
  pid_t run(const std::string& path, std::vector<std::string>& arguments,
            std::vector<std::string>& environment) {
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, path.c_str(), &actions_, &attributes_,
                                    pointers(arguments).data(), pointers(environment).data());
    return error == 0 ? pid : -error;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// Away from 0, 1 and 2, which the child's standard files replace one after the other.
Result<os::Descriptor> above_standard(int descriptor, const std::string& path) {
  const int opening_error = errno;
  os::Descriptor opened(descriptor);
  if (!opened) {
    return os::system_error(opening_error, "open", path, "check the path and its permissions");
  }
  if (opened.get() > 2) return opened;
  os::Descriptor moved(::fcntl(opened.get(), F_DUPFD_CLOEXEC, 3));
  if (!moved) return os::system_error(errno, "open", path);
  return moved;
}

struct StandardFiles {
  std::array<os::Descriptor, 3> files;  ///< empty: this process's own
};

Result<StandardFiles> open_standard_files(const Program& program, bool again) {
  StandardFiles standard;
  const std::string input = program.stdin_path.empty() ? "/dev/null" : program.stdin_path;
  if (input != "-") {
    auto opened = above_standard(::open(input.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY), input);
    if (!opened) return opened.error();
    standard.files[0] = std::move(*opened);
  }
  for (const int number : {1, 2}) {
    const std::string& output = number == 1 ? program.stdout_path : program.stderr_path;
    if (output.empty() || output == "-") continue;
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | (again ? 0 : O_TRUNC);
    auto opened = above_standard(::open(output.c_str(), flags, 0666), output);
    if (!opened) return opened.error();
    standard.files[static_cast<std::size_t>(number)] = std::move(*opened);
  }
  return standard;
}

Error cannot_start(const SpawnRequest& request, const std::string& why) {
  return {Errc::system, "cannot start " + request.role + ": " + why};
}

Error shim_error(const std::string& what, const std::string& shim, int error) {
  const bool not_there = error == ENOENT || error == EACCES;
  return os::system_error(error, "start", what + " through " + shim,
                          not_there ? "install cortado-shim, or set CORTADO_SHIM to its path" : "");
}

/// Waits until the program was executed: that closes the shim's end of the pipe.
Result<void> await_execution(const SpawnRequest& request, int report) {
  ShimReport message{};
  ssize_t length = 0;
  do {
    length = ::read(report, &message, sizeof message);
  } while (length < 0 && errno == EINTR);
  if (length == 0) return {};
  if (length != static_cast<ssize_t>(sizeof message)) {
    return cannot_start(request, "the shim's report cannot be read; use its own version's shim");
  }
  if (message.step != ShimReport::Step::execute) {
    return os::system_error(message.error, "secure the start of", request.role);
  }
  return cannot_start(request, request.program->argv[0] + ": " + std::strerror(message.error) +
                                   "; check the name, PATH, and that it is executable");
}

}  // namespace

Result<Child> Child::hold(pid_t pid) {
  Child child;
  child.pid_ = pid;
  auto process = os::open_process(pid);
  if (!process) return process.error();
  child.process_ = std::move(*process);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), process_(std::move(other.process_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    reap();
    pid_ = std::exchange(other.pid_, 0);
    process_ = std::move(other.process_);
  }
  return *this;
}

void Child::signal(int number) noexcept {
  if (pid_ > 0) ::kill(-pid_, number);
}

bool Child::exited() const noexcept {
  return pid_ > 0 && os::has_exited(process_.get());
}

Ending Child::reap() noexcept {
  Ending ending;
  if (pid_ <= 0) return ending;
  ::kill(-pid_, SIGKILL);
  siginfo_t information{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    if (information.si_code == CLD_EXITED) {
      ending.exit_status = information.si_status;
    } else {
      ending.signal = information.si_status;
    }
  }
  pid_ = 0;
  process_.reset();
  return ending;
}

Result<Child> spawn(const SpawnRequest& request) {
  auto standard = open_standard_files(*request.program, request.again);
  if (!standard) return cannot_start(request, standard.error().text);
  std::array<int, 2> pipe{-1, -1};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return os::system_error(errno, "start", request.role);
  const os::Descriptor report(pipe[0]);
  os::Descriptor shim_report(pipe[1]);

  SpawnPlan plan;
  for (const int inherited : {shim_report.get(), request.guard, request.keeper}) {
    if (inherited >= 0) plan.give(inherited, inherited);
  }
  for (int number = 0; number < 3; ++number) {
    const os::Descriptor& file = standard->files[static_cast<std::size_t>(number)];
    if (file) plan.give(file.get(), number);
  }
  std::vector<std::string> arguments{request.shim,
                                     "run",
                                     std::to_string(::getpid()),
                                     std::to_string(shim_report.get()),
                                     std::to_string(request.guard),
                                     std::to_string(request.keeper)};
  arguments.insert(arguments.end(), request.program->argv.begin(), request.program->argv.end());
  std::vector<std::string> environment = request.environment;
  const pid_t pid = plan.run(request.shim, arguments, environment);
  if (pid < 0) return shim_error(request.role, request.shim, -pid);
  shim_report.reset();

  auto child = Child::hold(pid);
  if (!child) return child.error();
  if (auto executed = await_execution(request, report.get()); !executed) return executed.error();
  return child;
}

Result<Guard> start_guard(const std::string& shim) {
  auto pair = os::socket_pair();
  if (!pair) return pair.error();
  const std::string socket = std::to_string(pair->second.get());
  SpawnPlan plan;
  plan.give(pair->second.get(), pair->second.get());
  plan.silence();
  std::vector<std::string> arguments{shim, "guard", socket};
  std::vector<std::string> environment;
  const pid_t pid = plan.run(shim, arguments, environment);
  if (pid < 0) return shim_error("the group's guard", shim, -pid);
  auto process = Child::hold(pid);
  if (!process) return process.error();
  return Guard(std::move(pair->first), std::move(*process));
}

void Guard::forget(pid_t group) {
  forgotten_.push_back(-group);
  while (!forgotten_.empty()) {
    const auto message = std::as_bytes(std::span(&forgotten_.front(), 1));
    const ssize_t sent = os::send_message(socket_.get(), message, {}, MSG_DONTWAIT);
    if (sent == -EAGAIN) return;
    forgotten_.pop_front();  // sent, or nobody is there to be told
  }
}

Result<std::string> find_shim(const std::string& wanted) {
  const auto usable = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  std::string chosen = wanted;
  if (const char* set = ::secure_getenv("CORTADO_SHIM"); chosen.empty() && set != nullptr) {
    chosen = set;
  }
  if (chosen.empty()) {
    chosen = CORTADO_SHIM_PATH;
    std::error_code none;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
    for (const char* near :
         {"cortado-shim", "../libexec/cortado/cortado-shim", "../src/group/cortado-shim"}) {
      if (const std::string path = folder / near; usable(path)) {
        chosen = path;
        break;
      }
    }
  }
  if (usable(chosen)) return chosen;
  return shim_error("the group", chosen, errno);
}

}  // namespace cortado::group
