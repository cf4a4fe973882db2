// Writers of other users: whom the directory lets in, and whom the owner admits. The other user is
// a child that gave root up, so only root can run this.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "temporary_directory.hpp"

namespace cortado {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kWatchdog{60};
constexpr uid_t kNobody = 65534;
constexpr int kJoined = 100;  ///< as an exit status; else it is an Errc
constexpr int kBroken = 101;

class OtherUsers : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become another user";
    ASSERT_EQ(::chmod(around_.path().c_str(), 0711), 0);
  }
  std::string directory() const { return around_.file("meeting"); }
  Owner open(std::vector<std::uint32_t> users, std::uint32_t quota = 0) const {
    OwnerOptions options;
    options.directory = directory();
    options.other_users = std::move(users);
    options.max_writers_per_user = quota;
    auto owner = Owner::open("owner", options);
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  }
  JoinOptions as(const std::string& name) const {
    JoinOptions options;
    options.directory = directory();
    options.name = name;
    options.timeout = kWatchdog;
    return options;
  }

  /// What becomes of the last of so many writers that another user has at a time.
  int fate_of_nobody(Owner& owner, int count = 1) {
    const std::size_t others = owner.writers();
    ForkedChild child([&](Line&) { return join_as_nobody(count); });
    std::atomic<bool> stop{false};
    const auto keep = [&](const Message& m) { texts_.emplace_back(m.text()); };
    std::thread serving([&] {
      while (!stop.load()) {
        if (owner.drain(keep) == 0) owner.wait(5ms);
      }
    });
    const int fate = child.wait();
    stop.store(true);
    serving.join();
    while (owner.writers() != others) {
      if (owner.drain(keep) == 0) owner.wait(kWatchdog);
    }
    return fate;
  }

  TemporaryDirectory around_;
  std::vector<std::string> texts_;

 private:
  int join_as_nobody(int count) const {
    if (::setresgid(kNobody, kNobody, kNobody) != 0) return kBroken;
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return kBroken;
    std::vector<Writer> writers;
    while (count-- > 0) {
      auto writer = Writer::join("owner", as("nobody " + std::to_string(count)));
      if (!writer) return count == 0 ? static_cast<int>(writer.error().code) : kBroken;
      writers.push_back(std::move(*writer));
      if (writers.back().try_send("hello") != SendStatus::sent) return kBroken;
    }
    return kJoined;
  }
};

TEST_F(OtherUsers, that_are_named_join_and_are_known_by_their_uid) {
  Owner owner = open({kNobody});
  struct stat status {};
  ASSERT_EQ(::stat(directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0711U);
  EXPECT_EQ(fate_of_nobody(owner), kJoined);
  EXPECT_EQ(texts_, std::vector<std::string>{"hello"});
  const auto joined = owner.next_event();
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->kind, Event::Kind::joined);
  EXPECT_EQ(joined->uid, kNobody);
}

TEST_F(OtherUsers, that_are_not_named_are_refused_by_the_owner) {
  test::Fault fault("no-permission");
  Owner owner = open({kNobody - 1});
  EXPECT_EQ(fate_of_nobody(owner), static_cast<int>(Errc::permission));
  EXPECT_EQ(owner.writers(), 0U);
  EXPECT_FALSE(owner.next_event());
  fault.fired();
}

TEST_F(OtherUsers, do_not_get_into_the_directory_of_an_owner_that_names_none) {
  test::Fault fault("no-permission");
  Owner owner = open({});
  EXPECT_EQ(fate_of_nobody(owner), static_cast<int>(Errc::permission));
  EXPECT_EQ(owner.writers(), 0U);
  fault.fired();
}

TEST_F(OtherUsers, have_each_a_quota_of_their_own) {
  test::Fault fault("too-many-writers");
  Owner owner = open({kNobody}, 2);
  auto first = owner.make_writer(as("root 1"));
  auto second = owner.make_writer(as("root 2"));
  ASSERT_TRUE(first && second);
  const auto third = owner.make_writer(as("root 3"));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::quota) << third.error().text;
  EXPECT_EQ(fate_of_nobody(owner, 2), kJoined);
  EXPECT_EQ(fate_of_nobody(owner, 3), static_cast<int>(Errc::quota));
  fault.fired();
}

}  // namespace
}  // namespace cortado
