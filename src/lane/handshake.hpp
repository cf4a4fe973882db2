// The two messages of joining: Hello (writer to owner) and Welcome (owner to writer).
//
// One SEQPACKET message each, fixed size, native byte order. Everything in a Hello is hostile until
// checked. The Welcome carries the lane's segment and doorbell, and without a keeper the owner's
// own pidfd (a listener's credentials may be the keeper's).
//
//   writer                               owner
//   connect, Hello  ------------------>  check; make the lane; [offer it to the keeper]
//   map, register for barriers <-------  shutdown(SHUT_RD), then Welcome + descriptors
//
// After it the connection carries only single bytes from owner to writer ("look again"), and its
// hang-up tells each end that the other one left.
#pragma once

#include <cortado/result.hpp>
#include <cortado/writer_id.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "lane/kept.hpp"

namespace cortado::lane {

inline constexpr std::uint64_t kHelloMagic = 0x316f6c6c65486f63ULL;    // "coHello1" in memory
inline constexpr std::uint64_t kWelcomeMagic = 0x316f636c65576f63ULL;  // "coWelco1" in memory
inline constexpr std::uint32_t kProtocolVersion = 2;
inline constexpr std::size_t kMaxSchemas = 16;
inline constexpr std::size_t kSchemaNameBytes = 48;

struct WireSchema {
  char name[kSchemaNameBytes];
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t fields_hash;
};
static_assert(sizeof(WireSchema) == 64);

struct Hello {
  std::uint64_t magic = kHelloMagic;
  std::uint32_t protocol_version = kProtocolVersion;
  std::uint32_t layout_version = ring::kLayoutVersion;
  std::uint32_t barrier = 0;         ///< 1: this process is registered for global barriers
  std::uint32_t attempts = 0;        ///< owners that died with `first_sequence` in hand
  std::uint64_t first_sequence = 0;  ///< of the first message that will stand in the new lane
  WriterId identity;                 ///< as an earlier owner gave it; zero: a first join
  char name[kNameBytes] = {};        ///< empty: the owner makes one from the pid
  std::uint32_t schema_count = 0;
  std::uint32_t reserved = 0;
  std::array<WireSchema, kMaxSchemas> schemas{};

  /// Whether `received` bytes are a Hello at all; what it says is the owner's to judge.
  bool well_formed(std::size_t received) const noexcept {
    return received == sizeof *this && magic == kHelloMagic;
  }
};
static_assert(sizeof(Hello) == 120 + kMaxSchemas * 64);
static_assert(std::is_trivially_copyable_v<Hello>);

struct Welcome {
  std::uint64_t magic = kWelcomeMagic;
  std::uint32_t protocol_version = kProtocolVersion;
  std::uint32_t refused = 0;  ///< 0, or 1 + Errc
  std::uint32_t lane_id = 0;
  std::uint32_t keeper = 0;  ///< 1: the lane outlives this owner
  std::uint64_t generation = 0;
  std::int32_t owner_pid = 0;
  std::uint32_t reserved = 0;
  WriterId identity;           ///< the one that was presented, or a new one
  char name[kNameBytes] = {};  ///< the writer's name as accepted
  char text[256] = {};         ///< one line, if refused

  /// Whether `received` bytes are a Welcome at all.
  bool well_formed(std::size_t received) const noexcept {
    return received == sizeof *this && magic == kWelcomeMagic;
  }
};
static_assert(sizeof(Welcome) == 376);
static_assert(std::is_trivially_copyable_v<Welcome>);

constexpr bool is_control(char c) noexcept {
  return (c >= 0 && c < ' ') || c == 0x7f;
}

/// Has no control character, so that it can be shown in a line.
constexpr bool valid_name(std::string_view name, std::size_t field_bytes) noexcept {
  return name.size() < field_bytes && std::none_of(name.begin(), name.end(), is_control);
}

/// A writer's name: at most 63 bytes, none a control character.
constexpr bool valid_writer_name(std::string_view name) noexcept {
  return valid_name(name, kNameBytes);
}

/// Copies with truncation, always zero-terminated and zero-padded.
template <std::size_t N>
void set_text(char (&field)[N], std::string_view text) noexcept {
  std::memset(field, 0, N);
  std::memcpy(field, text.data(), text.size() < N ? text.size() : N - 1);
}

/// The text of a zero-terminated field; the whole field if nobody terminated it.
template <std::size_t N>
std::string_view get_text(const char (&field)[N]) noexcept {
  return {field, ::strnlen(field, N)};
}

}  // namespace cortado::lane
