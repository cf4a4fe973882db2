// Lines from a descriptor, and to one; words of a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signals.hpp"

namespace cortado::tools {

/// `text` with '?' for each control character, so that it stays on its line and in its column.
std::string printable(std::string_view text);

/// Words as a shell would split them: blanks separate, quotes and backslash join. No expansion; for
/// that, the command is "sh -c '...'". nullopt: a quote is not closed.
std::optional<std::vector<std::string>> split_words(std::string_view command);

/// 0, or the errno that says why a file of lines cannot be read.
int why_unreadable(const std::string& path);
/// 0, or the errno that says why it cannot be written to. Makes the file, leaves what is in it.
int why_unwritable(const std::string& path);

/// Splits what it reads at newlines; every other byte is taken as it is. Reads in large pieces,
/// whatever the lines are.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  /// The next line without its newline, if it was read already; the last one may end without a
  /// newline. Valid until fill.
  std::optional<std::string_view> next();

  enum class Fill : std::uint8_t {
    more,      ///< something was read: call next
    end,       ///< call next for a last line without newline
    too_long,  ///< a line is longer than `limit`, with no end yet
    failed,    ///< errno tells
  };
  /// Reads once; blocks if the descriptor does. Call it when next has no more.
  Fill fill(std::size_t limit);

  /// Number of the line that next returned last; the first is 1.
  std::uint64_t number() const noexcept { return number_; }
  bool ended() const noexcept { return ended_; }
  /// Bytes of the line that has no end yet.
  std::size_t unfinished() const noexcept { return end_ - begin_; }

 private:
  void make_room();

  int descriptor_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;    ///< of what next returns next
  std::size_t scanned_ = 0;  ///< no newline before it
  std::size_t end_ = 0;
  std::uint64_t number_ = 0;
  bool ended_ = false;
};

/// Gathers lines, and writes them out whole.
class LineWriter {
 public:
  explicit LineWriter(int descriptor);

  /// Adds `text`, and a newline if it does not end with one.
  void add(std::string_view text);
  /// Adds one column of a line that add ends: printable, a tab follows.
  void add_column(std::string_view text);
  bool empty() const noexcept { return buffer_.empty(); }

  enum class Written : std::uint8_t {
    all,
    failed,   ///< errno tells; a part may be written
    stopped,  ///< a second signal came while nobody read; a part may be written
  };
  /// Blocks while nobody reads the other end; a second signal ends that.
  Written write_out(StopSignals& stop);

 private:
  int descriptor_;
  bool regular_ = false;
  std::string buffer_;
};

}  // namespace cortado::tools
