// What the keeper and an owner say to each other, over one SEQPACKET socket that the owner
// inherits.
//
//   keeper                                              owner
//   greeting {listener, [kept]}            ---------->  KeeperLink::receive
//                                          <----------  acknowledge
//   lanes {segment, doorbell, connection, [pidfd]} x n  (at most 63 a message, each acknowledged)
//
//   KeeperEnd::serve                       <----------  kept {memfd}
//                                          <----------  lane {segment, doorbell, connection,
//                                          [pidfd]}
//                                          <----------  retire, up to 63 numbers
//
// Native byte order; both ends are one build. A message is KeeperMessage up to its last used entry.
// Descriptors stand in the order above, entry by entry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace cortado::lane {

inline constexpr const char* kKeeperVariable = "CORTADO_KEEPER";  ///< value: "<fd>:<name>"
inline constexpr std::uint64_t kKeeperMagic = 0x317265706565636fULL;
/// 4 descriptors each stay below the kernel's limit of 253 a message.
inline constexpr std::size_t kLanesPerMessage = 63;
/// No owner has more (OwnerOptions::max_writers), whatever its keeper could hold.
inline constexpr std::size_t kMaxLanes = 65536;

struct KeeperMessage {
  enum class Kind : std::uint32_t {
    greeting = 1,  ///< to the owner, first; generation, capacity, remaining
    lanes,         ///< to the owner; remaining
    acknowledge,   ///< to the keeper, for each greeting and lanes message
    kept,          ///< to the keeper
    lane,          ///< to the keeper, one entry
    retire,        ///< to the keeper
  };
  struct Entry {
    std::uint32_t lane_id;
    std::uint32_t descriptors;  ///< 3, or 4 with the writer's pidfd; 0 in `retire`
  };

  std::uint64_t magic = kKeeperMagic;
  Kind kind = Kind::greeting;
  std::uint32_t count = 0;  ///< entries in use
  std::uint64_t generation = 0;
  std::uint32_t remaining = 0;  ///< lanes that come in later messages
  std::uint32_t capacity = 0;   ///< lanes that the keeper can hold at one time
  std::array<Entry, kLanesPerMessage> entries{};

  static constexpr std::size_t bytes_for(std::size_t entries) noexcept {
    return 32 + entries * sizeof(Entry);
  }
  std::span<const std::byte> wire() const noexcept {
    return std::as_bytes(std::span(this, 1)).first(bytes_for(count));
  }
  std::span<std::byte> buffer() noexcept { return std::as_writable_bytes(std::span(this, 1)); }
  /// Whether `received` bytes are one message whose entries are consistent with its length.
  bool well_formed(std::size_t received) const noexcept {
    return received >= bytes_for(0) && magic == kKeeperMagic && count <= kLanesPerMessage &&
           received == bytes_for(count);
  }
  /// Descriptors that its entries announce, or `wrong` if one announces neither 3 nor 4.
  static constexpr std::size_t wrong = static_cast<std::size_t>(-1);
  std::size_t announced() const noexcept {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (entries[i].descriptors != 3 && entries[i].descriptors != 4) return wrong;
      sum += entries[i].descriptors;
    }
    return sum;
  }
};

static_assert(std::is_trivially_copyable_v<KeeperMessage>);
static_assert(std::is_standard_layout_v<KeeperMessage>);
static_assert(offsetof(KeeperMessage, entries) == KeeperMessage::bytes_for(0));
static_assert(sizeof(KeeperMessage) == KeeperMessage::bytes_for(kLanesPerMessage));

}  // namespace cortado::lane
