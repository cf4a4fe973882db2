// A forked child and a line to it, for tests whose other side must be a process of its own.
#pragma once

#include <cstdlib>
#include <functional>
#include <utility>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

/// One end of a line of single characters.
class Line {
 public:
  explicit Line(int descriptor) : descriptor_(descriptor) {}
  ~Line() { ::close(descriptor_); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void tell(char c) { [[maybe_unused]] const auto sent = ::send(descriptor_, &c, 1, MSG_NOSIGNAL); }
  /// Blocks; '\0' once the other side is gone.
  char hear() {
    char c = '\0';
    return ::read(descriptor_, &c, 1) == 1 ? c : '\0';
  }
  /// Something is there to hear, or the other side is gone. Does not block.
  bool ready() const {
    pollfd state{descriptor_, POLLIN, 0};
    return ::poll(&state, 1, 0) == 1;
  }

 private:
  int descriptor_;
};

/// Runs `body` in a forked child; what it returns is the exit status. The child ends with its
/// parent, and by SIGALRM after a minute, so no test waits for ever.
class ForkedChild {
 public:
  explicit ForkedChild(const std::function<int(Line&)>& body) : ForkedChild(body, ends()) {}
  ~ForkedChild() {
    if (pid_ <= 0) return;
    kill();
    wait();
  }
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;

  pid_t pid() const { return pid_; }
  Line& line() { return line_; }
  void kill() { ::kill(pid_, SIGKILL); }
  /// Stops it, and returns once it is stopped.
  void stop() {
    ::kill(pid_, SIGSTOP);
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
  }
  void resume() { ::kill(pid_, SIGCONT); }
  /// The exit status; -1 if a signal ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  struct Ends {
    int here, there;
  };
  static Ends ends() {
    int both[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0) std::abort();
    return {both[0], both[1]};
  }
  ForkedChild(const std::function<int(Line&)>& body, Ends ends) : line_(ends.here) {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::alarm(60);
      ::close(ends.here);
      Line line(ends.there);
      ::_exit(body(line));
    }
    ::close(ends.there);
  }

  Line line_;
  pid_t pid_ = -1;
};
