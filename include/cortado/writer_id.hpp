// WriterId: which writer sent a message, for longer than its owner lives.
#pragma once

#include <cortado/export.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <string>

namespace cortado {

/// 128 random bits that an owner gives to a writer at its first join, and that the same Writer
/// presents to each next owner. Names and lanes may come again; (WriterId, sequence) names one
/// message for ever. Nobody but the writer and its owners can know it: do not publish it while
/// other users may join. Plain data.
struct WriterId {
  std::array<std::byte, 16> bytes{};

  /// False: all zero, no writer.
  explicit operator bool() const noexcept { return *this != WriterId{}; }
  /// 32 lower-case hexadecimal digits. Allocates.
  CORTADO_API std::string text() const;

  // The check takes the 0 of a comparison for a pointer.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const WriterId&, const WriterId&) = default;
};

}  // namespace cortado
