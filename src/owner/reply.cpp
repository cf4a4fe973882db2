#include <cstring>
#include <utility>

#include "owner/owner_lane.hpp"

namespace cortado::owner {

ReplyStatus LanePort::reply(std::span<const std::byte> bytes, std::uint16_t tag) noexcept {
  if (replied_) return ReplyStatus::not_asked;
  replied_ = true;
  if (sequence_ < lane_.replied.through) return ReplyStatus::replied;
  if (bytes.size() > limit_) {
    const ReplyStatus told = put({}, 0, ring::flag::too_large);
    return told == ReplyStatus::replied ? ReplyStatus::too_large : told;
  }
  return put(bytes, tag, 0);
}

void LanePort::finish() noexcept {
  if (replied_ || sequence_ < lane_.replied.through) return;
  put({}, 0, ring::flag::unanswered);
}

// The writer reserved room before it asked, so an honest writer's reply always fits.
ReplyStatus LanePort::put(std::span<const std::byte> bytes, std::uint16_t tag,
                          std::uint8_t flags) noexcept {
  if (os::process_epoch() != epoch_) return ReplyStatus::dropped;
  const ring::ReplyPrefix prefix{sequence_};
  const std::uint64_t length = sizeof prefix + bytes.size();
  const bool possible = length <= ring::max_length(lane_.back.capacity());
  if (possible && hold_ != nullptr) {
    *hold_ = {true, sequence_, tag, flags, std::move(hold_->bytes)};
    hold_->bytes.assign(bytes.begin(), bytes.end());  // there is room: Owner::Impl::reserve_copy
    return ReplyStatus::replied;
  }
  std::byte* room = possible ? lane_.back.claim(length) : nullptr;
  if (room == nullptr) {
    ++lane_.stats.replies_dropped;
    return ReplyStatus::dropped;
  }
  std::memcpy(room, &prefix, sizeof prefix);
  if (!bytes.empty()) std::memcpy(room + sizeof prefix, bytes.data(), bytes.size());
#if defined(CORTADO_SEED_REPLY_COUNTED_FIRST)
  lane_.kept->commit(lane::Replied{lane_.back.position() + ring::record_bytes(length),
                                   lane_.replied.sequence + 1, sequence_ + 1});
#endif
  lane_.back.commit({static_cast<std::uint32_t>(length), tag,
                     static_cast<std::uint8_t>(lane_.replied.sequence), flags});
  // A successor that finds the reply in the ring and not here counts it itself.
  lane_.replied = {lane_.back.position(), lane_.replied.sequence + 1, sequence_ + 1};
  lane_.kept->commit(lane_.replied);
  lane_.reply_to_tell = true;
  ++lane_.stats.replies;
  return ReplyStatus::replied;
}

void LanePort::tell(OwnerLane& lane, HeldReply& reply) noexcept {
  LanePort port(lane, reply.sequence, 0, nullptr);
  static_cast<void>(port.put(reply.bytes, reply.tag, reply.flags));
  reply.held = false;
}

}  // namespace cortado::owner
