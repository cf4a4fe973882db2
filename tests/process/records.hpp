// What the writers and the handler of the process tests leave behind in files, and how a message is
// made. The judge sees only these files.
//
// Files are mapped shared, so a SIGKILL loses nothing that was stored: a store to the page cache is
// as durable as the machine.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

namespace process_test {

inline constexpr std::uint32_t kMaxWriters = 64;

/// Bijective mixing of 64 bits (splitmix64, Steele, Lea, Flood 2014).
inline std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// First bytes of every message; the rest follows from them.
struct Stamp {
  std::uint32_t writer;
  std::uint32_t length;
  std::uint64_t sequence;
};

/// Fills a message of bytes.size() >= sizeof(Stamp).
inline void make_message(std::uint64_t seed, std::uint32_t writer, std::uint64_t sequence,
                         std::span<std::byte> bytes) {
  const Stamp stamp{writer, static_cast<std::uint32_t>(bytes.size()), sequence};
  std::memcpy(bytes.data(), &stamp, sizeof stamp);
  std::uint64_t word = mix(seed ^ mix(writer) ^ sequence);
  for (std::size_t i = sizeof stamp; i < bytes.size(); i += 8) {
    std::memcpy(bytes.data() + i, &word, std::min<std::size_t>(8, bytes.size() - i));
    word = word * 6364136223846793005ULL + 1442695040888963407ULL;
  }
}

inline std::uint64_t digest_of(std::span<const std::byte> bytes) {
  std::uint64_t digest = bytes.size();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    digest = (digest ^ word) * 0x9fb21c651e98df25ULL;
    digest ^= digest >> 29;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes.data() + i, bytes.size() - i);
  return mix(digest ^ rest);
}

/// A writer's file.
struct WriterRecord {
  std::uint64_t seed;
  std::uint32_t writer;
  std::uint32_t length;                ///< of each message
  std::uint64_t target;                ///< messages it means to send
  std::atomic<std::uint64_t> sent;     ///< send returned `sent` for this many
  std::atomic<std::uint64_t> started;  ///< send was called for this many
  std::atomic<std::uint32_t> pid;
  std::atomic<std::uint32_t> finished;  ///< 1: close said that all is applied
  std::uint32_t gated;                  ///< 1: it waits for `go` before it sends
  std::atomic<std::uint32_t> go;
  std::uint32_t excused;  ///< 1: it was killed, and what it had sent may have died with it
  std::uint32_t idle;     ///< 1: when all is sent it makes no further call, until SIGTERM
};

/// One call of the handler.
struct Entry {
  std::uint32_t writer;
  std::uint32_t generation;  ///< which owner; counted by the test
  std::uint64_t sequence;    ///< Message::sequence
  std::uint64_t stamped;     ///< what the writer wrote into the message
  std::uint64_t digest;      ///< over the bytes that arrived
  std::uint32_t length;
  std::uint32_t redelivered;
};

/// The handler's file: `count` entries. An entry is there when count says so.
struct HandlerRecord {
  std::atomic<std::uint64_t> count;
  std::atomic<std::uint32_t> generations;
  std::atomic<std::uint32_t> pid;
  std::atomic<std::uint32_t> died;  ///< writers that were retired as dead
  std::uint64_t capacity;
  alignas(4096) Entry entries[1];
};

/// A kept state that notices every loss, repeat and exchange.
struct Tally {
  std::uint64_t count[kMaxWriters];
  std::uint64_t chain[kMaxWriters];  ///< mix(chain ^ digest), in order
};

/// A file of `bytes`, mapped shared; made if it is not there.
template <class T>
class MappedFile {
 public:
  MappedFile(const std::string& path, std::size_t bytes) : bytes_(bytes) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
      throw std::runtime_error("cannot make " + path);
    }
    address_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (address_ == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  }
  ~MappedFile() { ::munmap(address_, bytes_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  T* operator->() const { return static_cast<T*>(address_); }
  T& operator*() const { return *static_cast<T*>(address_); }

 private:
  std::size_t bytes_;
  void* address_;
};

inline std::string writer_file(const std::string& directory, std::uint32_t writer) {
  return directory + "/writer-" + std::to_string(writer);
}
inline std::string handler_file(const std::string& directory) {
  return directory + "/handler";
}
inline std::string tally_file(const std::string& directory) {
  return directory + "/tally";
}
inline std::size_t handler_bytes(std::uint64_t entries) {
  return 4096 + entries * sizeof(Entry);
}

}  // namespace process_test
