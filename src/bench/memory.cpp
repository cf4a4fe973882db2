#include "bench/memory.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace cortado::bench {
namespace {

/// The line of /proc/self/status that begins with `key`, in bytes.
double status_bytes(const std::string& key) {
  constexpr double kKiB = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stod(line.substr(key.size())) * kKiB;
  }
  return 0;
}

}  // namespace

std::uint64_t shared_bytes(std::istream& maps) {
  // begin-end rwxs offset device inode: the end of what is mapped of each file.
  std::map<std::string, std::uint64_t> ends;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string rights;
    std::string device;
    std::string inode;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    char dash = 0;
    fields >> std::hex >> begin >> dash >> end >> rights >> offset >> device >> inode;
    if (!fields || rights.size() != 4 || rights[3] != 's') continue;
    std::uint64_t& file = ends[device + ' ' + inode];
    file = std::max(file, offset + (end - begin));
  }
  std::uint64_t bytes = 0;
  for (const auto& [file, mapped] : ends) bytes += mapped;
  return bytes;
}

double held_bytes() {
  std::ifstream maps("/proc/self/maps");
  return status_bytes("RssAnon:") + static_cast<double>(shared_bytes(maps));
}

}  // namespace cortado::bench
