// Something of somebody else where an owner and its writers would meet: a directory, a link, a
// FIFO, a socket, a plain file, in place of the directory, of the socket or of the lock file. The
// answer is one line that names the path and whose it is; nothing is followed, changed, waited for
// or trusted.
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "meeting.hpp"
#include "os/descriptor.hpp"

namespace {

using namespace identity;

constexpr uid_t kNobody = 65534;

using Maker = void (*)(const std::string& path);

void make_socket(const std::string& path) {
  const cortado::os::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

/// What stands in the place. The links lead to where `Squatted` keeps something of ours.
const std::map<std::string, Maker> kSquatters{
    {"directory", [](const std::string& path) { ASSERT_EQ(::mkdir(path.c_str(), 0777), 0); }},
    {"fifo", [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0); }},
    {"file", [](const std::string& path) { std::ofstream(path) << "theirs"; }},
    {"link",
     [](const std::string& path) {
       std::filesystem::create_symlink(std::filesystem::path(path).parent_path() / "ours", path);
     }},
    {"dangling link",
     [](const std::string& path) {
       std::filesystem::create_symlink(std::filesystem::path(path).parent_path() / "gone", path);
     }},
    {"socket", make_socket},
};

/// All that a look can tell of a path and of what is in it, links not followed; but for the times
/// of our own directories, in which a lock may come and go.
std::map<std::string, std::vector<std::uint64_t>> seen(const std::string& path) {
  std::map<std::string, std::vector<std::uint64_t>> all;
  const auto look = [&](const std::string& each) {
    struct stat status {};
    if (::lstat(each.c_str(), &status) != 0) return;
    if (S_ISDIR(status.st_mode) && status.st_uid == ::geteuid()) {
      status.st_mtim = status.st_ctim = {};
      status.st_size = 0;
    }
    all[each] = {status.st_ino,
                 status.st_mode,
                 status.st_uid,
                 static_cast<std::uint64_t>(status.st_size),
                 static_cast<std::uint64_t>(status.st_mtim.tv_sec),
                 static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
                 static_cast<std::uint64_t>(status.st_ctim.tv_nsec)};
  };
  look(path);
  for (const auto& each : std::filesystem::recursive_directory_iterator(path)) look(each.path());
  return all;
}

class Squatted : public Meeting {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make what belongs to another user";
    ASSERT_EQ(::mkdir(ours().c_str(), 0700), 0);
    std::ofstream(ours() + "/inside") << "ours";
  }
  std::string ours() const { return directory_ + "/ours"; }
  std::string place() const { return directory_ + "/place"; }

  static void make_nobodys(Maker make, const std::string& path) {
    make(path);
    ASSERT_EQ(::lchown(path.c_str(), kNobody, kNobody), 0);
  }
  static bool names_whose(const std::string& text, const std::string& path) {
    return text.find(path) != std::string::npos &&
           text.find("owner " + std::to_string(kNobody)) != std::string::npos &&
           text.find('\n') == std::string::npos;
  }
  /// Both sides refuse, and say why; what stands there is as it was.
  void expect_refused(const std::string& directory, const std::string& path, bool by_writers) {
    const auto before = seen(directory_);
    cortado::OwnerOptions owning;
    owning.directory = directory;
    const auto owner = cortado::Owner::open("setting", owning);
    ASSERT_FALSE(owner);
    EXPECT_EQ(owner.error().code, Errc::permission) << owner.error().text;
    EXPECT_TRUE(names_whose(owner.error().text, path)) << owner.error().text;
    cortado::JoinOptions joining;
    joining.directory = directory;
    const auto writer = cortado::Writer::join("setting", joining);
    ASSERT_FALSE(writer);
    if (by_writers) {
      EXPECT_EQ(writer.error().code, Errc::permission) << writer.error().text;
      EXPECT_TRUE(names_whose(writer.error().text, path)) << writer.error().text;
    } else {
      EXPECT_EQ(writer.error().code, Errc::no_owner) << writer.error().text;
    }
    EXPECT_EQ(seen(directory_), before);
  }
};

TEST_F(Squatted, directory_is_refused_and_left_alone) {
  Fault fault("squatted-rendezvous");
  for (const auto& [what, make] : kSquatters) {
    SCOPED_TRACE(what);
    make_nobodys(make, place());
    if (what == "directory") {
      // Named by hand, another user's directory is a place to join, but not to own a name in; to
      // none that others can write to.
      ASSERT_EQ(::chmod(place().c_str(), 0777), 0);
    }
    expect_refused(place(), place(), true);
    fault.fired();
    std::filesystem::remove_all(place());
  }
}

TEST_F(Squatted, socket_is_refused_and_left_alone) {
  Fault fault("squatted-rendezvous");
  ASSERT_EQ(::mkdir(place().c_str(), 0700), 0);
  for (const auto& [what, make] : kSquatters) {
    SCOPED_TRACE(what);
    const std::string path = place() + "/setting.sock";
    make_nobodys(make, path);
    expect_refused(place(), path, true);
    EXPECT_FALSE(std::filesystem::exists(place() + "/setting.lock")) << "it is given back";
    fault.fired();
    std::filesystem::remove_all(path);
  }
}

TEST_F(Squatted, lock_file_is_refused_and_left_alone) {
  Fault fault("squatted-rendezvous");
  ASSERT_EQ(::mkdir(place().c_str(), 0700), 0);
  for (const auto& [what, make] : kSquatters) {
    SCOPED_TRACE(what);
    const std::string path = place() + "/setting.lock";
    make_nobodys(make, path);
    expect_refused(place(), path, false);
    fault.fired();
    std::filesystem::remove_all(path);
  }
}

TEST_F(Squatted, socket_that_somebody_listens_at_gets_no_writer) {
  Fault fault("squatted-rendezvous");
  // A directory of ours that others could write to for a moment: nobody's socket is still there.
  ASSERT_EQ(::mkdir(place().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(place().c_str(), 0777), 0);
  const std::string path = place() + "/setting.sock";
  ForkedChild squatter([&](Line& line) {
    if (::setresgid(kNobody, kNobody, kNobody) != 0) return kBroken;
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return kBroken;
    const cortado::os::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return kBroken;
    }
    if (::listen(socket.get(), 8) != 0) return kBroken;
    line.tell('l');
    const cortado::os::Descriptor met(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char heard_byte = 0;
    // Nothing must be said to it: neither a Hello nor a byte.
    line.tell(met && ::recv(met.get(), &heard_byte, 1, 0) > 0 ? 'x' : '.');
    return 0;
  });
  ASSERT_EQ(squatter.line().hear(), 'l');
  ASSERT_EQ(::chmod(place().c_str(), 0700), 0);
  // Even if its file looks like ours.
  for (const uid_t shown : {kNobody, uid_t{0}}) {
    ASSERT_EQ(::lchown(path.c_str(), shown, shown), 0);
    cortado::JoinOptions joining;
    joining.directory = place();
    const auto writer = cortado::Writer::join("setting", joining);
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().code, Errc::permission) << writer.error().text;
    EXPECT_NE(writer.error().text.find(path), std::string::npos) << writer.error().text;
    EXPECT_NE(writer.error().text.find(std::to_string(kNobody)), std::string::npos)
        << writer.error().text;
    fault.fired();
  }
  EXPECT_EQ(squatter.line().hear(), '.') << "it was told something";
}

TEST_F(Squatted, not_by_files_of_a_dead_owner_which_are_taken_over) {
  Fault fault("stale-rendezvous");
  cortado::OwnerOptions owning;
  owning.directory = place();
  ForkedChild dead([&](Line& line) {
    const auto owner = cortado::Owner::open("setting", owning);
    line.tell(owner ? 'o' : 'n');
    line.hear();
    return 0;
  });
  ASSERT_EQ(dead.line().hear(), 'o');
  dead.kill();
  dead.wait();
  ASSERT_TRUE(std::filesystem::exists(place() + "/setting.sock"));
  ASSERT_TRUE(std::filesystem::exists(place() + "/setting.lock"));
  fault.fired();
  cortado::JoinOptions joining;
  joining.directory = place();
  const auto nobody = cortado::Writer::join("setting", joining);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::no_owner) << nobody.error().text;
  {
    const auto next = cortado::Owner::open("setting", owning);
    EXPECT_TRUE(next) << next.error().text;
  }
  EXPECT_TRUE(std::filesystem::is_empty(place()));
}

TEST_F(Squatted, or_closed_to_this_user_a_directory_is_named_with_its_owner) {
  Fault fault("no-permission");
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(place().c_str(), 0700), 0);
  cortado::OwnerOptions owning;
  owning.directory = place();
  auto owner = cortado::Owner::open("setting", owning);
  ASSERT_TRUE(owner);
  ForkedChild nobody([&](Line&) {
    if (::setresgid(kNobody, kNobody, kNobody) != 0) return kBroken;
    if (::setresuid(kNobody, kNobody, kNobody) != 0) return kBroken;
    cortado::JoinOptions joining;
    joining.directory = place();
    const auto writer = cortado::Writer::join("setting", joining);
    const auto second = cortado::Owner::open("setting", owning);
    if (writer || second) return 1;
    for (const cortado::Error& error : {writer.error(), second.error()}) {
      EXPECT_EQ(error.code, Errc::permission) << error.text;
      EXPECT_NE(error.text.find(place()), std::string::npos) << error.text;
      EXPECT_NE(error.text.find("owner 0, mode 0700"), std::string::npos) << error.text;
    }
    std::fflush(nullptr);
    return HasFailure() ? 2 : 0;
  });
  EXPECT_EQ(nobody.wait(), 0);
  fault.fired();
}

}  // namespace
