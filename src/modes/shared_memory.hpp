// Shared memory of a run: a Boost.Interprocess mapping of a segment without a name.
#pragma once

#include <cortado/result.hpp>

#include <cstddef>
#include <string>

#include <boost/interprocess/mapped_region.hpp>

#include "os/descriptor.hpp"

namespace cortado::modes {

/// A mapped segment. Processes of the same user find it through the one that created it, as long as
/// that one has it: nothing is in any directory, and nothing is left behind.
class SharedMemory {
 public:
  /// Zeroed. Errors: see os::create_memory_file.
  static Result<SharedMemory> create(const char* name, std::size_t bytes);
  /// Errc::system, permission: its creator is gone, or is somebody else's.
  static Result<SharedMemory> open(const std::string& path);

  void* address() const noexcept { return region_.get_address(); }
  std::size_t size() const noexcept { return region_.get_size(); }
  /// For open, in another process.
  const std::string& path() const noexcept { return path_; }

 private:
  os::Descriptor descriptor_;  ///< the creator's
  boost::interprocess::mapped_region region_;
  std::string path_;
};

}  // namespace cortado::modes
