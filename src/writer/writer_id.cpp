#include <cortado/writer_id.hpp>

namespace cortado {

std::string WriterId::text() const {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string digits;
  digits.reserve(2 * bytes.size());
  for (const std::byte each : bytes) {
    digits += kDigits[std::to_integer<unsigned>(each >> 4)];
    digits += kDigits[std::to_integer<unsigned>(each & std::byte{15})];
  }
  return digits;
}

}  // namespace cortado
