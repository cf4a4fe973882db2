// What an owner does, with live writers in processes of their own, and with a live keeper or none.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "injectors.hpp"
#include "party.hpp"

namespace cortado::test {

enum class Kept { no, yes, with_state };

/// The owner under test, and what comes after it.
class OwnerOperation : public Operation {
 public:
  explicit OwnerOperation(Kept kept) : kept_(kept) {}

  int inherited() override {
    if (kept_ == Kept::no) return -1;
    if (!keeper_) keeper_.emplace(directory_.path());
    link_ = keeper_->begin_generation();
    return link_.get();
  }
  void at_stop(const Stop&) override { tend(); }
  void tend() override {
    link_.reset();  // the child has it
    if (keeper_) keeper_fault_ = keeper_->tend();
  }
  bool can_be_repeated() const override { return kept_ == Kept::no; }

 protected:
  std::string suffix() const {
    return kept_ == Kept::no ? "" : kept_ == Kept::yes ? " under a keeper" : " with a kept state";
  }
  Serving serving() const { return {directory_.path(), kept_ == Kept::with_state}; }

  /// In the child. The text of an error.
  std::string open() {
    // A duplicate, which the library takes and closes: nothing else may be missing afterwards.
    int link = -1;
    if (kept_ != Kept::no) inherit_link(link = ::dup(kInherited));
    owner_.emplace(serving(), board());
    if (*owner_) return {};
    if (std::getenv(lane::kKeeperVariable) != nullptr) ::close(link);  // it did not take it
    const std::string error = owner_->error();
    owner_.reset();
    return error;
  }
  /// In the child: serves until then.
  void serve_until(const std::function<bool()>& condition) {
    while (!condition()) {
      const std::size_t handled = owner_->drain();
      if (handled == 0) (*owner_)->wait(1s);
      owner_->publish();
    }
  }

  /// In the parent: the next owner. The text of what is wrong.
  std::string open_successor() {
    link_.reset();
    board().owner = 0;
    int link = -1;
    if (keeper_) {
      link_ = keeper_->begin_generation();
      link = link_.get();
    }
    successor_ = std::make_unique<ServingOwner>(board(), serving(), link);
    if (successor_->opened([&] { tend(); })) return {};
    return std::string("the next owner: ") + board().complaint;
  }
  std::string end_successor() {
    const std::string fault = successor_->end([&] { tend(); });
    successor_.reset();
    return fault;
  }
  /// Nothing of the name is left.
  std::string all_gone() {
    if (keeper_) {
      if (!until([&] { return tend(), keeper_->lanes() == 0; })) {
        return "the keeper is left with " + std::to_string(keeper_->lanes()) + " lanes";
      }
      keeper_.reset();
    }
    const std::string files = files_in(directory_.path());
    return files.empty() ? "" : "files are left: " + files;
  }

  Kept kept_;
  TemporaryDirectory directory_;
  std::optional<Keeper> keeper_;  ///< of the parent
  os::Descriptor link_;           ///< of the parent, until the child has it
  std::string keeper_fault_;
  std::optional<AnyOwner> owner_;  ///< of the child
  std::unique_ptr<ServingOwner> successor_;
};

/// The owner under test serves two writers.
class Party : public OwnerOperation {
 public:
  using OwnerOperation::OwnerOperation;

  void begin() override {
    Board& all = board();
    all.go = 0;
    for (const Who who : {subject, other}) {
      all.begin_life(who);
      all.ledgers[who].count = all.ledgers[who].chain = 0;  // a new name, a new state
      all.ready[who] = all.closes[who] = 0;
    }
  }
  std::string progress() override {
    // They write into their rings; whether anything is taken is up to the one that is stopped.
    tend();
    return {};
  }
  std::string judge(Ended how) override {
    board().go = 1;
    if (auto fault = open_successor(); !fault.empty()) return fault;
    for (auto& member : members_) {
      if (!member) continue;
      if (!until([&] { return tend(), member->over(); })) return "a writer hangs";
      if (member->wait() != 0) return std::string("a writer failed: ") + board().complaint;
      member.reset();
    }
    if (!until([&] { return tend(), board().writers == 0; })) return "a lane is not retired";
    for (const Who who : {subject, other}) {
      if (who == subject && how == Ended::killed && subject_may_lose()) {
        board().ledgers[who].sent = board().ledgers[who].next.load();
      }
      if (auto fault = board().fault_of(who, true); !fault.empty()) return fault;
    }
    if (board().has_state != 0) {
      if (auto fault = board().fault_of_state(); !fault.empty()) return fault;
    }
    if (auto fault = end_successor(); !fault.empty()) return fault;
    return all_gone();
  }

 protected:
  virtual bool subject_may_lose() const { return false; }
  virtual Member member(Who who) const { return {who, directory_.path(), 5, 64, false, true}; }
  void spawn_members() {
    for (const Who who : {subject, other}) {
      members_[who].emplace([this, who] { return member(who).run(board()); });
    }
  }
  /// In the child: both have joined, and sent what is not yet taken.
  void open_and_gather() {
    if (auto error = open(); !error.empty()) return board().complain(error);
    const auto first_of_both = [&] {
      return board().ledgers[subject].next != 0 && board().ledgers[other].next != 0;
    };
    while (!first_of_both()) {
      if (owner_->drain({1}) == 0) (*owner_)->wait(1ms);
    }
    owner_->publish();
    until([&] { return board().ready[subject] != 0 && board().ready[other] != 0; });
  }
  void serve_to_the_end() {
    board().go = 1;
    serve_until([&] { return (*owner_)->writers() == 0; });
    owner_.reset();
  }

  std::array<std::optional<Role>, kWriters> members_;
};

/// Both join, send through small rings, ask, leave, while their owner is under test.
struct Serve : Party {
  using Party::Party;
  std::string name() const override { return "serving writers" + suffix(); }
  Member member(Who who) const override { return {who, directory_.path(), 10, 800, true, false}; }
  void prepare() override {
    if (auto error = open(); !error.empty()) board().complain(error);
  }
  std::string run() override {
    serve_until([&] {
      return board().closes[subject] != 0 && board().closes[other] != 0 &&
             (*owner_)->writers() == 0;
    });
    return {};
  }
  void begin() override {
    Party::begin();
    to_come_ = true;
  }
  void tend() override {
    if (std::exchange(to_come_, false)) spawn_members();
    Party::tend();
  }
  std::string judge(Ended how) override {
    tend();
    return Party::judge(how);
  }
  void use() override { owner_.reset(); }

 private:
  bool to_come_ = false;  ///< the writers, once the child stands at its begin
};

struct Evict : Party {
  using Party::Party;
  std::string name() const override { return "sending a writer away" + suffix(); }
  void begin() override {
    Party::begin();
    spawn_members();
  }
  Member member(Who who) const override {
    Member one = Party::member(who);
    one.may_be_sent_away = who == subject;
    return one;
  }
  void prepare() override { open_and_gather(); }
  std::string run() override {
    (*owner_)->evict(kNames[subject]);
    serve_until([&] { return (*owner_)->writers() == 1; });
    return {};
  }
  void use() override { serve_to_the_end(); }
  bool subject_may_lose() const override { return kept_ == Kept::no; }
};

/// In order, with messages that are not taken: the next owner gets them.
struct End : Party {
  using Party::Party;
  std::string name() const override { return "closing and ending" + suffix(); }
  void begin() override {
    Party::begin();
    spawn_members();
  }
  void prepare() override { open_and_gather(); }
  std::string run() override {
    (*owner_)->close();
    owner_->drain({3});
    owner_->publish();
    owner_.reset();
    return {};
  }
};

/// The first owner of a name, of which there was one before: a writer has messages from then.
struct Open : OwnerOperation {
  explicit Open(Kept kept) : OwnerOperation(kept) { leave_backlog(); }
  std::string name() const override { return "open" + suffix(); }
  std::string run() override { return open(); }
  void use() override {
    if (!owner_) return;
    serve_until([&] { return board().all_handled(subject); });
    owner_.reset();
  }
  void tend() override {
    OwnerOperation::tend();
    if (writer_) static_cast<void>(writer_->poll());
  }
  std::string progress() override {
    for (int i = 0; i < 3; ++i) tend();
    return {};
  }
  std::string judge(Ended) override {
    if (auto fault = open_successor(); !fault.empty()) return fault;
    if (!until([&] { return tend(), board().all_handled(subject); })) {
      return "what the writer had for the next owner does not arrive";
    }
    if (auto fault = board().fault_of(subject, kept_ != Kept::no); !fault.empty()) return fault;
    writer_.reset();
    if (!until([&] { return tend(), board().writers == 0; })) return "its lane is not retired";
    if (auto fault = end_successor(); !fault.empty()) return fault;
    if (auto fault = all_gone(); !fault.empty()) return fault;
    leave_backlog();
    return {};
  }

 private:
  /// An owner that takes nothing, and is killed: a stale socket and a stale lock file, too.
  void leave_backlog() {
    board().begin_life(subject);
    board().owner = 0;
    ServingOwner first(board(), Serving{directory_.path()});
    if (!first.opened()) throw std::runtime_error(board().complaint);
    JoinOptions options;
    options.name = kNames[subject];
    options.directory = directory_.path();
    options.timeout = kPatience;
    writer_.emplace(got(Writer::join(kOwnerName, options)));
    first.role().signal(SIGSTOP);
    for (int i = 0; i < 3; ++i) {
      if (board().post(*writer_, subject, patiently()) != SendStatus::sent) std::abort();
    }
    first.role().kill();
    board().owner = 0;
  }

  std::optional<Writer> writer_;
};

/// A next owner takes over two lanes: one with a message that the last owner died with, both with
/// messages that nobody has seen. Its writers notice nothing.
struct Adopt : OwnerOperation {
  explicit Adopt(Kept kept) : OwnerOperation(kept) {
    keeper_.emplace(directory_.path());
    board().begin_life(subject);
    board().begin_life(other);
    if (auto fault = open_successor(); !fault.empty()) throw std::runtime_error(fault);
    for (const Who who : {subject, other}) {
      JoinOptions options;
      options.name = kNames[who];
      options.directory = directory_.path();
      options.timeout = kPatience;
      writers_[who].emplace(got(Writer::join(kOwnerName, options)));
    }
  }
  std::string name() const override { return "taking over" + suffix(); }
  void begin() override {
    successor_->role().signal(SIGSTOP);
    board().dies_at = board().ledgers[subject].started + 1;
    for (int i = 0; i < 3; ++i) {
      for (const Who who : {subject, other}) {
        if (board().post(*writers_[who], who, patiently()) != SendStatus::sent) std::abort();
      }
    }
    successor_->role().signal(SIGCONT);
    until([&] { return tend(), successor_->role().over(); });
    successor_.reset();
    board().dies_at = Board::kNever;
  }
  std::string run() override { return open(); }
  void tend() override {
    OwnerOperation::tend();
    for (const Who who : {subject, other}) {
      if (writers_[who]) static_cast<void>(writers_[who]->poll());
    }
  }
  void use() override {
    if (!owner_) return;
    serve_until([&] { return board().all_handled(subject) && board().all_handled(other); });
    owner_.reset();
  }
  std::string progress() override {
    for (const Who who : {subject, other}) {
      const auto sent = board().post(*writers_[who], who, patiently());
      if (sent != SendStatus::sent) return std::string("a send says ") + to_string(sent);
    }
    return {};
  }
  std::string judge(Ended) override {
    if (auto fault = open_successor(); !fault.empty()) return fault;
    for (const Who who : {subject, other}) {
      const auto arrived = [&] {
        tend();
        return board().all_handled(who) && writers_[who]->poll() == SendStatus::sent;
      };
      if (!until(arrived)) {
        return std::string("messages of ") + kNames[who] + " do not arrive; its writer is " +
               to_string(writers_[who]->poll());
      }
      if (auto fault = board().fault_of(who, true); !fault.empty()) return fault;
      if (writers_[who]->stats().rejoins != 0) return "a writer noticed";
    }
    if (kept_ == Kept::with_state) {
      until([&] { return board().fault_of_state().empty(); });
      return board().fault_of_state();
    }
    return {};
  }

 private:
  std::array<std::optional<Writer>, kWriters> writers_;
};

/// The same when the writers died with the last owner: the keeper alone has what they sent.
struct AdoptOrphans : Party {
  using Party::Party;
  std::string name() const override { return "taking over from the dead" + suffix(); }
  void begin() override {
    Party::begin();
    keeper_.emplace(directory_.path());
    if (auto fault = open_successor(); !fault.empty()) throw std::runtime_error(fault);
    spawn_members();
    const auto both = [&](const auto& have) {
      return until([&] { return tend(), have(subject) && have(other); });
    };
    both([&](Who who) { return board().ledgers[who].next != 0; });
    successor_->role().signal(SIGSTOP);  // most of what comes now is not taken
    both([&](Who who) { return board().ready[who] != 0; });
    successor_.reset();
    for (auto& member : members_) member.reset();
  }
  std::string run() override {
    if (auto error = open(); !error.empty()) return error;
    serve_until([&] { return (*owner_)->writers() == 0; });
    return {};
  }
  void use() override { owner_.reset(); }
};

}  // namespace cortado::test
