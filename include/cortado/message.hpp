// Message: what the owner's handler is given.
#pragma once

#include <cortado/export.hpp>
#include <cortado/result.hpp>
#include <cortado/schema.hpp>
#include <cortado/writer_id.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cortado {

/// Names one message for Owner::release. Plain data; stays valid after the handler returned.
struct Receipt {
  std::uint32_t slot = 0;      ///< the owner's own index
  std::uint32_t lane_id = 0;   ///< never reused under one owner name
  std::uint64_t position = 0;  ///< behind the message, in ring bytes
  std::uint64_t sequence = 0;  ///< of the next message
};

/// What became of a reply.
enum class ReplyStatus : std::uint8_t {
  replied,    ///< it is in the writer's ring
  not_asked,  ///< the message is no ask, or has its reply
  too_large,  ///< longer than the writer left room for; the writer is told so instead
  dropped,    ///< the writer broke the rule that keeps room for it, or is gone; or this is a child
              ///< that the handler forked
};

namespace detail {
/// The owner's end of an ask; implemented by the owner.
class CORTADO_API ReplyPort {
 public:
  virtual ReplyStatus reply(std::span<const std::byte> bytes, std::uint16_t tag) noexcept = 0;

 protected:
  ~ReplyPort() = default;
};
}  // namespace detail

/// One message, valid only inside the handler that is given it. The bytes are the owner's private
/// copy: no writer can change them any more (but see OwnerOptions::read_in_place). The owner's
/// thread only; never blocks; does not allocate.
class Message {
 public:
  struct Parts {
    std::span<const std::byte> bytes;
    std::string_view writer;
    WriterId writer_id;
    std::uint32_t writer_uid = 0;
    Receipt receipt;
    std::uint64_t sequence = 0;
    std::uint16_t tag = 0;
    bool redelivered = false;
    detail::ReplyPort* port = nullptr;
  };
  /// Refers to `parts`, which the owner changes from message to message.
  explicit Message(const Parts& parts) noexcept : parts_(parts) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  std::span<const std::byte> bytes() const noexcept { return parts_.bytes; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(parts_.bytes.data()), parts_.bytes.size()};
  }
  /// The name the writer joined under; unique among the writers of this moment.
  std::string_view writer() const noexcept { return parts_.writer; }
  /// Which writer that is, also under a next owner: with sequence(), the name of this message.
  const WriterId& writer_id() const noexcept { return parts_.writer_id; }
  /// The user that joined, as the kernel told.
  std::uint32_t writer_uid() const noexcept { return parts_.writer_uid; }
  /// Number of this message among its writer's, from 0, without gaps.
  std::uint64_t sequence() const noexcept { return parts_.sequence; }
  /// An owner or a handler failed with this message in hand: its effect may be there already.
  bool redelivered() const noexcept { return parts_.redelivered; }
  bool is_ask() const noexcept { return parts_.port != nullptr; }
  const Receipt& receipt() const noexcept { return parts_.receipt; }

  /// 0: untyped bytes; else tag_of<T>() of what was sent.
  std::uint16_t tag() const noexcept { return parts_.tag; }
  template <DeclaredMessage T>
  bool is() const noexcept {
    return parts_.tag == tag_of<T>();
  }
  /// The typed message. Allocates what T allocates. Errc::malformed: the bytes are not a T.
  /// Defined in <cortado/typed.hpp>.
  template <DeclaredMessage T>
  Result<T> as() const;
  /// A T that is copied as it stands (see TypedMessage), where it stands: no copy, valid inside the
  /// handler like bytes(). Does not allocate. Null: it was sent as another type, has another
  /// length, or is not aligned for a T (never, up to 8); then as<T>() says which, or makes an
  /// aligned copy. Defined in <cortado/typed.hpp>.
  template <DeclaredMessage T>
  const T* view() const noexcept;

  /// Answers an ask, once. Room was reserved by the writer, so this never blocks. A handler that
  /// returns without a reply lets the ask end as Errc::unanswered.
  ReplyStatus reply(std::span<const std::byte> bytes) const noexcept {
    return parts_.port == nullptr ? ReplyStatus::not_asked : parts_.port->reply(bytes, 0);
  }
  ReplyStatus reply(std::string_view text) const noexcept {
    return reply(std::as_bytes(std::span(text.data(), text.size())));
  }
  /// Typed answer. Allocates a buffer for its bytes. Defined in <cortado/typed.hpp>.
  template <DeclaredMessage T>
  ReplyStatus reply(const T& value) const;

 private:
  const Parts& parts_;
};

}  // namespace cortado
