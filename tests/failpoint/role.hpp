// The peers of a failpoint test: an owner that serves, as a process of its own.
#pragma once

#include <cortado/owner.hpp>

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <sys/wait.h>

#include <unistd.h>

#include "board.hpp"
#include "lane/keeper_protocol.hpp"
#include "lane/rendezvous.hpp"

namespace cortado::test {

inline constexpr const char* kOwnerName = "owner";

/// A forked process that has nothing of its parent's but `inherited`, as kInherited.
class Role {
 public:
  explicit Role(const std::function<int()>& body, int inherited = -1) : pid_(::fork()) {
    if (pid_ < 0) std::abort();
    if (pid_ != 0) return;
    part_from_parent(inherited);
    ::_exit(body());
  }
  ~Role() { kill(); }
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;

  pid_t pid() const { return pid_; }
  /// No effect once it is gone: -1 would be everybody.
  void signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    wait();
  }
  /// The exit status; -1 if a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool over() const {
    siginfo_t information{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           information.si_pid == pid_;
  }

 private:
  pid_t pid_;
};

/// For a process whose parent is the keeper: what it inherited as kInherited is its link.
inline void inherit_link(int link = kInherited) {
  const std::string value = std::to_string(link) + ":" + kOwnerName;
  ::setenv(lane::kKeeperVariable, value.c_str(), 1);
}

struct Serving {
  std::string directory;
  bool kept_state = false;
  OwnerOptions options() const {
    OwnerOptions chosen;
    chosen.directory = directory;
    chosen.ring_bytes = chosen.reply_bytes = 4096;
    chosen.max_writers = 8;
    return chosen;
  }
};

/// An owner with a kept state or without one, behind one face.
class AnyOwner {
 public:
  /// What went wrong is in error().
  AnyOwner(const Serving& serving, Board& board) : board_(board) {
    if (serving.kept_state) {
      keep(Owner::open<Tally>(kOwnerName, serving.options()), kept_);
    } else {
      keep(Owner::open(kOwnerName, serving.options()), plain_);
    }
  }

  const std::string& error() const { return error_; }
  explicit operator bool() const { return plain_ || kept_; }
  Owner& operator*() { return kept_ ? static_cast<Owner&>(*kept_) : *plain_; }
  Owner* operator->() { return &**this; }

  std::size_t drain(Budget budget = {}) {
    const auto handle = [&](const Message& message) {
      board_.note(message);
      if (message.is_ask()) message.reply("!");
    };
    if (!kept_) return plain_->drain(handle, budget);
    return kept_->drain(
        [&](const Message& message, Tally& tally) {
          Wire wire{};
          if (message.bytes().size() >= sizeof wire) {
            std::memcpy(&wire, message.bytes().data(), sizeof wire);
            if (wire.who < kWriters) tally.add(wire);
          }
          handle(message);
        },
        budget);
  }
  /// Tells everybody how this owner fares.
  void publish() {
    while ((**this).next_event()) {
    }
    if (kept_) board_.state = kept_->state();
    board_.has_state = kept_ ? 1 : 0;
    board_.writers = static_cast<std::uint32_t>((**this).writers());
  }

 private:
  template <class Opened>
  void keep(Result<Opened> opened, std::optional<Opened>& owner) {
    if (opened) {
      owner.emplace(std::move(*opened));
    } else {
      error_ = opened.error().text;
    }
  }

  Board& board_;
  std::optional<Owner> plain_;
  std::optional<KeptOwner<Tally>> kept_;
  std::string error_;
};

/// Serves until the board says to end, then ends in order.
inline int serve(AnyOwner& owner, Board& board) {
  if (!owner) {
    board.complain("no owner: " + owner.error());
    return 1;
  }
  owner.publish();
  board.owner = static_cast<std::uint32_t>(::getpid());
  while (board.owner_quits == 0) {
    board.at_gate = board.gate_closed.load();
    if (board.at_gate != 0) {
      ::usleep(50);
      continue;
    }
    const std::size_t handled = owner.drain();
    owner.publish();
    if (handled == 0) owner->wait(20s);
    if (handled == 0) owner.publish();
  }
  return 0;
}

/// The owner that stands ready, or comes next. `link`: the socket to a keeper, or -1.
class ServingOwner {
 public:
  ServingOwner(Board& board, const Serving& serving, int link = -1)
      : board_(board),
        directory_(serving.directory),
        role_([&] { return body(board, serving, link); }, link) {}
  /// Without a keeper to serve meanwhile: true once it is open.
  bool opened(const std::function<void()>& tend = {}) {
    const bool open = until([&] {
      if (tend) tend();
      return board_.owner == static_cast<std::uint32_t>(role_.pid()) || role_.over();
    });
    return open && !role_.over();
  }
  Role& role() { return role_; }
  /// It ends in order. Empty: it did.
  std::string end(const std::function<void()>& tend = {}) {
    board_.owner_quits = 1;
    // Something to look at, for one that sleeps: somebody knocks, and goes away.
    { auto knock = connect_to_owner(kOwnerName, directory_); }
    const bool over = until([&] {
      if (tend) tend();
      return role_.over();
    });
    board_.owner_quits = 0;
    board_.owner = 0;
    if (!over) return "the owner does not end";
    return role_.wait() == 0 ? std::string() : "the owner ended otherwise";
  }

 private:
  static int body(Board& board, const Serving& serving, int link) {
    if (link >= 0) inherit_link();
    AnyOwner owner(serving, board);
    return serve(owner, board);
  }
  Board& board_;
  std::string directory_;
  Role role_;
};

}  // namespace cortado::test
