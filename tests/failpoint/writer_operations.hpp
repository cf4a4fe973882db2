// What a writer does, with a live owner in a process of its own and a bystander beside it.
#pragma once

#include <cortado/writer.hpp>

#include <memory>
#include <optional>
#include <string>

#include <sys/syscall.h>

#include <signal.h>

#include "../support/inside.hpp"
#include "../unit/temporary_directory.hpp"
#include "injectors.hpp"
#include "role.hpp"

namespace cortado::test {

inline bool sleeps(const Stop& stop) {
  return stop.entry && (stop.number == SYS_epoll_wait || stop.number == SYS_epoll_pwait2);
}

class WriterOperation : public Operation {
 public:
  WriterOperation() {
    open_owner();
    const Footprint alone = baseline_;
    bystander_.emplace(*join(bystander));
    board().begin_life(subject);
    {
      auto warm_up = join(subject);
      until([&] { return board().writers == 2; });
    }
    until([&] { return board().writers == 1; });
    baseline_ = owner_footprint();
    lane_ = baseline_ - alone;
  }

  void begin() override { board().begin_life(subject); }
  void give_back() override {
    if (!writer_) return;
    if (const auto left = writer_->close(kPatience); left != 0) {
      board().complain("close leaves " + std::to_string(left) + " messages");
    }
    writer_.reset();
  }
  void tend() override { board().gate_closed = 0; }
  std::string progress() override {
    board().gate_closed = 0;
    for (int i = 0; i < 3; ++i) {
      if (auto fault = bystander_gets_on(); !fault.empty()) return fault;
    }
    return {};
  }

  std::string judge(Ended how) override {
    board().gate_closed = 0;
    if (auto fault = bystander_gets_on(); !fault.empty()) return fault;
    if (!until([&] { return board().writers == 1; })) return "its lane is not retired";
    if (auto fault = settled(); !fault.empty()) return fault;
    if (how == Ended::killed && may_lose_when_killed()) {
      board().ledgers[subject].sent = board().ledgers[subject].next.load();
    }
    if (auto fault = board().fault_of(subject, repeats_allowed()); !fault.empty()) return fault;
    if (auto fault = board().fault_of(bystander, repeats_allowed()); !fault.empty()) return fault;
    return same_name_again();
  }

 protected:
  virtual bool may_lose_when_killed() const { return false; }
  virtual bool repeats_allowed() const { return false; }

  Serving serving() const { return {directory_.path()}; }
  void open_owner() {
    board().owner = 0;
    owner_ = std::make_unique<ServingOwner>(board(), serving());
    if (!owner_->opened()) throw std::runtime_error(board().complaint);
    baseline_ = owner_footprint() + lane_;
  }
  Footprint owner_footprint() const { return footprint_of(owner_->role().pid()); }

  Result<Writer> join(Who who) const {
    JoinOptions options;
    options.name = kNames[who];
    options.directory = directory_.path();
    options.timeout = kPatience;
    return Writer::join(kOwnerName, options);
  }
  /// Into writer_; the text of an error.
  std::string join_subject() {
    auto joined = join(subject);
    if (!joined) return joined.error().text;
    writer_.emplace(std::move(*joined));
    return {};
  }
  /// In the child: the owner handles nothing more until the gate opens, or its writer hangs up.
  void close_gate() {
    board().gate_closed = 1;
    const auto sent = board().post(*writer_, subject, Writer::time_point::max());
    if (sent != SendStatus::sent || !until([&] { return board().at_gate != 0; })) {
      board().complain("the owner is not at the gate");
    }
  }

  std::string bystander_gets_on() {
    const auto sent = board().post(*bystander_, bystander, patiently());
    if (sent != SendStatus::sent) return std::string("the bystander's send: ") + to_string(sent);
    const auto applied = bystander_->wait_applied(kPatience);
    return applied ? std::string() : "the bystander: " + applied.error().text;
  }
  /// The owner has what it had before.
  std::string settled() {
    if (until([&] { return owner_footprint() == baseline_; })) return {};
    return "the owner is left with " + (owner_footprint() - baseline_).text();
  }
  std::string same_name_again() {
    board().begin_life(subject);
    auto again = join(subject);
    if (!again) return "joining again: " + again.error().text;
    if (board().post(*again, subject, patiently()) != SendStatus::sent ||
        again->close(kPatience) != 0) {
      return "joined again, and cannot send";
    }
    if (!until([&] { return board().writers == 1; })) return "the next lane is not retired";
    if (auto fault = board().fault_of(subject, false); !fault.empty()) return "again: " + fault;
    return settled();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ServingOwner> owner_;
  std::optional<Writer> bystander_;  ///< of the parent
  std::optional<Writer> writer_;     ///< of the child
  Footprint baseline_;               ///< of the owner, with the bystander's lane
  Footprint lane_;                   ///< what a lane adds
};

struct Join : WriterOperation {
  std::string name() const override { return "join"; }
  std::string run() override { return join_subject(); }
  void use() override {
    if (!writer_) return;
    if (board().post(*writer_, subject, patiently()) != SendStatus::sent) {
      board().complain("joined, and cannot send");
    }
    give_back();
  }
};

/// The owner looks at nothing before this writer waits for its answer: whoever is killed before is
/// a stranger to it, who has said a word and gone. The polls before that one only ask whether there
/// is an owner, and do not wait.
struct JoinUnseen : Join {
  std::string name() const override { return "join that is not answered yet"; }
  void begin() override {
    Join::begin();
    board().gate_closed = 1;
    // Wakes it; it goes to the gate instead of taking this.
    const auto sent = board().post(*bystander_, bystander, patiently());
    if (sent != SendStatus::sent || !until([&] { return board().at_gate != 0; })) {
      throw std::runtime_error("the owner is not at the gate");
    }
  }
  void at_stop(const Stop& stop) override {
    const auto timeout = static_cast<int>(stop.arguments[2]);
    if (stop.entry && stop.number == SYS_poll && timeout != 0) board().gate_closed = 0;
  }
};

/// The owner sleeps: all that is left to do is to ring.
struct SendToSleeper : WriterOperation {
  std::string name() const override { return "send into a sleeping owner"; }
  void prepare() override {
    join_subject();
    auto& control = *test::inside(*writer_).control;
    until([&] {
      return (control.owner_state.load() & lane::owner_state::armed) != 0 &&
             asleep(static_cast<pid_t>(board().owner));
    });
  }
  std::string run() override {
    const auto status = board().post(*writer_, subject, patiently());
    return status == SendStatus::sent ? "" : to_string(status);
  }
};

struct BlockingSend : WriterOperation {
  std::string name() const override { return "send that waits for room"; }
  void prepare() override {
    join_subject();
    close_gate();
    while (board().post(*writer_, subject, Writer::time_point::min(), 512) == SendStatus::sent) {
    }
  }
  std::string run() override {
    const auto status = board().post(*writer_, subject, patiently(), 512);
    return status == SendStatus::sent ? "" : to_string(status);
  }
  void at_stop(const Stop& stop) override {
    if (sleeps(stop)) board().gate_closed = 0;
  }
};

struct Ask : BlockingSend {
  std::string name() const override { return "ask"; }
  void prepare() override {
    join_subject();
    close_gate();
  }
  std::string run() override {
    auto answer = writer_->ask("?", kPatience);
    return answer ? (*answer == "!" ? "" : "a wrong answer") : answer.error().text;
  }
};

struct Close : Ask {
  std::string name() const override { return "close"; }
  std::string run() override {
    const auto left = writer_->close(kPatience);
    return left == 0 ? "" : std::to_string(left) + " messages left";
  }
  bool shrinks() const override { return true; }
};

struct Destroy : Ask {
  std::string name() const override { return "destructor"; }
  std::string run() override {
    writer_.reset();
    return {};
  }
  bool shrinks() const override { return true; }
};

/// The owner died and the next one comes while this writer looks for it, with messages for it.
struct Rejoin : WriterOperation {
  std::string name() const override { return "joining the next owner"; }
  void begin() override {
    WriterOperation::begin();
    died_ = false;
  }
  void prepare() override {
    join_subject();
    close_gate();
    for (int i = 0; i < 3; ++i) {
      const auto sent = board().post(*writer_, subject, Writer::time_point::max());
      if (sent != SendStatus::sent) board().complain("no room for a backlog");
    }
    owner_->role().signal(SIGKILL);  // which this child has as its parent had it
  }
  std::string run() override {
    const auto applied = writer_->wait_applied(kPatience);
    return applied ? std::string() : applied.error().text;
  }
  void at_stop(const Stop& stop) override {
    // The first look finds nobody.
    if (stop.entry && stop.number == SYS_clock_nanosleep) tend();
  }
  void tend() override {
    if (!died_) {
      died_ = true;
      // It was sent SIGKILL, and has the name until it has ended.
      if (!until([&] { return owner_->role().over(); })) board().complain("the owner lives on");
      // The next one hears nobody before it is known what it has without them.
      board().gate_closed = 1;
      open_owner();
    }
    board().gate_closed = 0;
  }
  std::string progress() override {
    tend();
    return WriterOperation::progress();
  }
  std::string judge(Ended how) override {
    tend();
    return WriterOperation::judge(how);
  }
  bool shrinks() const override { return true; }

 protected:
  bool may_lose_when_killed() const override { return true; }  // it has not joined again
  bool repeats_allowed() const override { return true; }

 private:
  bool died_ = false;
};

}  // namespace cortado::test
