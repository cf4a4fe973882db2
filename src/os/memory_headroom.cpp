#include "os/memory_headroom.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

namespace cortado::os {
namespace {

/// All of a small file; nullopt if it cannot be read.
std::optional<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (file == nullptr) return std::nullopt;
  std::string text;
  char part[4096];
  while (const std::size_t count = std::fread(part, 1, sizeof part, file.get())) {
    text.append(part, count);
  }
  return text;
}

/// The number at the beginning of `text`; nullopt for "max" and anything else.
std::optional<std::uint64_t> number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const auto text = read_file(path);
  return text ? number(*text) : std::nullopt;
}

/// The number behind `key` in a file of lines "key number"; 0 if there is none.
std::uint64_t field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.substr(0, key.size()) == key) return number(line.substr(key.size())).value_or(0);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

std::uint64_t less(std::uint64_t whole, std::uint64_t part) {
  return whole > part ? whole - part : 0;
}

/// What a version of the cgroup interface calls its files.
struct CgroupFiles {
  const char* limit;
  const char* usage;
  const char* cache_keys[2];  ///< in memory.stat: page cache that the kernel gives up on demand
};

constexpr CgroupFiles kVersion1{"memory.limit_in_bytes",
                                "memory.usage_in_bytes",
                                {"total_inactive_file ", "total_active_file "}};
constexpr CgroupFiles kVersion2{"memory.max", "memory.current", {"inactive_file ", "active_file "}};

void limit_by_cgroup(MemoryHeadroom& headroom, const std::string& folder,
                     const CgroupFiles& files) {
  const auto limit = read_number(folder + '/' + files.limit);
  const auto usage = read_number(folder + '/' + files.usage);
  if (!limit || !usage) return;
  const std::string statistics = read_file(folder + "/memory.stat").value_or("");
  const std::uint64_t cache =
      field(statistics, files.cache_keys[0]) + field(statistics, files.cache_keys[1]);
  const std::uint64_t bytes = less(*limit, less(*usage, cache));
  if (bytes < headroom.bytes) headroom = {bytes, folder + '/' + files.limit};
}

/// From the cgroup `path` up to the root of the hierarchy mounted at `mount`.
void limit_by_hierarchy(MemoryHeadroom& headroom, const std::string& mount, std::string path,
                        const CgroupFiles& files) {
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    limit_by_cgroup(headroom, mount + path, files);
    if (path.empty()) return;
    path.erase(path.find_last_of('/'));
  }
}

}  // namespace

MemoryHeadroom memory_headroom(const std::string& root) {
  MemoryHeadroom headroom;
  if (const auto machine = read_file(root + "/proc/meminfo")) {
    const std::uint64_t kibibytes = field(*machine, "MemAvailable:") + field(*machine, "SwapFree:");
    if (kibibytes > 0) headroom = {kibibytes * 1024, root + "/proc/meminfo"};
  }
  // Lines are HIERARCHY:CONTROLLERS:PATH; version 2 has no controllers.
  const std::string cgroups = read_file(root + "/proc/self/cgroup").value_or("");
  for (std::size_t begin = 0; begin < cgroups.size();) {
    const std::size_t end = std::min(cgroups.find('\n', begin), cgroups.size());
    const std::string line = cgroups.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      limit_by_hierarchy(headroom, root + "/sys/fs/cgroup", path, kVersion2);
      limit_by_hierarchy(headroom, root + "/sys/fs/cgroup/unified", path, kVersion2);
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit_by_hierarchy(headroom, root + "/sys/fs/cgroup/memory", path, kVersion1);
    }
  }
  return headroom;
}

}  // namespace cortado::os
