#include "lane/segment.hpp"

#include <cerrno>
#include <string>

#include <sys/mman.h>
#include <sys/stat.h>

#include <boost/interprocess/mapped_region.hpp>
#include <unistd.h>

#include "os/error.hpp"

namespace cortado::lane {
namespace {

namespace bi = boost::interprocess;

/// What mapped_region asks of a thing that can be mapped. Borrows the descriptor.
struct MemoryFile {
  int descriptor;
  bi::mapping_handle_t get_mapping_handle() const noexcept {
    return bi::ipcdetail::mapping_handle_from_file_handle(descriptor);
  }
};

/// Address space that belongs to nobody else until regions are placed over it, from its begin on.
/// What they cover is theirs to unmap: whoever unmaps a range twice, unmaps what another thread has
/// mapped there meanwhile.
class Reservation {
 public:
  explicit Reservation(std::size_t size)
      : rest_(::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
        bytes_(size) {}
  ~Reservation() {
    if (*this && bytes_ != 0) ::munmap(rest_, bytes_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  explicit operator bool() const noexcept { return rest_ != MAP_FAILED; }
  std::byte* begin() const noexcept { return static_cast<std::byte*>(rest_); }

  /// Places the next region at the begin of what is left. Throws what mapped_region throws.
  bi::mapped_region place(const MemoryFile& file, std::uint64_t offset, std::uint64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    bi::mapped_region region(file, bi::read_write, static_cast<bi::offset_t>(offset), size, rest_,
                             MAP_FIXED);
    rest_ = begin() + size;
    bytes_ -= size;
    return region;
  }

 private:
  void* rest_;
  std::size_t bytes_;
};

Error mapping_error(const bi::interprocess_exception& cause, const char* what,
                    std::uint64_t bytes) {
  return os::system_error(cause.get_native_error() != 0 ? cause.get_native_error() : ENOMEM, "map",
                          std::string(what) + " of " + std::to_string(bytes) + " bytes",
                          "use smaller rings, or raise vm.max_map_count");
}

}  // namespace

struct LaneMemory::Regions {
  bi::mapped_region there, there_again, back, back_again;
};

LaneMemory::~LaneMemory() = default;

Result<std::unique_ptr<LaneMemory>> LaneMemory::map(int memfd, RingSizes sizes) {
  Reservation range(kPageBytes + 2 * sizes.ring_bytes + 2 * sizes.reply_bytes);
  if (!range)
    return os::system_error(errno, "reserve addresses for", "a lane", "use smaller rings");
  auto regions = std::make_unique<Regions>();
  std::unique_ptr<LaneMemory> memory(new LaneMemory);
  memory->base_ = range.begin();
  memory->sizes_ = sizes;
  const MemoryFile file{memfd};
  const std::uint64_t ring_end = kPageBytes + sizes.ring_bytes;
  try {
    regions->there = range.place(file, 0, ring_end);
    regions->there_again = range.place(file, kPageBytes, sizes.ring_bytes);
    regions->back = range.place(file, ring_end, sizes.reply_bytes);
    regions->back_again = range.place(file, ring_end, sizes.reply_bytes);
  } catch (const bi::interprocess_exception& cause) {
    return mapping_error(cause, "a lane", sizes.segment_bytes());
  }
  memory->regions_ = std::move(regions);
  return memory;
}

namespace {

Error unusable(const std::string& why) {
  return {Errc::version_mismatch, "cannot use the lane's segment: " + why +
                                      "; build owner and writer with the same cortado"};
}

}  // namespace

Result<RingSizes> check_lane_head(const LaneHead& head, std::uint64_t segment_bytes) {
  if (head.magic != kMagic) return unusable("it does not begin with the magic number");
  if (head.layout_version != ring::kLayoutVersion) {
    return unusable("it has layout " + std::to_string(head.layout_version) + ", this program " +
                    std::to_string(ring::kLayoutVersion));
  }
  if (!ring::valid_capacity(head.ring_bytes) || !ring::valid_capacity(head.reply_bytes)) {
    return unusable("a ring's size is not a power of two in range");
  }
  const RingSizes sizes{head.ring_bytes, head.reply_bytes};
#if !defined(CORTADO_SEED_NO_SEGMENT_SIZE_CHECK)
  if (segment_bytes != sizes.segment_bytes()) return unusable("its size does not match its rings");
#endif
  return sizes;
}

Result<RingSizes> read_lane_sizes(int memfd) {
  struct stat status {};
  if (::fstat(memfd, &status) != 0) return os::system_error(errno, "examine", "a lane's segment");
  LaneHead head{};
  if (::pread(memfd, &head, sizeof head, 0) != static_cast<ssize_t>(sizeof head)) {
    return unusable("it is too short");
  }
  return check_lane_head(head, static_cast<std::uint64_t>(status.st_size));
}

struct KeptMemory::Region {
  explicit Region(const MemoryFile& file, std::size_t bytes)
      : shared(file, bi::read_write, 0, bytes) {}
  explicit Region(std::size_t bytes)
      : anonymous(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
        anonymous_bytes(bytes) {}
  ~Region() {
    if (anonymous != MAP_FAILED) ::munmap(anonymous, anonymous_bytes);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  bi::mapped_region shared;
  void* anonymous = MAP_FAILED;
  std::size_t anonymous_bytes = 0;
};

KeptMemory::~KeptMemory() = default;

Result<std::unique_ptr<KeptMemory>> KeptMemory::map(int memfd, std::uint64_t bytes) {
  std::unique_ptr<KeptMemory> memory(new KeptMemory);
  if (memfd < 0) {
    memory->region_ = std::make_unique<Region>(bytes);
    if (memory->region_->anonymous == MAP_FAILED) {
      return os::system_error(errno, "allocate", "the owner's positions", "lower max_writers");
    }
    memory->base_ = static_cast<std::byte*>(memory->region_->anonymous);
    return memory;
  }
  try {
    memory->region_ = std::make_unique<Region>(MemoryFile{memfd}, bytes);
  } catch (const bi::interprocess_exception& cause) {
    return mapping_error(cause, "the kept segment", bytes);
  }
  memory->base_ = static_cast<std::byte*>(memory->region_->shared.get_address());
  return memory;
}

std::byte* KeptMemory::state(std::uint32_t slot) const noexcept {
  const KeptHeader& head = header();
  const std::uint64_t lanes_end = kept_bytes(head.max_lanes, 0);
  return base_ + lanes_end + slot * state_slot_bytes(head.state_bytes);
}

}  // namespace cortado::lane
