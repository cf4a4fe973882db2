#include "order_input.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "command.hpp"
#include "lines.hpp"
#include "modes/workload.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

/// Of all orders together: they are kept in memory, once here and once on the stage.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

/// One reading of a file.
class OrderInput {
 public:
  OrderInput(const std::string& path, Interrupt& interrupt)
      : name_(path == "-" ? "standard input" : path), interrupt_(interrupt) {
    if (path == "-") return;
    opened_ = descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) throw unreadable();
  }
  ~OrderInput() {
    if (opened_ >= 0) ::close(opened_);
  }
  OrderInput(const OrderInput&) = delete;
  OrderInput& operator=(const OrderInput&) = delete;

  std::vector<std::string> read() {
    LineReader reader(descriptor_);
    std::vector<std::string> orders;
    std::uint64_t bytes = 0;
    for (;;) {
      while (const auto line = reader.next()) {
        check(*line, reader.number());
        bytes += line->size() + sizeof(std::string);
        if (bytes > kMostBytes) throw refused("it has more than 1 GiB; take a part of it");
        orders.emplace_back(*line);
      }
      if (reader.ended()) break;
      fill(reader);
    }
    if (orders.empty()) throw refused("it has no lines, and so no orders; write one a line");
    return orders;
  }

 private:
  void fill(LineReader& reader) {
    std::array<pollfd, 2> ready{{{descriptor_, POLLIN, 0}, {interrupt_.fd(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), -1);
    if (const int signal = interrupt_.number(); signal != 0) throw stopped_by(signal);
    switch (reader.fill(modes::Workload::kMostPayload)) {
      case LineReader::Fill::more:
      case LineReader::Fill::end:
        return;
      case LineReader::Fill::too_long:
        throw too_long(reader.number() + 1);
      case LineReader::Fill::failed:
        throw unreadable();
    }
  }

  void check(std::string_view line, std::uint64_t number) const {
    if (line.find('\0') != std::string_view::npos) {
      throw refused("line " + std::to_string(number) +
                    " has a zero byte, so it is no text; name a file of lines");
    }
    if (line.size() > modes::Workload::kMostPayload) throw too_long(number);
  }

  Refused refused(const std::string& why) const {
    return {kBadInput, "cannot take orders from " + name_ + ": " + why};
  }
  Refused too_long(std::uint64_t number) const {
    return refused("line " + std::to_string(number) + " has more than " +
                   std::to_string(modes::Workload::kMostPayload) +
                   " bytes, the most that an order may have; name a file of lines");
  }
  Refused unreadable() const {
    return refused(std::string(std::strerror(errno)) + "; name a readable file");
  }

  std::string name_;
  Interrupt& interrupt_;
  int descriptor_ = STDIN_FILENO;
  int opened_ = -1;
};

}  // namespace

std::vector<std::string> read_orders(const std::string& path, Interrupt& interrupt) {
  return OrderInput(path, interrupt).read();
}

}  // namespace cortado::tools
