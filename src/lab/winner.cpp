#include "lab/winner.hpp"

#include <algorithm>

namespace cortado::lab {
namespace {

bool takes_part(const Point& point) {
  return point.load == 0 && modes::is_safe(*point.mode) &&
         point.mode->sharing != modes::Sharing::none;
}

bool is_same_place(const Winner& winner, const Point& point) {
  return winner.writers == point.writers && winner.hold == point.hold &&
         winner.payload == point.payload;
}

bool is_above(const Point& point, const Point& other) {
  return &point == &other || !other.per_second.interval ||
         point.per_second.interval->lower > other.per_second.interval->upper;
}

const modes::Mode* fastest(const std::vector<const Point*>& points) {
  for (const Point* point : points) {
    if (!point->per_second.interval || !point->is_clean()) continue;
    if (std::all_of(points.begin(), points.end(),
                    [point](const Point* other) { return is_above(*point, *other); })) {
      return point->mode;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<Winner> winners_of(const std::vector<Point>& points) {
  std::vector<Winner> winners;
  for (const Point& first : points) {
    const auto is_first = [&first](const Winner& winner) { return is_same_place(winner, first); };
    if (!takes_part(first) || std::any_of(winners.begin(), winners.end(), is_first)) continue;
    Winner winner{first.writers, first.hold, first.payload, nullptr};
    std::vector<const Point*> rivals;
    for (const Point& point : points) {
      if (takes_part(point) && is_same_place(winner, point)) rivals.push_back(&point);
    }
    if (rivals.size() < 2) continue;
    winner.mode = fastest(rivals);
    winners.push_back(winner);
  }
  return winners;
}

}  // namespace cortado::lab
