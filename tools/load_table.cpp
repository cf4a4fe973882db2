#include "load_table.hpp"

#include <algorithm>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "grid.hpp"
#include "lab/wording.hpp"

namespace cortado::tools {
namespace {

using lab::Point;

std::string row_name(const Point& point) {
  std::string name = fmt::format("{}, {}", point.mode->name, lab::counted(point.writers, "writer"));
  if (point.hold.count() > 0) {
    name += ", " + lab::plain_time(static_cast<double>(point.hold.count())) + " of work";
  }
  return name;
}

std::string time_of(std::uint64_t ns) {
  return short_time(static_cast<double>(ns));
}

std::vector<std::string> line_of(const Point& point, bool is_first) {
  std::vector<std::string> line{is_first ? row_name(point) : "",
                                fmt::format("{:.0f} %", point.load * 100)};
  if (point.unfinished == point.runs.size()) {
    line.emplace_back("-");
    return line;
  }
  const lab::Latency due = lab::latency_of(point.latency);
  const lab::Latency sent = lab::latency_of(point.latency_from_send);
  for (auto& text :
       {short_count(point.load_per_s), short_count(point.per_second.median), time_of(due.p50),
        time_of(due.p99), time_of(due.p99_9), time_of(due.max), time_of(sent.p99)}) {
    line.push_back(text);
  }
  return line;
}

bool is_same_row(const Point& a, const Point& b) {
  return a.mode == b.mode && a.writers == b.writers && a.hold == b.hold && a.payload == b.payload;
}

}  // namespace

std::string table_of_loads(const std::vector<Point>& points) {
  std::vector<const Point*> loads;
  for (const Point& point : points) {
    if (point.load > 0) loads.push_back(&point);
  }
  if (loads.empty()) return {};
  std::stable_sort(loads.begin(), loads.end(), [&points](const Point* a, const Point* b) {
    // By the first point like it.
    const auto place = [&points](const Point* of) {
      return std::find_if(points.begin(), points.end(),
                          [of](const Point& point) { return is_same_row(point, *of); }) -
             points.begin();
    };
    return place(a) < place(b);
  });
  Grid grid;
  grid.add({"Latency under load", "of what it can", "due/s", "done/s", "50 % within", "99 %",
            "99.9 %", "longest", "99 % by the send"});
  const Point* last = nullptr;
  for (const Point* point : loads) {
    grid.add(line_of(*point, last == nullptr || !is_same_row(*last, *point)));
    last = point;
  }
  return grid.text() +
         "From when an order was due until it was applied, so that a stall makes all late that "
         "were "
         "due meanwhile; by the send, as a closed loop counts, they are not seen\n\n";
}

}  // namespace cortado::tools
