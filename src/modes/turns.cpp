#include "modes/turns.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "os/futex.hpp"

namespace cortado::modes {
namespace {

/// Fisher and Yates; std::shuffle differs from one standard library to the next.
void shuffle(std::vector<std::uint32_t>& turns, std::mt19937_64& random) {
  for (std::size_t i = turns.size(); i > 1; --i) std::swap(turns[i - 1], turns[random() % i]);
}

struct Cell {
  char letter = '\0';
  std::uint32_t writer = 0;
};

/// What the turns leave. Only orders that fit have letters.
std::vector<Cell> cells_after(const std::vector<std::uint32_t>& letter_turns,
                              const std::vector<std::string>& orders, std::uint32_t writers,
                              std::uint32_t capacity) {
  std::vector<std::vector<const std::string*>> of_writer(writers);
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (orders[i].size() <= capacity) of_writer[i % writers].push_back(&orders[i]);
  }
  std::vector<Cell> cells(capacity);
  std::vector<std::uint64_t> written(writers);  // letters so far, of all orders of that writer
  for (const std::uint32_t writer : letter_turns) {
    const std::uint64_t letter = written[writer]++;
    const std::string& order = *of_writer[writer][letter / capacity];
    const std::uint64_t cell = letter % capacity;
    cells[cell] = {cell < order.size() ? order[cell] : '\0', writer};
  }
  return cells;
}

std::string letters_of(const std::vector<Cell>& cells) {
  std::string cup;
  for (const Cell& cell : cells) cup += cell.letter;
  return cup;
}

/// None of the orders, and not for its blanks alone: letters of two writers stand side by side.
bool is_garbled(const std::vector<Cell>& cells, const std::vector<std::string>& orders) {
  const std::string cup = letters_of(cells);
  const auto is_cup = [&](std::string order) {
    order.resize(cup.size(), '\0');
    return order == cup;
  };
  if (std::any_of(orders.begin(), orders.end(), is_cup)) return false;
  const auto has_letter = [](const Cell& cell) { return cell.letter != '\0'; };
  const auto first = std::find_if(cells.begin(), cells.end(), has_letter);
  return std::any_of(first, cells.end(), [&](const Cell& cell) {
    return has_letter(cell) && cell.writer != first->writer;
  });
}

}  // namespace

std::string cup_after(const std::vector<std::uint32_t>& letter_turns,
                      const std::vector<std::string>& orders, std::uint32_t writers,
                      std::uint32_t capacity) {
  return letters_of(cells_after(letter_turns, orders, writers, capacity));
}

std::vector<std::uint32_t> letter_turns(const std::vector<std::string>& orders,
                                        std::uint32_t writers, std::uint32_t capacity,
                                        std::uint64_t seed) {
  std::vector<std::uint32_t> turns;
  for (std::size_t i = 0; i < orders.size(); ++i) {
    if (orders[i].size() > capacity) continue;  // rejected before the first letter
    turns.insert(turns.end(), capacity, static_cast<std::uint32_t>(i % writers));
  }
  constexpr int kTries = 100;  // one order, or all the same: no interleaving garbles them
  std::mt19937_64 random(seed);
  for (int i = 0; i < kTries; ++i) {
    shuffle(turns, random);
    if (is_garbled(cells_after(turns, orders, writers, capacity), orders)) break;
  }
  return turns;
}

std::vector<std::uint32_t> order_turns(const std::vector<std::uint32_t>& letter_turns,
                                       std::uint32_t writers, std::uint32_t capacity) {
  std::vector<std::uint32_t> turns;
  std::vector<std::uint64_t> written(writers);
  for (const std::uint32_t writer : letter_turns) {
    if (written[writer]++ % capacity == 0) turns.push_back(writer);
  }
  return turns;
}

void wait_for_turn(const Stage& stage, std::uint32_t writer) noexcept {
  const auto turns = stage.turns();
  const std::atomic<std::uint32_t>& turn = stage.head().turn;
  for (;;) {
    const std::uint32_t now = turn.load(std::memory_order_acquire);
    if (now >= turns.size() || turns[now] == writer) return;
    os::futex_wait(turn, now);
  }
}

void pass_turn(const Stage& stage) noexcept {
  stage.head().turn.fetch_add(1, std::memory_order_release);
  os::futex_wake_all(stage.head().turn);
}

}  // namespace cortado::modes
