// A system call filter, as sandboxes have it, forbids what the library can do without, or cannot.
#include "../support/forbid.hpp"
#include "injectors.hpp"
#include "os/memory_barrier.hpp"
#include "party.hpp"

namespace cortado::test {
namespace {

constexpr std::array kErrors{EPERM, ENOSYS};

struct Forbidden : ::testing::Test {
  void SetUp() override {
    ::alarm(100);
    const int status = Role([] { return forbid(SYS_uselib, EPERM) ? 0 : kNotPermitted; }).wait();
    if (status != 0) GTEST_SKIP() << "system call filters are not permitted here";
  }
  void TearDown() override { ::alarm(0); }

  /// An owner and two writers, some of them without the call, from begin to end.
  void serve(long call, int error, bool forbidden_to_owner, bool forbidden_to_writers) {
    SCOPED_TRACE("call " + std::to_string(call) + " fails with " + ::strerrorname_np(error));
    const Shared<Board> shared;
    Board& board = *shared;
    board.dies_at = Board::kNever;
    const TemporaryDirectory directory;
    std::array<std::optional<Role>, kWriters> members;
    Role owner([&] {
      if (forbidden_to_owner && !forbid(call, error)) return kNotPermitted;
      AnyOwner opened(Serving{directory.path()}, board);
      return serve_until_they_left(opened, board);
    });
    for (const Who who : {subject, other}) {
      board.begin_life(who);
      members[who].emplace([&, who] {
        if (forbidden_to_writers && !forbid(call, error)) return kNotPermitted;
        return Member{who, directory.path(), 200, 400, true, false}.run(board);
      });
    }
    for (const Who who : {subject, other}) EXPECT_EQ(members[who]->wait(), 0) << board.complaint;
    EXPECT_EQ(owner.wait(), 0) << board.complaint;
    for (const Who who : {subject, other}) {
      EXPECT_EQ(board.ledgers[who].next.load(), 201U);
      EXPECT_EQ(board.fault_of(who, false), "");
    }
  }

 private:
  static int serve_until_they_left(AnyOwner& owner, Board& board) {
    if (!owner) {
      board.complain(owner.error());
      return 1;
    }
    while (board.closes[subject] == 0 || board.closes[other] == 0 || owner->writers() != 0) {
      // Only a wake-up ends this sleep in time.
      if (owner.drain() == 0) owner->wait(kPatience);
    }
    return 0;
  }
};

TEST_F(Forbidden, membarrier_is_replaced_by_fences_on_either_side) {
  Fault fault("calls-forbidden");
  for (const int error : kErrors) {
    serve(SYS_membarrier, error, true, false);
    serve(SYS_membarrier, error, false, true);
    serve(SYS_membarrier, error, true, true);
    fault.fired(3);
  }
}

TEST_F(Forbidden, membarrier_keeps_a_next_owner_from_taking_over_where_it_was_counted_on) {
  Fault fault("calls-forbidden");
  const Shared<Board> shared;
  const TemporaryDirectory directory;
  Keeper keeper(directory.path());
  {
    const os::Descriptor link = keeper.begin_generation();
    ServingOwner first(*shared, Serving{directory.path()}, link.get());
    ASSERT_TRUE(first.opened([&] { keeper.tend(); }));
    first.role().kill();
  }
  const os::Descriptor link = keeper.begin_generation();
  Role next(
      [&] {
        if (!forbid(SYS_membarrier, EPERM)) return kNotPermitted;
        inherit_link();
        const AnyOwner owner(Serving{directory.path()}, *shared);
        if (owner) return 1;
        shared->complaint[0] = '\0';
        shared->complain(owner.error());
        return 0;
      },
      link.get());
  EXPECT_EQ(next.wait(), 0);
  fault.fired();
  EXPECT_NE(std::string(shared->complaint).find("system call filter"), std::string::npos)
      << shared->complaint;
}

TEST_F(Forbidden, pidfd_open_is_said_by_open_and_missed_by_no_writer) {
  Fault fault("calls-forbidden");
  for (const int error : kErrors) {
    serve(SYS_pidfd_open, error, false, true);
    const TemporaryDirectory directory;
    const Shared<Board> shared;
    Role owner([&] {
      if (!forbid(SYS_pidfd_open, error)) return kNotPermitted;
      const AnyOwner opened(Serving{directory.path()}, *shared);
      if (opened) return 1;
      shared->complain(opened.error());
      return 0;
    });
    EXPECT_EQ(owner.wait(), 0);
    EXPECT_EQ(fault_of_text(shared->complaint), "");
    EXPECT_NE(std::string(shared->complaint).find(::strerrorname_np(error)), std::string::npos)
        << shared->complaint;
    EXPECT_TRUE(directory.empty()) << files_in(directory.path());
    fault.fired(2);
  }
}

}  // namespace
}  // namespace cortado::test
