// cortado-member: the program that takes part in a run. Started by the lab, not by hand:
//
//   cortado-member host|intruder STAGE
//   cortado-member writer STAGE INDEX
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <sys/resource.h>

#include "modes/host.hpp"
#include "modes/intruder.hpp"
#include "modes/mode.hpp"
#include "modes/peak_memory.hpp"

namespace {

using namespace cortado::modes;

int take_part(const std::string& role, const std::string& path, const char* index) {
  const auto stage = Stage::open(path);
  if (!stage) {
    std::fprintf(stderr, "cortado-member: %s\n", stage.error().text.c_str());
    return kCannotTakePart;
  }
  const Mode& mode = *known_modes()[stage->workload().mode];
  try {
    if (role == "intruder") return intrude(*stage);
    if (role == "host") {
      const int status = mode.host(*stage);
      stage->host().peak_memory.store(peak_memory(), std::memory_order_relaxed);
      return status;
    }
    const auto writer = static_cast<std::uint32_t>(std::strtoul(index, nullptr, 10));
    const int status = mode.writer(*stage, writer);
    stage->writer(writer).peak_memory.store(peak_memory(), std::memory_order_relaxed);
    return status;
  } catch (const std::exception& error) {
    return refuse(*stage, {cortado::Errc::system, error.what()});
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (!(argc == 3 && (role == "host" || role == "intruder")) && !(argc == 4 && role == "writer")) {
    std::fputs("cortado-member: it takes part in runs that `cortado run` starts\n", stderr);
    return 64;
  }
  const rlimit no_core{};  // some crash on purpose
  ::setrlimit(RLIMIT_CORE, &no_core);
  return take_part(role, argv[2], argc == 4 ? argv[3] : "0");
}
