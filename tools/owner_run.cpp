#include "owner_run.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <poll.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "command.hpp"
#include "owner_events.hpp"

namespace cortado::tools {
namespace {

constexpr const char* kCommand = "cortado owner";

}  // namespace

OwnerRun::OwnerRun(const OwnerOrders& orders, Owner& owner, std::optional<Journal>& journal,
                   StopSignals& stop)
    : orders_(orders),
      owner_(owner),
      journal_(journal),
      stop_(stop),
      output_(orders.output),
      events_(orders.events),
      has_events_(orders.events >= 0),
      progress_("messages", ::isatty(orders.output) == 0) {}

int OwnerRun::run() {
  tell({{"event", "opened"},
        {"name", owner_.name()},
        {"pid", ::getpid()},
        {"generation", owner_.generation()}});
  for (;;) {
    const std::size_t taken = take();
    if (const int status = write_out(); status != kOk) return status;
    if (const int status = commit(); status != kOk) return status;
    // They left this process: the writers may forget them.
    if (taken != 0) owner_.release_all();
    report();
    applied_ += taken;
    progress_.show(applied_);
    if (taken == 0 && finished()) break;
    wait(taken == 0);
  }
  nlohmann::ordered_json closed{{"event", "closed"},
                                {"messages", applied_},
                                {"redelivered", redelivered_},
                                {"forgotten", owner_.forgotten()}};
  if (journal_) closed["journalled_before"] = repeated_;
  tell(closed);
  return kOk;
}

/// A transaction is worth more than one drain, a line of output is not.
std::size_t OwnerRun::take() {
  std::size_t taken = 0;
  std::size_t now = 0;
  do {
    now = owner_.drain([this](const Message& message) { handle(message); });
    taken += now;
  } while (journal_ && now != 0 && !journal_->batch_full());
  return taken;
}

void OwnerRun::handle(const Message& message) {
  redelivered_ += message.redelivered() ? 1 : 0;
  if (journal_ && !journal_->add(message)) {
    ++repeated_;  // it was printed before it was journalled
    return;
  }
  if (orders_.output < 0) return;
  if (orders_.tag) output_.add_column(message.writer());
  if (orders_.mark_redelivered) output_.add_column(message.redelivered() ? "again" : "new");
  output_.add(message.text());
}

int OwnerRun::write_out() {
  if (output_.empty()) return kOk;
  const LineWriter::Written written = output_.write_out(stop_);
  const int why = errno;
  if (written == LineWriter::Written::all) return kOk;
  const std::string reason =
      written == LineWriter::Written::failed ? std::strerror(why) : "stopped by a second signal";
  return give_up("cannot write messages to " + orders_.output_name + ": " + reason +
                 "; the writers keep what was not written");
}

/// While the disk is full or the file locked: nothing is released, so the writers wait.
int OwnerRun::commit() {
  if (!journal_) return kOk;
  bool waited = false;
  for (;;) {
    const std::size_t messages = journal_->pending();
    const auto committed = journal_->commit();
    if (committed) {
      if (waited) {
        spdlog::warn("the journal can be written to again: {} messages committed", messages);
        tell({{"event", "journal_resumed"}, {"messages", messages}});
      }
      return kOk;
    }
    const Error& error = committed.error();
    if (!is_passing(error.code) || stop_.count() > 0) {
      return give_up(error.text + "; " + std::to_string(messages) +
                     " messages are taken and not in the journal, the writers keep them and all "
                     "behind them");
    }
    if (!waited) {
      progress_.clear();
      spdlog::warn("{}; it is tried again every second, meanwhile the writers wait",
                   printable(error.text));
      tell({{"event", "journal_waits"}, {"messages", messages}, {"why", error.text}});
    }
    waited = true;
    await_next_attempt();
  }
}

/// Writers come and go meanwhile; a signal ends it.
void OwnerRun::await_next_attempt() {
  pollfd ready{stop_.fd(), POLLIN, 0};
  ::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kTryAgain).count()));
  owner_.drain([](const Message&) {}, {0});
  report();
}

int OwnerRun::give_up(const std::string& why) {
  progress_.clear();
  return complain(kCommand, kFailed, why + ": start an owner of '" + owner_.name() + "' that can");
}

void OwnerRun::report() {
  while (const auto event = owner_.next_event()) {
    progress_.clear();
    had_writer_ = had_writer_ || event->kind != Event::Kind::keeper_lost;
    log_event(*event);
    tell(to_json(*event));
  }
}

void OwnerRun::tell(const nlohmann::ordered_json& json) {
  if (!has_events_) return;
  // A writer's name need not be UTF-8.
  events_.add(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (events_.write_out(stop_) == LineWriter::Written::all) return;
  spdlog::warn("cannot write events: {}; none will follow", std::strerror(errno));
  has_events_ = false;
}

/// Nothing was there in the last turn. True: end.
bool OwnerRun::finished() {
  if (closing_) return owner_.drained();
  return orders_.until_idle && had_writer_ && owner_.writers() == 0;
}

/// Until there is something to do; if not idle there is, and only signals are looked at.
void OwnerRun::wait(bool idle) {
  constexpr int kShowAgain = 200;  // milliseconds
  std::array<pollfd, 2> ready{{{owner_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
  ::poll(ready.data(), ready.size(), !idle || closing_ ? 0 : progress_.active() ? kShowAgain : -1);
  if (stop_.count() > 0 && !closing_) {
    closing_ = true;
    owner_.close();
    tell({{"event", "closing"}});
  }
}

}  // namespace cortado::tools
