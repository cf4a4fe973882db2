#include "story.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "cells.hpp"
#include "explanation.hpp"
#include "modes/turns.hpp"

namespace cortado::tools {
namespace {

using lab::RunResult;

constexpr std::size_t kIndent = 11;  // of what stands behind a label
constexpr std::size_t kWidest =
    56;  // columns of cells in a row, so that the verdict fits behind it

std::string label(const char* text) {
  std::string column = std::string("  ") + text;
  column.resize(kIndent, ' ');
  return column;
}

/// So many columns that a letter and both initials below it have room.
std::string in_column(std::string text, const std::string& letter) {
  text.resize(std::max(text.size(), letter.size()), ' ');
  return text;
}

/// Where the row that begins with cell `from` ends.
std::size_t end_of_row(const std::string& cup, std::size_t from) {
  std::size_t width = 0;
  for (std::size_t i = from; i < cup.size(); ++i) {
    width += cell_text(cup[i]).size();
    if (width > kWidest) return i;
  }
  return cup.size();
}

}  // namespace

std::string Cast::name(std::uint32_t writer) {
  constexpr std::array<const char*, 4> kNames{"anna", "ben", "carla", "dino"};
  return writer < kNames.size() ? kNames[writer] : "writer-" + std::to_string(writer + 1);
}

std::string Cast::in_buffer(std::uint32_t writer) const {
  std::string cells = orders[writer];
  cells.resize(capacity, '\0');
  return cells;
}

Cup cup_of(const RunResult& result, const Cast& cast) {
  if (!result.has_buffer) return {Cup::Kind::gone};
  // Several may have the same order; the buffer knows whose came last.
  const std::uint32_t last = modes::Stamp::of(result.buffer.stamp).writer();
  const auto count = static_cast<std::uint32_t>(cast.orders.size());
  bool any_fits = false;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t writer = (last + i) % count;
    if (!cast.fits(writer)) continue;
    any_fits = true;
    if (cast.in_buffer(writer) == result.cup) return {Cup::Kind::whole, writer};
  }
  const bool is_blank = result.cup.find_first_not_of('\0') == std::string::npos;
  return {!any_fits && is_blank ? Cup::Kind::blank : Cup::Kind::garbled};
}

std::vector<Cell> cells_of(const RunResult& result) {
  std::vector<Cell> cells(result.cup.size());
  std::string written(result.cup.size(), '\0');
  for (const modes::Stroke& stroke : result.strokes) {
    if (stroke.cell >= cells.size()) continue;
    cells[stroke.cell].over = cells[stroke.cell].by;
    cells[stroke.cell].by = stroke.writer;
    written[stroke.cell] = static_cast<char>(stroke.letter);
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (written[i] != result.cup[i]) cells[i] = {std::nullopt, std::nullopt, false};
  }
  return cells;
}

std::string drawn_cup(const Cast& cast, std::uint64_t seed) {
  const auto writers = static_cast<std::uint32_t>(cast.orders.size());
  const auto turns = modes::letter_turns(cast.orders, writers, cast.capacity, seed);
  return modes::cup_after(turns, cast.orders, writers, cast.capacity);
}

bool is_as_told(const RunResult& result, const Cast& cast, const std::string* drawn) {
  if (result.outcome != lab::Outcome::finished || !result.has_buffer) return false;
  const bool was_kept_out = !result.intruder_found && result.intruder_signal == SIGSEGV;
  if (result.intruder_pid != 0 && !was_kept_out) return false;
  if (result.mode->sharing == modes::Sharing::race) {
    return drawn == nullptr || result.cup == *drawn;
  }
  return result.ledger.is_clean() && cup_of(result, cast).kind != Cup::Kind::garbled;
}

std::string Story::heading(const std::string& text) const {
  return in_colour_ ? "\x1b[1m" + text + "\x1b[0m" : text;
}

std::string Story::painted(std::optional<std::uint32_t> writer, const std::string& text) const {
  constexpr std::array<const char*, 10> kColours{"36", "33", "35", "32", "34",
                                                 "31", "96", "93", "95", "92"};
  if (!in_colour_ || !writer) return text;
  return std::string("\x1b[") + kColours[*writer % kColours.size()] + "m" + text + "\x1b[0m";
}

std::string Story::beginning(const std::string& letter_delay,
                             std::optional<std::uint64_t> seed) const {
  const std::size_t count = cast_.orders.size();
  std::string text = std::to_string(count) +
                     (count == 1 ? " writer spells an order" : " writers spell an order each") +
                     " into one buffer of " + std::to_string(cast_.capacity) +
                     (cast_.capacity == 1 ? " letter, " : " letters, ") + letter_delay +
                     " a letter:\n";
  const std::size_t width = count <= 4 ? 10 : 14;  // names, with an initial and blanks
  for (std::uint32_t w = 0; w < count; ++w) {
    std::string who = std::string(1, Cast::initial(w)) + "  " + Cast::name(w);
    who.resize(width, ' ');
    text += "  " + painted(w, who) + order_text(cast_.orders[w]) + "\n";
  }
  text += rejections();
  text += seed ? wrapped("",
                         "In the races, seed " + std::to_string(*seed) +
                             " decides whose letter comes next; with --live 20 the scheduler does.",
                         0)
               : "Whose letter comes next, the scheduler decides.\n";
  return text + wrapped("",
                        "A cup is read downwards: the letter that stands there in the end, `by` "
                        "whom it is, `over` whose it was written (. nobody's, ? nobody knows).",
                        0);
}

std::string Story::rejections() const {
  std::string who;
  for (std::uint32_t w = 0; w < cast_.orders.size(); ++w) {
    if (cast_.fits(w)) continue;
    who += (who.empty() ? "" : ", ") + Cast::name(w) + " (" +
           std::to_string(cast_.orders[w].size()) + ")";
  }
  if (who.empty()) return {};
  return wrapped("",
                 "Rejected before the first letter, for more letters than the buffer has: " + who +
                     ". That is better than to write on past its end, into whatever stands there, "
                     "or to cut the order short: its writer is told, and nobody else is harmed.",
                 0);
}

std::string Story::of_run(const RunResult& result, std::optional<Tally> tally) const {
  std::string text = "\n";
  text += heading(std::string(result.mode->name)) + ": " + phrase_of(*result.mode) + "\n";
  text += rows(result);
  if (tally) text += rate_of(*result.mode, *tally);
  return text + where_it_was(result) + who_reached_for_it(result) + why_so(result, cast_) +
         ledger_of(result);
}

std::string Story::verdict(const RunResult& result) const {
  const Cup cup = cup_of(result, cast_);
  switch (cup.kind) {
    case Cup::Kind::whole:
      return "whole: " + painted(cup.writer, Cast::name(cup.writer) + "'s order");
    case Cup::Kind::garbled:
      return "garbled: nobody's order";
    case Cup::Kind::blank:
      return "blank: nobody's order was taken";
    case Cup::Kind::gone:
      return "gone with the process that had it";
  }
  return {};
}

std::string Story::cup_row(const RunResult& result, const std::vector<Cell>& cells,
                           std::size_t from, std::size_t end) const {
  std::string row = "|";
  for (std::size_t i = from; i < end; ++i) {
    row += painted(cells[i].by, cell_text(result.cup[i]));
  }
  return row + "|";
}

/// As many rows as it takes, so that none is wider than a terminal.
std::string Story::rows(const RunResult& result) const {
  if (!result.has_buffer) return label("cup") + verdict(result) + "\n";
  const std::vector<Cell> cells = cells_of(result);
  std::string text;
  for (std::size_t from = 0, end = 0; from < cells.size(); from = end) {
    end = end_of_row(result.cup, from);
    text += label("cup") + cup_row(result, cells, from, end);
    text += (from == 0 ? "  " + verdict(result) : "") + "\n";
    std::string by;
    std::string over;
    for (std::size_t i = from; i < end; ++i) {
      const Cell& cell = cells[i];
      const std::string letter = cell_text(result.cup[i]);
      by += painted(cell.by, in_column({cell.initial_by()}, letter));
      over += painted(cell.over, in_column({cell.initial_over()}, letter));
    }
    text += label("by") + "|" + by + "|\n" + label("over") + "|" + over + "|\n";
  }
  return text;
}

std::string Story::cups(const std::vector<RunResult>& results) const {
  std::string text = "\n";
  text += heading("What each mode leaves:") + "\n";
  for (const RunResult& result : results) {
    std::string name = "  " + std::string(result.mode->name);
    name.resize(17, ' ');
    const bool is_narrow = end_of_row(result.cup, 0) == result.cup.size();
    if (result.has_buffer && is_narrow) {
      name += cup_row(result, cells_of(result), 0, result.cup.size()) + "  ";
    }
    text += name + verdict(result) + "\n";
  }
  return text;
}

std::string Story::question() const {
  std::string text = "\n";
  text += heading("A question:");
  text += " the lock and the messages both leave whole orders. Which is faster under load?\n";
  text += wrapped("A hint:",
                  "behind a lock, writers wait for each other; with messages, each has a ring of "
                  "its own. But one writer alone never waits for a lock.",
                  12);
  return text + "The answer, from this machine: cortado compare --writers 1,2,4,8\n";
}

}  // namespace cortado::tools
