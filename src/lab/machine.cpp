#include "lab/machine.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>

#include <sys/utsname.h>

#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/version.hpp>
#include <sched.h>

#include "lab/commit.hpp"

namespace cortado::lab {
namespace {

std::uint32_t usable_processors() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) {
    // More processors than such a set has room for.
    return std::max(std::thread::hardware_concurrency(), 1U);
  }
  return static_cast<std::uint32_t>(CPU_COUNT(&usable));
}

/// x86 calls it "model name", others give a number or nothing.
std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return "unknown";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

std::string compiler() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

std::string boost_version() {
  std::string version = BOOST_LIB_VERSION;
  std::replace(version.begin(), version.end(), '_', '.');
  return version;
}

constexpr bool has_robust_mutex() noexcept {
#ifdef BOOST_INTERPROCESS_POSIX_ROBUST_MUTEXES
  return true;
#else
  return false;
#endif
}

/// In single quotes, if a shell would see anything in it.
std::string quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=@+";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string text = "'";
  for (const char letter : word)
    text += letter == '\'' ? std::string("'\\''") : std::string{letter};
  return text + "'";
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.processors = usable_processors();
  machine.cpu = cpu_model();
  machine.kernel = kernel();
  machine.compiler = compiler();
  machine.boost = boost_version();
  machine.has_robust_mutex = has_robust_mutex();
  machine.version = CORTADO_VERSION;
  machine.commit = kCommit;
  return machine;
}

std::string to_string(const Machine& machine) {
  return std::to_string(machine.processors) + " x " + machine.cpu + ", " + machine.kernel + ", " +
         machine.compiler + ", Boost " + machine.boost + " (mutex " +
         (machine.has_robust_mutex ? "" : "not ") + "robust), cortado " + machine.version + " (" +
         machine.commit + ")";
}

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words{std::istreambuf_iterator<char>(file), {}};
  std::string line;
  for (std::size_t from = 0; from < words.size();) {
    const std::size_t end = std::min(words.find('\0', from), words.size());
    if (!line.empty()) line += ' ';
    line += quoted(std::string_view(words).substr(from, end - from));
    from = end + 1;
  }
  return line;
}

}  // namespace cortado::lab
