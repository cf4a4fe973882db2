// So many rounds of sends and one drain, for instructions.py to count: sends ROUNDS BYTES
// Without arguments: which compiler made the library's twin here, as counts are kept for each.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <dlfcn.h>

/// Callgrind knows no pidfds (valgrind 3.19). Nobody dies here, so any descriptor that never tells
/// anything will do. All other system calls are what they are.
extern "C" long syscall(long number, ...) {
  using Syscall = long (*)(long, ...);
  static const auto real = reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
  if (number == SYS_pidfd_open) return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& each : arguments) each = va_arg(list, long);
  va_end(list);
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

namespace {

constexpr int kSends = 16;  // in a round

int send_and_drain(long rounds, std::size_t bytes, const std::string& directory) {
  cortado::OwnerOptions options;
  options.directory = directory;
  auto owner = cortado::Owner::open("sends", options);
  if (!owner) return std::fprintf(stderr, "sends: %s\n", owner.error().text.c_str()), 1;
  auto writer = owner->make_writer();
  if (!writer) return std::fprintf(stderr, "sends: %s\n", writer.error().text.c_str()), 1;
  const std::vector<std::byte> message(bytes, std::byte{'x'});
  long handled = 0;
  for (long round = 0; round < rounds; ++round) {
    for (int i = 0; i < kSends; ++i) {
      const auto status = writer->try_send(std::span<const std::byte>(message));
      if (status != cortado::SendStatus::sent) return 1;
    }
    owner->drain([&](const cortado::Message&) { ++handled; });
  }
  std::printf("%ld\n", handled);
  return handled == rounds * kSends ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
#ifdef __clang__
    std::puts("clang++ " __clang_version__);
#else
    std::puts("g++ " __VERSION__);
#endif
    return 0;
  }
  std::string directory = std::filesystem::temp_directory_path() / "cortado-sends-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  const int status =
      send_and_drain(std::atol(argv[1]), std::strtoul(argv[2], nullptr, 10), directory);
  std::filesystem::remove_all(directory);
  return status;
}
