// From a result, made by hand, to what the demo tells.
#include "story.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cells.hpp"
#include "explanation.hpp"

namespace cortado::tools {
namespace {

const Cast kCast{{"tea", "milk"}, 4};

/// `text`: a dot is a cell without a letter.
std::string in_cells(std::string text) {
  for (char& letter : text) letter = letter == '.' ? '\0' : letter;
  return text;
}

/// A run of anna's and ben's, who wrote the cells in the order of `strokes`: "a0t" is anna's t.
lab::RunResult result_of(const modes::Mode& mode, const std::string& cup,
                         const std::vector<std::string>& strokes) {
  lab::RunResult result;
  result.mode = &mode;
  result.has_buffer = true;
  result.cup = in_cells(cup);
  result.host_pid = 100;
  result.buffer_address = 0x1000;
  result.ledger.sent = result.ledger.applied = 2;
  for (const std::string& stroke : strokes) {
    const std::string letter = in_cells(stroke.substr(2));
    result.strokes.push_back({static_cast<std::uint32_t>(stroke[0] - 'a'),
                              static_cast<std::uint32_t>(stroke[1] - '0'),
                              static_cast<std::uint8_t>(letter[0])});
  }
  result.writers.resize(2);
  result.writers[0].pid = 101;
  result.writers[1].pid = 102;
  return result;
}

lab::RunResult garbled() {
  return result_of(modes::kThreadRace, "tika",
                   {"b0m", "a0t", "a1e", "b1i", "b2k", "a2a", "b2k", "a3a"});
}

lab::RunResult whole(const modes::Mode& mode) {
  return result_of(mode, "tea.", {"b0m", "b1i", "b2l", "b3k", "a0t", "a1e", "a2a", "a3."});
}

std::string told(const lab::RunResult& result) {
  return Story(kCast, false).of_run(result, std::nullopt);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Cells, AreWrittenByTheLastOverTheOneBefore) {
  const auto cells = cells_of(garbled());
  std::string by;
  std::string over;
  for (const Cell& cell : cells) {
    by += cell.initial_by();
    over += cell.initial_over();
  }
  EXPECT_EQ(by, "abba");
  EXPECT_EQ(over, "baa.");
}

TEST(Cells, AreUnknownWhereTheNotesDisagreeWithTheCup) {
  auto result = garbled();
  result.cup[1] = 'e';
  EXPECT_EQ(cells_of(result)[1].initial_by(), '?');
  EXPECT_EQ(cells_of(result)[1].initial_over(), '?');
  EXPECT_TRUE(has(told(result), "by       |a?ba|\n"));
}

TEST(Cells, OutsideTheBufferAreLeftOut) {
  auto result = garbled();
  result.strokes.push_back({0, 4, 'x'});
  EXPECT_EQ(cells_of(result).size(), 4U);
}

TEST(Cups, AreWholeOnlyIfTheyAreOneOrderAndBlanks) {
  EXPECT_EQ(cup_of(whole(modes::kThreadMutex), kCast).kind, Cup::Kind::whole);
  EXPECT_EQ(cup_of(whole(modes::kThreadMutex), kCast).writer, 0U);
  EXPECT_EQ(cup_of(garbled(), kCast).kind, Cup::Kind::garbled);
  EXPECT_EQ(cup_of(result_of(modes::kThreadRace, "teak", {}), kCast).kind, Cup::Kind::garbled);
  EXPECT_EQ(cup_of(result_of(modes::kThreadRace, "....", {}), kCast).kind, Cup::Kind::garbled);
}

TEST(Cups, OfAnEmptyOrderAreWhole) {
  const Cast cast{{"tea", ""}, 4};
  const Cup cup = cup_of(result_of(modes::kThreadMutex, "....", {}), cast);
  EXPECT_EQ(cup.kind, Cup::Kind::whole);
  EXPECT_EQ(cup.writer, 1U);
}

TEST(Cups, OfSeveralWithTheSameOrderAreWhosesCameLast) {
  const Cast cast{{"tea", "tea", "tea"}, 4};
  auto result = result_of(modes::kThreadMutex, "tea.", {});
  result.buffer.stamp = modes::Stamp(1, 0).word();
  EXPECT_EQ(cup_of(result, cast).writer, 1U);
}

TEST(Cups, AreBlankIfNoOrderFits) {
  const Cast cast{{"coffee", "cocoa"}, 4};
  EXPECT_EQ(cup_of(result_of(modes::kThreadRace, "....", {}), cast).kind, Cup::Kind::blank);
}

TEST(Drawn, IsTheSameForASeedAndNobodysOrder) {
  const Cast cast{{"Choca", "Mocha with Milk", "Banana Shake", "Tea no sugar"}, 16};
  auto result = result_of(modes::kThreadRace, "", {});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    result.cup = drawn_cup(cast, seed);
    EXPECT_EQ(result.cup, drawn_cup(cast, seed));
    EXPECT_EQ(cup_of(result, cast).kind, Cup::Kind::garbled) << seed;
  }
}

TEST(AsTold, IsARaceThatLeftWhatWasDrawn) {
  const std::string drawn = "tika";
  const std::string other = "milk";
  EXPECT_TRUE(is_as_told(garbled(), kCast, &drawn));
  EXPECT_FALSE(is_as_told(garbled(), kCast, &other));
  EXPECT_TRUE(is_as_told(garbled(), kCast, nullptr));
}

TEST(AsTold, IsASafeModeThatLeftOneOrderAndACleanLedger) {
  auto result = whole(modes::kProcessMutex);
  EXPECT_TRUE(is_as_told(result, kCast, nullptr));
  result.ledger.applied = 1;
  EXPECT_FALSE(is_as_told(result, kCast, nullptr));
  result = whole(modes::kProcessMutex);
  result.cup = "tika";
  EXPECT_FALSE(is_as_told(result, kCast, nullptr));
  result = whole(modes::kProcessMutex);
  result.outcome = lab::Outcome::hung;
  EXPECT_FALSE(is_as_told(result, kCast, nullptr));
  EXPECT_TRUE(has(told(result), "Nothing moved any more"));
}

TEST(AsTold, IsAnIntruderWhoWasEnded) {
  auto result = whole(modes::kProcessRing);
  result.intruder_pid = 103;
  EXPECT_FALSE(is_as_told(result, kCast, nullptr));
  EXPECT_TRUE(has(told(result), "should not be"));
  result.intruder_signal = SIGSEGV;
  EXPECT_TRUE(is_as_told(result, kCast, nullptr));
  EXPECT_TRUE(has(told(result), "pid 103"));
  EXPECT_TRUE(has(told(result), "SIGSEGV"));
  EXPECT_TRUE(has(told(result), "all 2 writers finished"));
  result.intruder_found = true;
  EXPECT_FALSE(is_as_told(result, kCast, nullptr));
}

TEST(Run, HasRowsBelowItsCup) {
  const std::string text = told(garbled());
  EXPECT_TRUE(has(text, "  cup      |tika|  garbled"));
  EXPECT_TRUE(has(text, "\n  by       |abba|\n  over     |baa.|\n"));
}

TEST(Run, OfABufferThatIsGoneSaysSo) {
  auto result = garbled();
  result.has_buffer = false;
  result.cup.clear();
  result.outcome = lab::Outcome::host_died;
  result.host_signal = SIGKILL;
  EXPECT_TRUE(has(told(result), "gone"));
  EXPECT_TRUE(has(told(result), "SIGKILL"));
}

TEST(Run, TellsWhereTheBufferWas) {
  EXPECT_TRUE(has(told(garbled()), "in one process, pid 100, at 0x1000"));
  auto shared = whole(modes::kProcessRace);
  shared.writers[0].buffer_address = 0x2000;
  shared.writers[1].buffer_address = 0x3000;
  EXPECT_TRUE(has(told(shared), "anna, pid 101, at 0x2000\n"));
  EXPECT_TRUE(has(told(shared), "ben, pid 102, at 0x3000\n"));
  auto owned = whole(modes::kProcessRing);
  EXPECT_TRUE(has(told(owned), "alone"));
  EXPECT_TRUE(has(told(owned), "pids 101, 102"));
  owned.writers[1].buffer_address = 0x3000;
  EXPECT_TRUE(has(told(owned), "not alone"));
}

TEST(Run, KeepsColumnsBelowBytesThatAreNoLetters) {
  const std::string text = told(result_of(modes::kThreadRace, "t\xc3\x1bk", {"a0t", "b3k"}));
  EXPECT_TRUE(has(text, "cup      |t\\xc3\\x1bk|"));
  EXPECT_TRUE(has(text, "by       |a?   ?   b|")) << text;
}

TEST(Run, HasNoRowWiderThanATerminal) {
  const Cast cast{{"x"}, 200};
  const auto result = result_of(modes::kThreadRace, std::string(200, 'x'), {});
  const std::string text = Story(cast, false).of_run(result, std::nullopt);
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    EXPECT_LE(end - from, 100U) << text.substr(from, end - from);
    from = end + 1;
  }
}

TEST(Colours, ArePutAroundLettersOnlyIfWanted) {
  EXPECT_FALSE(has(told(garbled()), "\x1b"));
  const std::string text = Story(kCast, true).of_run(garbled(), std::nullopt);
  EXPECT_TRUE(has(text, "\x1b[36ma\x1b[0m\x1b[33mb\x1b[0m"));
}

TEST(Beginning, SaysWhoIsRejectedAndWhy) {
  const Cast cast{{"tea", "cocoa"}, 4};
  const std::string text = Story(cast, false).beginning("10 ms", 1);
  EXPECT_TRUE(has(text, "Rejected before the first letter"));
  EXPECT_TRUE(has(text, "ben (5)"));
  EXPECT_FALSE(has(text, "anna (3)"));
  EXPECT_FALSE(has(Story(kCast, false).beginning("10 ms", 1), "Rejected"));
}

TEST(Rate, HasItsIntervalOrItsUpperBound) {
  EXPECT_TRUE(has(rate_of(modes::kThreadRace, {10, 3}), "3 of 10 runs: between 6.7 % and 65.2 %"));
  EXPECT_TRUE(has(rate_of(modes::kThreadMutex, {5, 0}),
                  "0 of 5 runs: with 95 % confidence at most 45.1 %"));
  EXPECT_TRUE(has(rate_of(modes::kProcessRing, {100'000, 0}), "at most 0.0030 %"));
}

TEST(Text, OfOrdersNeverSteersATerminal) {
  EXPECT_EQ(order_text("a\x1b[31m\n\x7f"), "a\\x1b[31m\\x0a\\x7f");
  EXPECT_EQ(order_text("Caff\xc3\xa8"), "Caff\xc3\xa8");
  EXPECT_EQ(order_text("\xc3"), "\\xc3");                    // half a character
  EXPECT_EQ(order_text("\xc2\x9b"), "\\xc2\\x9b");           // C1: CSI
  EXPECT_EQ(order_text("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // right to left
  EXPECT_EQ(order_text("\xe2\x82\xac\xf0\x9f\x8d\xb5"), "\xe2\x82\xac\xf0\x9f\x8d\xb5");
  EXPECT_EQ(order_text("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe0\x80\x80"),
            "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xe0\\x80\\x80");
  EXPECT_EQ(cell_text('\xe8'), "\\xe8");
  EXPECT_EQ(cell_text('\0'), " ");
}

TEST(Text, IsWrappedBehindItsLabel) {
  EXPECT_EQ(wrapped("a", "bb cc dd", 3, 8), "a  bb cc\n   dd\n");
  EXPECT_EQ(wrapped("", "a-word-that-is-long b", 2, 8), "  a-word-that-is-long\n  b\n");
}

}  // namespace
}  // namespace cortado::tools
