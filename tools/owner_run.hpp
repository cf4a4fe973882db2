// One run of `cortado owner`: takes messages, prints or journals them, then releases them.
//
// Order of a turn, whoever is killed where: take; write out the lines; commit to the journal;
// release. So a line may be printed again by the next owner, and is never missing; in the journal
// each message stands once.
#pragma once

#include <cortado/journal.hpp>
#include <cortado/owner.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "lines.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace cortado::tools {

/// What one run is to do.
struct OwnerOrders {
  bool tag = false;
  bool mark_redelivered = false;
  bool until_idle = false;
  std::string output_name;  ///< for messages
  int output = -1;          ///< -1: nothing is printed
  int events = -1;          ///< -1: nowhere
};

class OwnerRun {
 public:
  OwnerRun(const OwnerOrders& orders, Owner& owner, std::optional<Journal>& journal,
           StopSignals& stop);
  /// Until it is told to end, or cannot go on. The exit status; a failure was told.
  int run();

 private:
  /// Between two attempts at a commit that failed for a while.
  static constexpr std::chrono::seconds kTryAgain{1};

  std::size_t take();
  void handle(const Message& message);
  int write_out();
  int commit();
  void await_next_attempt();
  int give_up(const std::string& why);
  void report();
  void tell(const nlohmann::ordered_json& json);
  bool finished();
  void wait(bool idle);

  const OwnerOrders& orders_;
  Owner& owner_;
  std::optional<Journal>& journal_;
  StopSignals& stop_;
  LineWriter output_;
  LineWriter events_;
  bool has_events_;
  Progress progress_;
  std::uint64_t applied_ = 0;
  std::uint64_t redelivered_ = 0;
  std::uint64_t repeated_ = 0;  ///< of these, in the journal already
  bool had_writer_ = false;
  bool closing_ = false;
};

}  // namespace cortado::tools
