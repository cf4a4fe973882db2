// What happens to a launched group, told: as a log line, as JSON, and in one sentence at the end.
#pragma once

#include <cortado/group.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cortado::tools {

/// `restarts`: programs that fail are started again, so that giving one up is news.
void log_event(const GroupEvent& event, bool restarts);

/// Where --events go: one JSON object a line, written out at once.
class EventLog {
 public:
  /// An empty path: nowhere. False: errno says why.
  bool open(const std::string& path);
  void write(const GroupEvent& event);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> owned_;
  std::FILE* file_ = nullptr;
};

/// Which programs failed for good, the first one first.
class Failures {
 public:
  void add(const GroupEvent& event);
  /// As in "writer 'a' ended with exit status 1, and 2 more failed".
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> failed_;  ///< label, and what happened
};

}  // namespace cortado::tools
