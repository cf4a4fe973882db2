// Owners and writers in processes of their own, who meet in a directory of the test's. A child that
// cannot go on ends with kBroken; nobody outlives the test, and nobody waits for ever: each process
// has an alarm.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "../conformance/setting.hpp"
#include "../support/fault.hpp"
#include "../unit/forked_child.hpp"

namespace identity {

using namespace conformance;
using cortado::Errc;
using cortado::Left;
using cortado::SendStatus;
using cortado::test::Fault;

inline constexpr int kBroken = 99;  ///< exit status of a child that could not do its part

class Meeting : public Setting {
 public:
  Meeting() {
    std::fflush(nullptr);  // or each child would print it once more
    ::alarm(300);
  }
  ~Meeting() override { ::alarm(0); }

  /// Of a child: waits for an owner if there is none yet.
  cortado::Writer joined(cortado::JoinOptions chosen) const {
    chosen.timeout = kWatchdog;
    auto writer = cortado::Writer::join("setting", chosen);
    while (!writer && writer.error().code == Errc::no_owner) {
      ::usleep(1000);
      writer = cortado::Writer::join("setting", chosen);
    }
    if (writer) return std::move(*writer);
    std::fprintf(stderr, "%s\n", writer.error().text.c_str());
    ::_exit(kBroken);
  }
  cortado::Writer joined(const std::string& name) const { return joined(as(name)); }

  /// Drains and takes events until the condition holds, which may depend on other processes.
  template <class AnyOwner, class Condition>
  void serve_until(AnyOwner& owner, Condition condition) {
    while (!condition()) {
      const auto keep = [this](const cortado::Message& m) {
        heard.push_back(std::string(m.writer()) + ": " + std::string(m.text()) +
                        (m.redelivered() ? " again" : ""));
      };
      if (owner.drain(keep) == 0) owner.wait(5ms);
      for (cortado::Event& event : events(owner)) {
        if (event.kind == cortado::Event::Kind::left) {
          left.push_back(event);
        } else {
          came.push_back(event);
        }
      }
    }
  }
  template <class AnyOwner>
  void serve_until_heard(AnyOwner& owner, std::size_t messages) {
    serve_until(owner, [&] { return heard.size() >= messages; });
  }
  template <class AnyOwner>
  void serve_until_left(AnyOwner& owner, std::size_t writers) {
    serve_until(owner, [&] { return left.size() >= writers; });
  }

  Texts heard;  ///< "writer: text"
  std::vector<cortado::Event> came, left;
};

/// For a child that serves its writers until it is killed.
template <class AnyOwner>
[[noreturn]] void serve_for_ever(AnyOwner& owner) {
  for (;;) {
    if (owner.drain([](const cortado::Message&) {}) == 0) owner.wait(kWatchdog);
  }
}

}  // namespace identity
