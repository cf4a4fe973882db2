// Text in columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace cortado::tools {

/// Lines of cells, padded into columns.
class Grid {
 public:
  void add(std::vector<std::string> line) { lines_.push_back(std::move(line)); }

  std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& line : lines_) {
      widths.resize(std::max(widths.size(), line.size()));
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    }
    std::string text;
    for (const auto& line : lines_) {
      std::string row;
      for (std::size_t i = 0; i < line.size(); ++i) {
        row += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
      }
      row.resize(row.find_last_not_of(' ') + 1);
      text += row + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> lines_;
};

}  // namespace cortado::tools
