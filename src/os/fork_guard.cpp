#include "os/fork_guard.hpp"

#include <new>

#include <sys/mman.h>

#include <unistd.h>

namespace cortado::os::fork_guard {
namespace {

using Word = std::atomic<std::uint64_t>;

// Two words that stay zero: `word` points at one until there is a page, or for good if the kernel
// gives none; then every call asks for the pid.
constinit const Word kUndecided{0};
constinit const Word kUnavailable{0};

constinit std::atomic<std::uint32_t> count{0};

/// The count tells a child from its ancestors, the pid tells it where a thread counted while
/// another one forked.
std::uint64_t fresh_epoch() noexcept {
  return (std::uint64_t{count.fetch_add(1, std::memory_order_relaxed) + 1} << 32) |
         static_cast<std::uint32_t>(::getpid());
}

std::size_t page_bytes() noexcept {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

const Word* make_page() noexcept {
  void* page =
      ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return &kUnavailable;
  if (::madvise(page, page_bytes(), MADV_WIPEONFORK) != 0) {
    ::munmap(page, page_bytes());
    return &kUnavailable;
  }
  return new (page) Word{0};
}

/// The page, made by the first thread that gets here; null if the kernel gives none.
Word* decide() noexcept {
  const Word* seen = word.load(std::memory_order_acquire);
  if (seen == &kUndecided) {
    const Word* made = make_page();
    if (word.compare_exchange_strong(seen, made, std::memory_order_acq_rel)) {
      seen = made;
    } else if (made != &kUnavailable) {
      ::munmap(const_cast<Word*>(made), page_bytes());
    }
  }
  return seen == &kUnavailable ? nullptr : const_cast<Word*>(seen);
}

}  // namespace

constinit std::atomic<const Word*> word{&kUndecided};

std::uint64_t new_epoch() noexcept {
  Word* const page = decide();
  if (page == nullptr) return (std::uint64_t{1} << 32) | static_cast<std::uint32_t>(::getpid());
  std::uint64_t epoch = 0;
  const std::uint64_t fresh = fresh_epoch();
  return page->compare_exchange_strong(epoch, fresh, std::memory_order_relaxed) ? fresh : epoch;
}

}  // namespace cortado::os::fork_guard
