// Every access that this process makes to some pages, one by one, and an adversary between them.
//
// The pages are protected; an access faults, is noted, and is let through by one single step of the
// processor (the trap flag), after which the pages are protected again. Between that step and the
// next instruction the adversary may change the pages: faster than any other processor could.
//
// x86-64 only. One thread; system calls on the pages fail with EFAULT while they are watched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <span>
#include <vector>

#include <sys/mman.h>

#include <signal.h>
#include <ucontext.h>

namespace cortado::test {

#if defined(__x86_64__)

class WatchedPages {
 public:
  struct Access {
    std::byte* address = nullptr;  ///< the first byte that faulted
    bool store = false;            ///< a store, or a load and a store by one instruction
    const void* code = nullptr;    ///< the instruction
    unsigned phase = 0;            ///< what `phase` was
  };

  /// Whole pages.
  explicit WatchedPages(std::span<std::byte> pages) : pages_(pages) {
    current_ = this;
    accesses_.reserve(kMost);
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    action.sa_sigaction = [](int, siginfo_t* info, void* context) {
      current_->fault(*info, *static_cast<ucontext_t*>(context));
    };
    ::sigaction(SIGSEGV, &action, &segv_before_);
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      current_->stepped(*static_cast<ucontext_t*>(context));
    };
    ::sigaction(SIGTRAP, &action, &trap_before_);
  }
  ~WatchedPages() {
    protect(PROT_READ | PROT_WRITE);
    ::sigaction(SIGSEGV, &segv_before_, nullptr);
    ::sigaction(SIGTRAP, &trap_before_, nullptr);
  }
  WatchedPages(const WatchedPages&) = delete;
  WatchedPages& operator=(const WatchedPages&) = delete;

  void begin() { protect(PROT_NONE); }
  void end() { protect(PROT_READ | PROT_WRITE); }

  const std::vector<Access>& accesses() const { return accesses_; }
  /// Called behind each access, with the pages open. Its number is accesses().size().
  std::function<void(const Access&)> adversary;
  unsigned phase = 0;

 private:
  static constexpr std::size_t kMost = 100'000;
  static constexpr greg_t kTrapFlag = 0x100;
  static constexpr greg_t kWasWrite = 2;

  void protect(int how) const { ::mprotect(pages_.data(), pages_.size(), how); }

  void fault(const siginfo_t& info, ucontext_t& context) {
    auto* const address = static_cast<std::byte*>(info.si_addr);
    if (address < pages_.data() || address >= pages_.data() + pages_.size() ||
        accesses_.size() == kMost) {
      ::signal(SIGSEGV, SIG_DFL);  // a real one: the instruction repeats it
      return;
    }
    const auto& registers = context.uc_mcontext.gregs;
    accesses_.push_back({address, (registers[REG_ERR] & kWasWrite) != 0,
                         reinterpret_cast<const void*>(registers[REG_RIP]), phase});
    end();
    context.uc_mcontext.gregs[REG_EFL] |= kTrapFlag;
  }

  void stepped(ucontext_t& context) {
    context.uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
    if (adversary) adversary(accesses_.back());
    begin();
  }

  static inline WatchedPages* current_ = nullptr;
  std::span<std::byte> pages_;
  std::vector<Access> accesses_;
  struct sigaction segv_before_ {
  }, trap_before_{};
};

#endif

}  // namespace cortado::test
