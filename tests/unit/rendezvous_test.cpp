#include "lane/rendezvous.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "forked_child.hpp"
#include "os/unix_socket.hpp"
#include "temporary_directory.hpp"

namespace cortado {
namespace {

namespace fs = std::filesystem;

struct RendezvousTest : testing::Test {
  Errc refusal(const Result<Rendezvous>& result) {
    if (result) {
      ADD_FAILURE() << "not refused";
      return Errc::unknown;
    }
    EXPECT_EQ(result.error().text.find('\n'), std::string::npos);
    return result.error().code;
  }
  Errc refusal(const Result<os::Descriptor>& result) {
    if (result) {
      ADD_FAILURE() << "not refused";
      return Errc::unknown;
    }
    return result.error().code;
  }

  TemporaryDirectory directory;
  std::string socket_path = directory.file("orders.sock");
};

TEST(Name, has_1_to_64_harmless_characters) {
  for (const auto* good : {"a", "orders", "A-b_c.9", "a..b"}) EXPECT_TRUE(check_name(good)) << good;
  EXPECT_TRUE(check_name(std::string(64, 'x')));
  for (const auto* bad : {"", ".", "..", ".a", "a/b", "/", "a b", "\xc3\xa9", "a\n", "*"}) {
    const auto checked = check_name(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, Errc::invalid_argument);
    EXPECT_EQ(checked.error().text.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(check_name(std::string(65, 'x')));
  EXPECT_FALSE(check_name(std::string_view("a\0b", 3)));
}

TEST_F(RendezvousTest, creates_a_private_directory) {
  const ::mode_t old = ::umask(0);
  const auto made = rendezvous_directory(directory.file("new"), Access::own);
  ::umask(old);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(*made, directory.file("new"));
  EXPECT_EQ(fs::status(*made).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(rendezvous_directory(directory.file("new"), Access::own))
      << "it may be there already";
}

TEST_F(RendezvousTest, prefers_the_session_directory_of_this_user) {
  ::setenv("XDG_RUNTIME_DIR", directory.path().c_str(), 1);
  const auto of_session = rendezvous_directory("", Access::own);
  ASSERT_TRUE(of_session) << of_session.error().text;
  EXPECT_EQ(*of_session, directory.file("cortado"));
  ::setenv("XDG_RUNTIME_DIR", "relative", 1);
  const auto of_tmp = rendezvous_directory("", Access::own);
  ::unsetenv("XDG_RUNTIME_DIR");
  ASSERT_TRUE(of_tmp) << of_tmp.error().text;
  EXPECT_EQ(*of_tmp, "/tmp/cortado-" + std::to_string(::geteuid()));
}

TEST_F(RendezvousTest, refuses_a_squatted_directory) {
  test::Fault fault("squatted-rendezvous");
  const std::string path = directory.file("squatted");
  const auto refused = [&](const std::string& said) {
    const auto result = rendezvous_directory(path, Access::own);
    return !result && result.error().code == Errc::permission &&
           result.error().text.find(path) != std::string::npos &&
           result.error().text.find(said) != std::string::npos;
  };
  fs::create_directory(directory.file("target"));
  fs::permissions(directory.file("target"), fs::perms::owner_all);
  fs::create_directory_symlink(directory.file("target"), path);
  EXPECT_TRUE(refused("symbolic link"));
  const auto slash = rendezvous_directory(path + "/", Access::own);
  EXPECT_FALSE(slash) << "a slash must not lead through the link";
  fs::remove(path);
  std::ofstream(path) << "x";
  EXPECT_TRUE(refused("not a directory"));
  fs::remove(path);
  fs::create_directory(path);
  for (const unsigned mode : {0750U, 0701U, 0777U}) {
    fs::permissions(path, static_cast<fs::perms>(mode));
    EXPECT_TRUE(refused("mode 0")) << mode;
    EXPECT_EQ(refusal(Rendezvous::bind("orders", path)), Errc::permission) << mode;
  }
  if (::geteuid() == 0) {
    fs::permissions(path, fs::perms::owner_all);
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_TRUE(refused("owner 12345"));
    EXPECT_EQ(refusal(Rendezvous::bind("orders", path)), Errc::permission);
  }
  fault.fired();
}

TEST_F(RendezvousTest, joins_a_writer_to_the_owner_and_leaves_nothing_behind) {
  {
    const ::mode_t old = ::umask(0777);
    const auto owner = Rendezvous::bind("orders", directory.path());
    ::umask(old);
    ASSERT_TRUE(owner) << owner.error().text;
    EXPECT_EQ(owner->path(), socket_path);
    EXPECT_EQ(static_cast<unsigned>(fs::status(socket_path).permissions()), 0600U);
    EXPECT_NE(::fcntl(owner->listener(), F_GETFL) & O_NONBLOCK, 0);
    const auto writer = connect_to_owner("orders", directory.path());
    ASSERT_TRUE(writer) << writer.error().text;
    EXPECT_NE(::fcntl(writer->get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(writer->get(), F_GETFD) & FD_CLOEXEC, 0);
    const os::Descriptor accepted(::accept4(owner->listener(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(accepted);
    const std::array text{std::byte{'x'}};
    EXPECT_EQ(os::send_message(writer->get(), text, {}, 0), 1);
  }
  EXPECT_TRUE(directory.empty());
}

TEST_F(RendezvousTest, refuses_descriptors_from_a_writer_where_the_kernel_can) {
  const auto owner = Rendezvous::bind("orders", directory.path());
  ASSERT_TRUE(owner);
  if (!os::refuse_descriptors(owner->listener())) GTEST_SKIP() << "the kernel has no SO_PASSRIGHTS";
  const auto writer = connect_to_owner("orders", directory.path());
  ASSERT_TRUE(writer);
  const std::array text{std::byte{'x'}};
  const std::array descriptors{0};
  EXPECT_EQ(os::send_message(writer->get(), text, descriptors, 0), -EPERM) << "before accept";
  const os::Descriptor accepted(::accept4(owner->listener(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(os::send_message(writer->get(), text, descriptors, 0), -EPERM) << "after accept";
  EXPECT_EQ(os::send_message(accepted.get(), text, descriptors, 0), 1) << "to the writer they go";
}

TEST_F(RendezvousTest, has_one_owner_even_if_that_one_is_stopped) {
  test::Fault fault("owner-stopped-second-starts");
  ForkedChild child([this](Line& line) {
    const auto owner = Rendezvous::bind("orders", directory.path());
    line.tell(owner ? 'y' : 'n');
    line.hear();
    return 0;
  });
  ASSERT_EQ(child.line().hear(), 'y');
  child.stop();
  fault.fired();
  EXPECT_EQ(refusal(Rendezvous::bind("orders", directory.path())), Errc::name_taken);
  EXPECT_TRUE(fs::exists(socket_path)) << "the loser touches nothing";
  EXPECT_TRUE(connect_to_owner("orders", directory.path()));
  EXPECT_TRUE(Rendezvous::bind("other", directory.path()));
  child.resume();
}

TEST_F(RendezvousTest, replaces_the_socket_of_an_owner_that_was_killed) {
  test::Fault fault("stale-rendezvous");
  ForkedChild child([this](Line& line) {
    const auto owner = Rendezvous::bind("orders", directory.path());
    line.tell(owner ? 'y' : 'n');
    line.hear();
    return 0;
  });
  ASSERT_EQ(child.line().hear(), 'y');
  child.kill();
  fault.fired();
  child.wait();
  ASSERT_TRUE(fs::exists(socket_path));
  fault.fired();
  EXPECT_EQ(refusal(connect_to_owner("orders", directory.path())), Errc::no_owner);
  const auto next = Rendezvous::bind("orders", directory.path());
  ASSERT_TRUE(next) << next.error().text;
  EXPECT_TRUE(connect_to_owner("orders", directory.path()));
}

TEST_F(RendezvousTest, does_not_replace_what_is_not_a_socket) {
  test::Fault fault("stale-rendezvous");
  const auto refused = [this] {
    return refusal(Rendezvous::bind("orders", directory.path())) == Errc::permission &&
           fs::exists(fs::symlink_status(socket_path)) &&
           refusal(connect_to_owner("orders", directory.path())) == Errc::permission;
  };
  std::ofstream(socket_path) << "x";
  EXPECT_TRUE(refused()) << "file";
  fs::remove(socket_path);
  fs::create_directory(socket_path);
  EXPECT_TRUE(refused()) << "directory";
  fs::remove(socket_path);
  const auto other = Rendezvous::bind("other", directory.path());
  ASSERT_TRUE(other);
  fs::create_symlink(other->path(), socket_path);
  EXPECT_TRUE(refused()) << "link to a live socket";
  EXPECT_FALSE(fs::exists(directory.file("orders.lock"))) << "the lock is given back";
  fault.fired();
}

TEST_F(RendezvousTest, refuses_a_socket_of_another_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make one";
  test::Fault fault("squatted-rendezvous");
  auto owner = Rendezvous::bind("orders", directory.path());
  ASSERT_TRUE(owner);
  ASSERT_EQ(::chown(socket_path.c_str(), 12345, 12345), 0);
  fault.fired();
  EXPECT_EQ(refusal(connect_to_owner("orders", directory.path())), Errc::permission);
}

TEST_F(RendezvousTest, refuses_a_listener_of_another_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become one";
  test::Fault fault("squatted-rendezvous");
  ForkedChild child([this](Line& line) {
    const std::string path = socket_path;
    if (::chown(directory.path().c_str(), 12345, 12345) != 0 || ::setuid(12345) != 0) return 1;
    const auto owner = Rendezvous::bind("orders", directory.path());
    line.tell(owner ? 'y' : 'n');
    line.hear();
    return owner ? 0 : 2;
  });
  ASSERT_EQ(child.line().hear(), 'y');
  EXPECT_TRUE(connect_to_owner("orders", directory.path())) << "the directory's user is trusted";
  ASSERT_EQ(::chown(directory.path().c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(socket_path.c_str(), 0, 0), 0);
  EXPECT_EQ(refusal(connect_to_owner("orders", directory.path())), Errc::permission);
  fault.fired();
}

TEST_F(RendezvousTest, tells_a_writer_that_there_is_no_owner) {
  const auto nobody = connect_to_owner("orders", directory.path());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::no_owner);
  EXPECT_NE(nobody.error().text.find("cortado owner orders"), std::string::npos);
  EXPECT_NE(nobody.error().text.find(socket_path), std::string::npos);
  EXPECT_EQ(refusal(connect_to_owner("orders", directory.file("nowhere"))), Errc::no_owner);
  EXPECT_EQ(refusal(connect_to_owner("../x", directory.path())), Errc::invalid_argument);
}

TEST_F(RendezvousTest, asks_to_try_again_when_too_many_joins_wait) {
  const auto owner = Rendezvous::bind("orders", directory.path());
  ASSERT_TRUE(owner);
  std::vector<os::Descriptor> waiting;
  Errc last = Errc::unknown;
  while (waiting.size() < 1000) {
    auto writer = connect_to_owner("orders", directory.path());
    if (!writer) {
      last = writer.error().code;
      break;
    }
    waiting.push_back(std::move(*writer));
  }
  EXPECT_EQ(last, Errc::try_again);
  EXPECT_GE(waiting.size(), 128U);
}

TEST_F(RendezvousTest, works_in_a_directory_deeper_than_a_socket_address) {
  std::string deep = directory.path();
  for (int i = 0; i < 8; ++i) deep += "/a-directory-with-a-long-name";
  fs::create_directories(deep);
  fs::permissions(deep, fs::perms::owner_all);
  const std::string name(64, 'n');
  {
    const auto owner = Rendezvous::bind(name, deep);
    ASSERT_TRUE(owner) << owner.error().text;
    EXPECT_TRUE(fs::is_socket(deep + "/" + name + ".sock"));
    EXPECT_TRUE(connect_to_owner(name, deep));
  }
  EXPECT_TRUE(fs::is_empty(deep));
}

TEST_F(RendezvousTest, leaves_a_socket_alone_that_replaced_its_own) {
  {
    const auto owner = Rendezvous::bind("orders", directory.path());
    ASSERT_TRUE(owner);
    fs::remove(socket_path);
    std::ofstream(socket_path) << "somebody else's";
  }
  EXPECT_TRUE(fs::exists(socket_path));
}

TEST_F(RendezvousTest, is_untouched_when_a_forked_child_destroys_its_copy) {
  test::Fault fault("owner-forks");
  auto owner = Rendezvous::bind("orders", directory.path());
  ASSERT_TRUE(owner);
  ForkedChild child([&owner](Line&) {
    const Rendezvous copy = std::move(*owner);
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
  fault.fired();
  EXPECT_TRUE(connect_to_owner("orders", directory.path()));
  EXPECT_TRUE(fs::exists(directory.file("orders.lock")));
}

TEST_F(RendezvousTest, moves_with_its_files) {
  auto first = Rendezvous::bind("orders", directory.path());
  auto second = Rendezvous::bind("other", directory.path());
  ASSERT_TRUE(first && second);
  *first = std::move(*second);
  EXPECT_EQ(refusal(connect_to_owner("orders", directory.path())), Errc::no_owner);
  EXPECT_TRUE(connect_to_owner("other", directory.path()));
  EXPECT_TRUE(Rendezvous::bind("orders", directory.path()));
}

}  // namespace
}  // namespace cortado
