#include "bench/board.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <sys/mman.h>

#include "os/futex.hpp"

namespace cortado::bench {
namespace {

void* map(std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(),
                            "map " + std::to_string(bytes) + " bytes of shared memory");
  }
  return memory;
}

}  // namespace

void Board::fail(const char* text) noexcept {
  std::uint32_t nobody = 0;
  constexpr std::uint32_t kWriting = 2;
  if (!has_failed.compare_exchange_strong(nobody, kWriting)) return;
  std::strncpy(why, text, sizeof why - 1);
  has_failed.store(1, std::memory_order_release);
}

void Board::check() const {
  if (has_failed.load(std::memory_order_acquire) == 1) throw std::runtime_error(why);
}

void Board::give_up() noexcept {
  stop.store(kGivenUp, std::memory_order_release);
  for (auto* word : {&peer_open, &joined, &go, &over}) set(*word);
}

void Board::set(std::atomic<std::uint32_t>& word) noexcept {
  word.store(1, std::memory_order_release);
  os::futex_wake_all(word);
}

void Board::await(const std::atomic<std::uint32_t>& word) noexcept {
  while (word.load(std::memory_order_acquire) == 0) os::futex_wait(word, 0);
}

SharedBoard::SharedBoard(std::uint32_t writers)
    : writers_(writers),
      bytes_(sizeof(Board) + writers * sizeof(Board::Notes)),
      memory_(map(bytes_)) {
  new (memory_) Board();
  for (Board::Notes& each : notes()) new (&each) Board::Notes();
}

SharedBoard::~SharedBoard() {
  ::munmap(memory_, bytes_);
}

std::span<Board::Notes> SharedBoard::notes() noexcept {
  static_assert(sizeof(Board) % alignof(Board::Notes) == 0);
  return {reinterpret_cast<Board::Notes*>(static_cast<std::byte*>(memory_) + sizeof(Board)),
          writers_};
}

SharedBlock::SharedBlock(std::size_t bytes) : bytes_(bytes), memory_(map(bytes)) {}

SharedBlock::~SharedBlock() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

SharedBlock::SharedBlock(SharedBlock&& other) noexcept
    : bytes_(other.bytes_), memory_(std::exchange(other.memory_, nullptr)) {}

}  // namespace cortado::bench
