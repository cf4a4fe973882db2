// Two writers as processes of their own, for what an owner does; and a keeper in the test.
#pragma once

#include <cortado/writer.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "../unit/temporary_directory.hpp"
#include "board.hpp"
#include "lane/keeper_end.hpp"
#include "lane/rendezvous.hpp"
#include "role.hpp"

namespace cortado::test {

template <class T>
T got(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text.c_str());
  std::abort();
}

/// What a launcher is to its owners.
class Keeper {
 public:
  explicit Keeper(const std::string& directory)
      : rendezvous_(
            got(Rendezvous::bind(kOwnerName, got(rendezvous_directory(directory, Access::own))))),
        end_(kOwnerName, rendezvous_.listener(), 100) {}

  /// The next owner's end of the link.
  os::Descriptor begin_generation() { return got(end_.begin_generation()); }
  /// What is due. The text of an error.
  std::string tend() {
    const auto served = end_.serve();
    return served ? std::string() : served.error().text;
  }
  std::size_t lanes() const { return end_.lanes(); }

 private:
  Rendezvous rendezvous_;
  lane::KeeperEnd end_;
};

/// How a member of a party fares: joins, sends, waits for the sign, closes.
struct Member {
  Who who;
  std::string directory;
  int messages;        ///< sent at once, behind the first one
  std::size_t length;  ///< of each
  bool asks;           ///< a question before it closes
  bool waits;          ///< for Board::go before it closes
  bool may_be_sent_away = false;

  int run(Board& board) const {
    JoinOptions options;
    options.name = kNames[who];
    options.directory = directory;
    options.timeout = kPatience;
    auto writer = Writer::join(kOwnerName, options);
    while (!writer) {
      if (auto fault = fault_of_text(writer.error().text); !fault.empty()) {
        board.complain(fault);
        return 1;
      }
      ::usleep(500);  // refused, or nobody is there (yet, or any more)
      writer = Writer::join(kOwnerName, options);
    }
    const auto post = [&] { return board.post(*writer, who, patiently(), length); };
    if (post() != SendStatus::sent) return give_up(board, "the first message is not sent");
    // The owner has it in hand, and goes to sleep.
    const bool taken = until([&] {
      static_cast<void>(writer->poll());  // without a keeper: so it learns of the next owner
      return board.ledgers[who].next != 0;
    });
    if (!taken) return give_up(board, "the first message does not arrive");
    ::usleep(200);
    for (int i = 0; i < messages; ++i) {
      if (const auto sent = post(); sent != SendStatus::sent) {
        return give_up(board, std::string("a send says: ") + to_string(sent));
      }
    }
    board.ready[who] = 1;
    if (asks) {
      // An owner that dies with it in hand, or whose call failed, may leave it without an answer.
      auto answer = writer->ask("?", kPatience);
      if (!answer && answer.error().code != Errc::unanswered) {
        return give_up(board, answer.error().text);
      }
    }
    if (waits && !until([&] { return board.go != 0; })) return give_up(board, "no sign comes");
    board.closes[who] = 1;
    const std::uint64_t left = writer->close(kPatience);
    if (left == 0 || may_be_sent_away) return 0;
    return give_up(board, "close leaves " + std::to_string(left) + " messages");
  }

 private:
  int give_up(Board& board, const std::string& why) const {
    board.complain(std::string(kNames[who]) + ": " + why);
    return 1;
  }
};

}  // namespace cortado::test
