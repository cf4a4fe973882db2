// What a process has open and mapped, as the kernel tells.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <sys/types.h>

namespace soak {

/// Descriptors and mappings of files (segments are), by what they are of. Anonymous memory is the
/// allocator's own affair.
struct Footprint {
  std::map<std::string, int> things;

  static Footprint of(pid_t pid) {
    Footprint footprint;
    const std::filesystem::path proc = "/proc/" + std::to_string(pid);
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(proc / "fd", gone)) {
      // "socket:[4711]": which socket it is does not matter.
      std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
      ++footprint.things["descriptor of " + target.substr(0, target.find(":["))];
    }
    std::ifstream maps(proc / "maps");
    std::string range, mode, offset, device, inode, path;
    while (maps >> range >> mode >> offset >> device >> inode && std::getline(maps, path)) {
      if (inode != "0") ++footprint.things["map of " + path.substr(path.find_first_not_of(' '))];
    }
    return footprint;
  }

  /// What there is more, or less, than before.
  std::string difference(const Footprint& before) const {
    std::string text;
    std::map<std::string, int> change = things;
    for (const auto& [thing, count] : before.things) change[thing] -= count;
    for (const auto& [thing, count] : change) {
      if (count != 0) text += std::to_string(count) + " x " + thing + "; ";
    }
    return text;
  }
};

}  // namespace soak
