// The story of a run: who wrote which letter over whom, and where the buffer was. From a result to
// text; no input, no output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/result.hpp"

namespace cortado::tools {

/// Who writes what: order i is writer i's.
struct Cast {
  std::vector<std::string> orders;
  std::uint32_t capacity = 16;  ///< of the buffer, in letters

  static constexpr std::uint32_t kMost = 26;  ///< each has an initial of its own

  static std::string name(std::uint32_t writer);
  static char initial(std::uint32_t writer) noexcept { return static_cast<char>('a' + writer); }
  /// Else it is rejected before its first letter.
  bool fits(std::uint32_t writer) const { return orders[writer].size() <= capacity; }
  /// As it stands in the buffer, alone.
  std::string in_buffer(std::uint32_t writer) const;
};

/// What a run left in the buffer.
struct Cup {
  enum class Kind : std::uint8_t {
    whole,    ///< one whole order
    garbled,  ///< nobody's order
    blank,    ///< nobody had an order that fits
    gone,     ///< it died with the process that had it
  };
  Kind kind = Kind::gone;
  std::uint32_t writer = 0;  ///< whose, if whole
};
Cup cup_of(const lab::RunResult& result, const Cast& cast);

/// Whose letter stands in one cell, and whose it was written over. nullopt: nobody's.
struct Cell {
  std::optional<std::uint32_t> by;
  std::optional<std::uint32_t> over;
  bool is_known = true;  ///< false: the notes of who wrote disagree with what stands there

  /// '.' for nobody, '?' if it is not known.
  char initial_by() const noexcept { return initial(by); }
  char initial_over() const noexcept { return initial(over); }

 private:
  char initial(std::optional<std::uint32_t> writer) const noexcept {
    if (!is_known) return '?';
    return writer ? Cast::initial(*writer) : '.';
  }
};
std::vector<Cell> cells_of(const lab::RunResult& result);

/// What a race leaves whose interleaving that seed draws.
std::string drawn_cup(const Cast& cast, std::uint64_t seed);

/// Of all the runs of a mode whose interleaving the scheduler made.
struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t garbled = 0;
};

/// What should have come out: in a race what was drawn (null: anything), else one whole order and
/// a clean ledger; and whoever reached for the buffer of an owner process did not get it.
bool is_as_told(const lab::RunResult& result, const Cast& cast, const std::string* drawn);

class Story {
 public:
  Story(const Cast& cast, bool in_colour) : cast_(cast), in_colour_(in_colour) {}

  /// Who is in it, and how to read it. letter_delay: "10 ms". seed: none, if the scheduler decides.
  std::string beginning(const std::string& letter_delay, std::optional<std::uint64_t> seed) const;
  /// tally: of all its runs, if there were several.
  std::string of_run(const lab::RunResult& result, std::optional<Tally> tally) const;
  /// All cups, one below the other.
  std::string cups(const std::vector<lab::RunResult>& results) const;
  std::string question() const;

 private:
  std::string heading(const std::string& text) const;
  std::string painted(std::optional<std::uint32_t> writer, const std::string& text) const;
  std::string verdict(const lab::RunResult& result) const;
  std::string rejections() const;
  std::string rows(const lab::RunResult& result) const;
  std::string cup_row(const lab::RunResult& result, const std::vector<Cell>& cells,
                      std::size_t from, std::size_t end) const;

  const Cast& cast_;
  bool in_colour_;
};

}  // namespace cortado::tools
