// Nothing that the library asks of the kernel is left out: each C library function that its objects
// name makes no system call, or one that was seen at a failpoint of the operations of this folder.
//
// The functions are read from the built library (nm) and, for those without a function of their
// own, from the sources (SYS_...). One that is new is in no list here, and fails the test.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "group/spawn.hpp"
#include "keeper_operations.hpp"
#include "os/event_descriptor.hpp"
#include "os/fork_guard.hpp"
#include "os/futex.hpp"
#include "os/poller.hpp"
#include "os/process_descriptor.hpp"
#include "os/resource_limits.hpp"
#include "owner_operations.hpp"
#include "writer_operations.hpp"

namespace cortado::test {
namespace {

using Calls = std::vector<long>;

/// Without a system call, or with none but malloc's.
const std::set<std::string> kPure{
    "__errno_location", "__libc_single_threaded", "__popcountdi2", "__stack_chk_fail",
    "__tls_get_addr", "environ", "getenv", "memchr", "memcmp", "memcpy", "memmove", "memset",
    "posix_spawn_file_actions_adddup2", "posix_spawn_file_actions_addopen",
    "posix_spawn_file_actions_destroy", "posix_spawn_file_actions_init", "posix_spawnattr_destroy",
    "posix_spawnattr_init", "posix_spawnattr_setflags", "posix_spawnattr_setpgroup",
    "posix_spawnattr_setsigdefault", "posix_spawnattr_setsigmask", "secure_getenv", "sigemptyset",
    "sigfillset", "snprintf", "strcmp", "strerror", "strerrordesc_np", "strerrorname_np", "strlen",
    "strnlen", "sysconf", "unsetenv", "abort", "bcmp", "strncmp", "strtol",
    // A futex only if two threads want it at once, which nobody here does.
    "pthread_mutex_lock", "pthread_mutex_unlock",
    // mapped_region's destructor has it for System V segments, which the library does not make.
    "shmdt"};

const Calls kStat{SYS_newfstatat, SYS_fstat, SYS_stat, SYS_lstat, SYS_statx};

/// Which calls a function may become; one of them must have been seen.
const std::map<std::string, Calls> kWrappers{
    {"accept4", {SYS_accept4}},
    {"access", {SYS_access, SYS_faccessat}},
    {"bind", {SYS_bind}},
    {"close", {SYS_close}},
    {"connect", {SYS_connect}},
    {"epoll_create1", {SYS_epoll_create1}},
    {"epoll_ctl", {SYS_epoll_ctl}},
    {"epoll_pwait2", {SYS_epoll_pwait2}},
    {"epoll_wait", {SYS_epoll_wait, SYS_epoll_pwait}},
    {"eventfd", {SYS_eventfd2}},
    {"fallocate64", {SYS_fallocate}},
    {"fchmod", {SYS_fchmod}},
    {"fchmodat", {SYS_fchmodat}},
    {"fclose", {SYS_close}},
    {"fcntl64", {SYS_fcntl}},
    {"flock", {SYS_flock}},
    {"fopen64", {SYS_openat}},
    {"fread", {SYS_read}},
    {"fstat64", kStat},
    {"fstatat64", kStat},
    {"ftruncate64", {SYS_ftruncate}},
    {"geteuid", {SYS_geteuid}},
    {"getpid", {SYS_getpid}},
    {"getrandom", {SYS_getrandom}},
    {"getrlimit64", {SYS_prlimit64, SYS_getrlimit}},
    {"getsockopt", {SYS_getsockopt}},
    {"kill", {SYS_kill}},
    {"listen", {SYS_listen}},
    {"lseek64", {SYS_lseek}},
    {"lstat64", kStat},
    {"madvise", {SYS_madvise}},
    {"memfd_create", {SYS_memfd_create}},
    {"mkdir", {SYS_mkdir}},
    {"mmap64", {SYS_mmap}},
    {"munmap", {SYS_munmap}},
    {"nanosleep", {SYS_clock_nanosleep, SYS_nanosleep}},
    {"open64", {SYS_openat}},
    {"pipe2", {SYS_pipe2}},
    {"poll", {SYS_poll, SYS_ppoll}},
    {"posix_spawn", {SYS_clone, SYS_clone3, SYS_vfork}},
    {"pread64", {SYS_pread64}},
    {"read", {SYS_read}},
    {"recv", {SYS_recvfrom}},
    {"recvmsg", {SYS_recvmsg}},
    {"send", {SYS_sendto}},
    {"sendmsg", {SYS_sendmsg}},
    {"setrlimit64", {SYS_prlimit64, SYS_setrlimit}},
    {"setsockopt", {SYS_setsockopt}},
    {"shutdown", {SYS_shutdown}},
    {"socket", {SYS_socket}},
    {"socketpair", {SYS_socketpair}},
    {"stat64", kStat},
    {"std::filesystem::read_symlink", {SYS_readlink, SYS_readlinkat}},
    {"timerfd_create", {SYS_timerfd_create}},
    {"timerfd_settime", {SYS_timerfd_settime}},
    {"unlink", {SYS_unlink}},
    {"unlinkat", {SYS_unlinkat}},
    {"waitid", {SYS_waitid}},
    {"write", {SYS_write}},
    // Without a function of their own: named in the sources.
    {"SYS_futex", {SYS_futex}},
    {"SYS_membarrier", {SYS_membarrier}},
    {"SYS_pidfd_open", {SYS_pidfd_open}},
    {"SYS_pidfd_send_signal", {SYS_pidfd_send_signal}},
};

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe)) {
    text.append(part.data(), count);
  }
  ::pclose(pipe);
  return text;
}

/// What the library takes from others, by name; of C++ names only those that ask the kernel.
std::set<std::string> imports(const std::string& library) {
  std::set<std::string> names;
  const std::string listed = output_of("nm -uC '" + library + "'");
  static const std::regex line(R"( U ([^\n]+))");
  for (auto at = std::sregex_iterator(listed.begin(), listed.end(), line);
       at != std::sregex_iterator(); ++at) {
    std::string name = (*at)[1];
    name = name.substr(0, name.find('@'));
    static const std::regex free_function(R"(^(std::filesystem::[a-z_]+)(\[abi:[^\]]*\])?\()");
    std::smatch found;
    if (std::regex_search(name, found, free_function)) {
      names.insert(found[1]);
    } else if (name.find_first_of(":( ") == std::string::npos && !name.starts_with("__cxa_") &&
               !name.starts_with("__gxx_") && !name.starts_with("_Unwind_") &&
               name != "_GLOBAL_OFFSET_TABLE_") {
      names.insert(name);
    }
  }
  return names;
}

/// SYS_... that the library's sources name.
std::set<std::string> named_calls(const std::string& sources) {
  std::set<std::string> names;
  for (const char* folder : {"group", "lane", "os", "owner", "writer"}) {
    for (const auto& file : std::filesystem::directory_iterator(sources + "/" + folder)) {
      if (file.path().extension() != ".cpp" || file.path().filename() == "shim.cpp") continue;
      std::ifstream stream(file.path());
      const std::string text(std::istreambuf_iterator<char>(stream), {});
      static const std::regex name(R"(\bSYS_[a-z0-9_]+)");
      for (auto at = std::sregex_iterator(text.begin(), text.end(), name);
           at != std::sregex_iterator(); ++at) {
        names.insert(at->str());
      }
    }
  }
  return names;
}

/// An operation without peers; `run` is given an empty directory.
struct Step {
  std::string name;
  std::function<std::string(const std::string&)> run;
  std::function<void()> prepare = {};
};

struct Small : Operation {
  explicit Small(Step step) : step_(std::move(step)) {}
  std::string name() const override { return step_.name; }
  void prepare() override {
    if (step_.prepare) step_.prepare();
  }
  std::string run() override { return step_.run(directory_.path()); }
  std::string judge(Ended) override { return {}; }

 private:
  TemporaryDirectory directory_;
  Step step_;
};

std::string text_of(const auto& result) {
  return result ? std::string() : result.error().text;
}

std::vector<Step> steps() {
  return {
      {"the first look at whether this is a forked child",  // first in this process, too
       [](const std::string&) {
         os::process_epoch();
         return std::string();
       }},
      {"open for other users, in a new directory",
       [](const std::string& directory) {
         OwnerOptions options;
         options.directory = directory + "/new";
         options.other_users = {1};
         return text_of(Owner::open(kOwnerName, options));
       }},
      {"the directory of the session",
       [](const std::string& directory) {
         ::setenv("XDG_RUNTIME_DIR", directory.c_str(), 1);
         return text_of(rendezvous_directory({}, Access::own));
       }},
      {"looking for the shim",
       [](const std::string&) {
         ::unsetenv("CORTADO_SHIM");
         static_cast<void>(group::find_shim({}));  // whether it is installed is all the same
         return std::string();
       }},
      {"raising the limit of descriptors",
       [](const std::string&) { return text_of(os::raise_descriptor_limit()); },
       [] {
         rlimit limit{};
         ::getrlimit(RLIMIT_NOFILE, &limit);
         limit.rlim_cur = limit.rlim_max / 2;
         ::setrlimit(RLIMIT_NOFILE, &limit);
       }},
      {"a futex, a signal, a wait without a deadline",
       [](const std::string&) {
         const std::atomic<std::uint32_t> word{0};
         os::futex_wait(word, 1);
         os::futex_wake_all(word);
         auto event = os::create_event();
         auto poller = os::Poller::create();
         auto self = os::open_process(::getpid());
         if (!event || !poller || !self) return std::string("no descriptor");
         os::send_signal(self->get(), 0);
         os::signal_event(event->get());
         if (auto added = poller->add(event->get(), EPOLLIN, 0); !added) return added.error().text;
         std::array<epoll_event, 1> ready{};
         poller->wait(ready, std::nullopt);
         return std::string();
       }},
  };
}

struct Coverage : FailpointTest {
  void watch(Operation& operation) { inject.watch(operation); }
};

TEST_F(Coverage, each_call_that_the_library_makes_is_a_failpoint) {
  const char* library = std::getenv("CORTADO_CORE");
  const char* sources = std::getenv("CORTADO_SOURCES");
  if (library == nullptr || sources == nullptr) GTEST_SKIP() << "no CORTADO_CORE, CORTADO_SOURCES";
  if (output_of("nm --version").empty()) GTEST_SKIP() << "there is no nm here";

  for (const Step& step : steps()) watch(*std::make_unique<Small>(step));
  watch(*std::make_unique<Join>());
  watch(*std::make_unique<SendToSleeper>());
  watch(*std::make_unique<BlockingSend>());
  watch(*std::make_unique<Close>());
  watch(*std::make_unique<Rejoin>());
  for (const Kept kept : {Kept::no, Kept::yes}) {
    watch(*std::make_unique<Open>(kept));
    watch(*std::make_unique<Serve>(kept));
    watch(*std::make_unique<End>(kept));
  }
  watch(*std::make_unique<Adopt>(Kept::with_state));
  watch(*std::make_unique<Launch>());
  if (!figures.refused.empty()) return conclude();

  std::set<std::string> functions = imports(library);
  EXPECT_TRUE(functions.contains("syscall") && functions.contains("epoll_ctl"))
      << "nm does not show what it should of " << library;
  functions.erase("syscall");
  functions.merge(named_calls(sources));
  std::size_t covered = 0;
  for (const std::string& function : functions) {
    if (kPure.contains(function)) continue;
    const auto wrapper = kWrappers.find(function);
    if (wrapper == kWrappers.end()) {
      ADD_FAILURE() << function << " is in neither list: which system call does it make?";
      continue;
    }
    const Calls& calls = wrapper->second;
    const bool seen = std::any_of(calls.begin(), calls.end(),
                                  [&](long call) { return figures.calls.contains(call); });
    EXPECT_TRUE(seen) << "no operation has a failpoint at " << function;
    ++covered;
  }
  std::printf("%zu functions of the library make system calls, each is a failpoint\n", covered);
  conclude();
}

TEST_F(Coverage, of_what_has_no_peers_lets_each_call_fail) {
  Fault fault("every-call-fails");
  for (const Step& step : steps()) {
    Small operation(step);
    inject.fail(operation);
  }
  fault.fired(figures.failures);
  conclude();
}

}  // namespace
}  // namespace cortado::test
