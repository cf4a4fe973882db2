#include "modes/shared_memory.hpp"

#include <cerrno>

#include <boost/interprocess/file_mapping.hpp>
#include <unistd.h>

#include "os/error.hpp"
#include "os/memory_file.hpp"

namespace cortado::modes {

namespace bi = boost::interprocess;

Result<SharedMemory> SharedMemory::create(const char* name, std::size_t bytes) {
  auto memory_file = os::create_memory_file(name, bytes);
  if (!memory_file) return memory_file.error();
  const std::string path =
      "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(memory_file->get());
  auto opened = open(path);
  if (opened) opened->descriptor_ = std::move(*memory_file);
  return opened;
}

Result<SharedMemory> SharedMemory::open(const std::string& path) {
  SharedMemory memory;
  memory.path_ = path;
  try {
    const bi::file_mapping file(path.c_str(), bi::read_write);
    memory.region_ = bi::mapped_region(file, bi::read_write);
  } catch (const bi::interprocess_exception& cause) {
    return os::system_error(cause.get_native_error() != 0 ? cause.get_native_error() : ENOMEM,
                            "map", "the segment " + path, "start the run again");
  }
  return memory;
}

}  // namespace cortado::modes
