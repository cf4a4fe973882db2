// A keeper in the test, and the owners that it starts: a real process for each generation. The test
// itself has no second thread, so that it may fork, and no writer in a process of its own.
#pragma once

#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../unit/forked_child.hpp"
#include "../unit/temporary_directory.hpp"
#include "lane/keeper_end.hpp"
#include "lane/keeper_link.hpp"
#include "lane/rendezvous.hpp"
#include "os/descriptor.hpp"

namespace cortado::test {

/// A watchdog, not an expectation.
inline constexpr std::chrono::seconds kWatchdog{60};

/// The owner's end of the line on which it tells the test what it does.
class Reports {
 public:
  explicit Reports(int socket) : socket_(socket) {}
  void tell(const std::string& line) const {
    [[maybe_unused]] const auto sent = ::send(socket_, line.data(), line.size(), MSG_NOSIGNAL);
  }

 private:
  int socket_;
};

using Lines = std::vector<std::string>;
using OwnerBody = std::function<void(Owner&, const Reports&)>;
using Handler = std::function<void(const Message&)>;

inline bool contains(const Lines& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

inline std::string told(const Event& event) {
  switch (event.kind) {
    case Event::Kind::joined:
      return "joined " + event.writer;
    case Event::Kind::adopted:
      return "adopted " + event.writer;
    case Event::Kind::left:
      return "left " + event.writer + " " + to_string(event.how);
    case Event::Kind::keeper_lost:
      break;
  }
  return "keeper lost";
}

/// One drain; then, no handler running any more, its events and messages are told. Returns the
/// texts of the messages.
inline Lines drain_and_tell(Owner& owner, const Reports& reports, const Handler& handler) {
  Lines lines;
  Lines texts;
  owner.drain([&](const Message& m) {
    handler(m);
    texts.emplace_back(m.text());
    lines.push_back(std::string(m.writer()) + ": " + texts.back() +
                    (m.redelivered() ? " again" : ""));
  });
  while (auto event = owner.next_event()) reports.tell(told(*event));
  for (const std::string& line : lines) reports.tell(line);
  if (texts.empty()) owner.wait(kWatchdog);
  return texts;
}

/// An owner that goes on until it is killed, or its handler ends it.
inline OwnerBody serving(Handler handler = [](const Message&) {}) {
  return [handler = std::move(handler)](Owner& owner, const Reports& reports) {
    for (;;) drain_and_tell(owner, reports, handler);
  };
}

class Keep {
 public:
  static constexpr const char* kName = "kept";

  Keep()
      : rendezvous_(got(
            Rendezvous::bind(kName, got(rendezvous_directory(directory_.path(), Access::own))))),
        keeper_(kName, rendezvous_.listener(), 100) {}

  /// Starts the next owner; returns when it has taken everything over.
  void start(const OwnerBody& body, OwnerOptions options = {}) {
    options.directory = directory_.path();
    os::Descriptor link = got(keeper_.begin_generation());
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    reports_ = os::Descriptor(ends[0]);
    const os::Descriptor owners_end(ends[1]);
    owner_.reset();
    owner_.emplace([&](Line&) {
      const std::string value = std::to_string(link.release()) + ":" + kName;
      ::setenv(lane::kKeeperVariable, value.c_str(), 1);
      const Reports reports(owners_end.get());
      auto owner = Owner::open(kName, options);
      reports.tell(owner ? "opened" : owner.error().text);
      if (!owner) return 1;
      body(*owner, reports);
      return 0;
    });
    link.reset();
    while (!keeper_.handed_over() && keeper_.fd() >= 0) {
      pollfd waits{keeper_.fd(), POLLIN, 0};
      ::poll(&waits, 1, -1);
      EXPECT_TRUE(keeper_.serve());
    }
  }

  Writer join(const std::string& name) const {
    JoinOptions options;
    options.directory = directory_.path();
    options.name = name;
    options.timeout = kWatchdog;
    return got(Writer::join(kName, options));
  }

  /// What the owner tells next; empty once it is gone (its alarm ends one that hangs).
  std::string heard() {
    std::array<char, 4096> line;
    const ssize_t length = ::recv(reports_.get(), line.data(), line.size(), 0);
    return length <= 0 ? std::string() : std::string(line.data(), static_cast<std::size_t>(length));
  }
  /// All that it tells until it has told each of these.
  Lines heard_all(const Lines& wanted) {
    Lines lines;
    const auto told_already = [&](const std::string& line) { return contains(lines, line); };
    while (!std::all_of(wanted.begin(), wanted.end(), told_already)) {
      lines.push_back(heard());
      if (!lines.back().empty()) continue;
      ADD_FAILURE() << "the owner told " << testing::PrintToString(lines) << ", not all of "
                    << testing::PrintToString(wanted);
      break;
    }
    return lines;
  }
  Lines heard_until(const std::string& line) { return heard_all({line}); }

  /// The exit status of an owner that ends by itself; -1 if a signal ended it.
  int wait() { return owner_->wait(); }
  void kill() {
    owner_->kill();
    EXPECT_EQ(owner_->wait(), -1);
  }

 private:
  template <class T>
  static T got(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::abort();
  }

  TemporaryDirectory directory_;
  Rendezvous rendezvous_;
  lane::KeeperEnd keeper_;
  os::Descriptor reports_;
  std::optional<ForkedChild> owner_;
};

}  // namespace cortado::test
