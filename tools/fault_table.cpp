#include "fault_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"

namespace cortado::tools {
namespace {

using lab::FaultCell;
using lab::Ledger;

constexpr std::size_t kLeastWidth = 15;

/// "intact", and with a mark behind it if theory says otherwise.
std::string fate_text(const FaultCell& cell) {
  if (!cell.applies) return "-";
  std::string text = to_string(cell.fate);
  if (!cell.theory) return text + " (?)";
  return cell.is_as_theory() ? text : text + " (!)";
}

std::string time_text(const FaultCell& cell) {
  if (cell.went_on) return short_time(static_cast<double>(cell.went_on->count()));
  if (cell.applies && cell.fate == lab::Fate::hung)
    return is_refused(cell.run) ? "refused" : "never";
  return "";
}

/// What an order can come to but being applied.
std::vector<std::string> lost_texts(const FaultCell& cell) {
  struct Kind {
    std::uint64_t Ledger::*count;
    const char* name;
  };
  constexpr std::array kKinds{
      Kind{&Ledger::torn, "torn"},           Kind{&Ledger::lost, "lost"},
      Kind{&Ledger::duplicated, "repeated"}, Kind{&Ledger::reordered, "reordered"},
      Kind{&Ledger::dropped, "dropped"},     Kind{&Ledger::abandoned, "abandoned"},
      Kind{&Ledger::unread, "unread"},       Kind{&Ledger::forgotten, "forgotten"},
  };
  std::vector<std::string> texts;
  for (const Kind& kind : kKinds) {
    const std::uint64_t count = cell.run.ledger.*kind.count;
    if (cell.applies && count != 0) texts.push_back(fmt::format("{} {}", count, kind.name));
  }
  return texts;
}

using Row = std::vector<const FaultCell*>;

/// A column is as wide as its mode's name needs.
std::string line_of(std::string_view label, const Row& row, const std::vector<std::string>& texts) {
  std::string line = fmt::format("{:<14}", label);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t width = std::max(kLeastWidth, row[i]->mode->name.size() + 1);
    line += fmt::format("{:<{}}", texts[i], width);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

template <class Text>
std::vector<std::string> texts_of(const Row& row, const Text& text) {
  std::vector<std::string> texts;
  std::transform(row.begin(), row.end(), std::back_inserter(texts),
                 [&](const FaultCell* cell) { return text(*cell); });
  return texts;
}

std::string block_of(const Row& row) {
  std::string block = line_of(lab::name_of(row[0]->fault).name, row, texts_of(row, fate_text));
  block += line_of("", row, texts_of(row, time_text));
  for (std::size_t i = 0;; ++i) {
    const auto texts = texts_of(row, [i](const FaultCell& cell) {
      const auto lost = lost_texts(cell);
      return i < lost.size() ? lost[i] : std::string();
    });
    if (std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); })) {
      return block;
    }
    block += line_of("", row, texts);
  }
}

}  // namespace

std::string fault_table(const std::vector<FaultCell>& cells) {
  std::string text;
  std::string faults;
  Row row;
  for (const FaultCell& cell : cells) {
    row.push_back(&cell);
    if (&cell != &cells.back() && (&cell + 1)->fault == cell.fault) continue;
    if (text.empty()) {
      text = line_of(
          "", row, texts_of(row, [](const FaultCell& one) { return std::string(one.mode->name); }));
    }
    text += block_of(row);
    const lab::FaultName& name = lab::name_of(cell.fault);
    faults += fmt::format("  {:<13} {}\n", name.name, name.says);
    row.clear();
  }
  text +=
      "\nWhat happened to the first of 4 writers, or to the owner, in its order 1000 of 2000\n" +
      faults;
  text +=
      "Under it: what became of the other writers and of the buffer, how long it took until each "
      "of "
      "them\nhad its next order applied, and what orders came to but being applied (and what is "
      "torn)\n"
      "  intact    they went on, every order whole, once, in order\n"
      "  garbled   they went on, and orders were torn, lost, repeated or reordered\n"
      "  hung      some never went on: they wait for ever, or the lock refuses them for ever\n"
      "  all dead  the process with the buffer ended: they were in it, or have nobody to send to\n";
  const auto marked = [&](auto condition) {
    return std::any_of(cells.begin(), cells.end(), condition);
  };
  if (marked([](const FaultCell& cell) { return !cell.is_as_theory(); })) {
    text += "  (!)       theory says otherwise\n";
  }
  if (marked([](const FaultCell& cell) { return cell.applies && !cell.theory; })) {
    text += "  (?)       theory says nothing\n";
  }
  return text;
}

}  // namespace cortado::tools
