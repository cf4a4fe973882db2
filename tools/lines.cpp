#include "lines.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace cortado::tools {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

}  // namespace

std::string printable(std::string_view text) {
  std::string clean(text);
  for (char& letter : clean) {
    if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = '?';
  }
  return clean;
}

std::optional<std::vector<std::string>> split_words(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char letter = command[i];
    const bool escapes = letter == '\\' && quote != '\'' && i + 1 < command.size();
    if (escapes) {
      word += command[++i];
      in_word = true;
    } else if (quote != '\0') {
      if (letter == quote) {
        quote = '\0';
      } else {
        word += letter;
      }
    } else if (letter == '"' || letter == '\'') {
      quote = letter;
      in_word = true;
    } else if (letter == ' ' || letter == '\t' || letter == '\n') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += letter;
      in_word = true;
    }
  }
  if (quote != '\0') return std::nullopt;
  if (in_word) words.push_back(word);
  return words;
}

int why_unreadable(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  return ::access(path.c_str(), R_OK) == 0 ? 0 : errno;
}

int why_unwritable(const std::string& path) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int file = ::open(path.c_str(), kFlags, 0666);
  if (file < 0) return errno == ENXIO ? 0 : errno;  // ENXIO: a pipe that nobody reads yet
  ::close(file);
  return 0;
}

std::optional<std::string_view> LineReader::next() {
  const char* const data = buffer_.data();
  const void* const newline =
      scanned_ == end_ ? nullptr : std::memchr(data + scanned_, '\n', end_ - scanned_);
  if (newline == nullptr) {
    scanned_ = end_;
    if (!ended_ || begin_ == end_) return std::nullopt;
  }
  const std::size_t stop = newline == nullptr
                               ? end_
                               : static_cast<std::size_t>(static_cast<const char*>(newline) - data);
  const std::string_view line(data + begin_, stop - begin_);
  begin_ = scanned_ = newline == nullptr ? end_ : stop + 1;
  ++number_;
  return line;
}

LineReader::Fill LineReader::fill(std::size_t limit) {
  if (unfinished() > limit) return Fill::too_long;
  make_room();
  ssize_t got = 0;
  do {
    got = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Fill::more : Fill::failed;
  ended_ = got == 0;
  end_ += static_cast<std::size_t>(got);
  return ended_ ? Fill::end : Fill::more;
}

/// For one piece behind the line that has no end yet.
void LineReader::make_room() {
  const std::size_t kept = unfinished();
  if (begin_ != 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    begin_ = 0;
    scanned_ = end_ = kept;
  }
  if (buffer_.size() - kept < kPiece) buffer_.resize(std::max(kept + kPiece, buffer_.size() * 2));
}

LineWriter::LineWriter(int descriptor) : descriptor_(descriptor) {
  struct stat status {};
  regular_ = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

void LineWriter::add(std::string_view text) {
  buffer_ += text;
  if (text.empty() || text.back() != '\n') buffer_ += '\n';
}

void LineWriter::add_column(std::string_view text) {
  buffer_ += printable(text);
  buffer_ += '\t';
}

LineWriter::Written LineWriter::write_out(StopSignals& stop) {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    std::size_t piece = rest.size();
    if (!regular_) {
      // A pipe or terminal that is ready takes this much at once, so a signal never waits for it.
      piece = std::min<std::size_t>(piece, PIPE_BUF);
      std::array<pollfd, 2> ready{{{descriptor_, POLLOUT, 0}, {stop.fd(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), -1);
      if (stop.count() > 1) return Written::stopped;
      if (ready[0].revents == 0) continue;
    }
    const ssize_t written = ::write(descriptor_, rest.data(), piece);
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return Written::failed;
  }
  buffer_.clear();
  return Written::all;
}

}  // namespace cortado::tools
