// Typed messages: a value to bytes and back. The only part of cortado that needs cereal.
//
// Include the cereal headers of the types used beside it: <cereal/types/string.hpp>, vector.hpp,
// ...
#pragma once

#include <cortado/archive.hpp>
#include <cortado/message.hpp>
#include <cortado/result.hpp>
#include <cortado/schema.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace cortado {

/// A type that can be sent: it declares `cortado_type` (see TypeInfo) and can be moved.
///
/// Its bytes are made in one of two ways:
/// - With serialize(), or save() and load(), as cereal has them, member or free: field by field.
///   Every nested struct needs its own. A load() may throw to say that a value is not valid; the
///   text of a std::exception becomes the reason.
/// - Without: a trivially copyable type is copied as it stands (an empty one takes no bytes). It
/// must
///   have nothing in it that a copy would leak or that bytes could break: no padding (never
///   written, so it would carry this process's memory to another one), bool, pointer, reference,
///   union, bit-field or long double, and at most 64 KiB. All of this is checked by the compiler.
///   Not visible to it: a number outside an enum's enumerators. Check enums before a switch.
template <class T>
concept TypedMessage =
    DeclaredMessage<T> && std::same_as<T, std::remove_cv_t<T>> && std::move_constructible<T>;

/// What encode and encoded_size return for a value that has no encoding. No ring can hold as much,
/// so a claim of it ends as too_large.
inline constexpr std::size_t kNotEncodable = std::numeric_limits<std::size_t>::max();

namespace detail {

template <class T>
inline constexpr bool kHasSerialize =
    cereal::traits::detail::count_output_serializers<T, SpanOutputArchive>::value != 0 ||
    cereal::traits::detail::count_input_serializers<T, SpanInputArchive>::value != 0;

/// Not a constant expression if T has padding, pointers, unions or (where every byte is 2) bools.
template <class T>
constexpr bool survives_a_round_trip() {
  using Bytes = std::array<char, sizeof(T)>;
  Bytes bytes{};
  for (char& byte : bytes) byte = 2;
  return std::bit_cast<Bytes>(std::bit_cast<T>(bytes)) == bytes;
}

template <class T>
concept PlainBytes = std::is_trivially_copyable_v<T> && sizeof(T) <= 65536 && requires {
  requires std::bool_constant < survives_a_round_trip<T>()
  > ::value;
};

/// The length of a message that is copied as it stands.
template <class T>
inline constexpr std::size_t kPlainSize = std::is_empty_v<T> ? 0 : sizeof(T);

template <class T>
consteval bool copied_as_bytes() {
  static_assert(!T::cortado_type.name.empty() && T::cortado_type.name.size() <= 47,
                "cortado: the name in cortado_type must have 1 to 47 bytes");
  if constexpr (kHasSerialize<T>) {
    static_assert(std::is_default_constructible_v<T>,
                  "cortado: a message with serialize() must be default constructible");
    check_archivable<T>();
    return false;
  } else {
    static_assert(std::is_trivially_copyable_v<T>,
                  "cortado: this message is not trivially copyable and has no serialize(); add "
                  "template <class Archive> void serialize(Archive& archive) { archive(...); }");
    static_assert(
        !std::is_trivially_copyable_v<T> || std::is_empty_v<T> || PlainBytes<T>,
        "cortado: this message has no serialize() and cannot be copied as bytes: it has padding "
        "(which would leak memory), a bool, pointer, reference, union, bit-field or long double, "
        "or exceeds 64 KiB; add template <class Archive> void serialize(Archive& archive)");
    return true;
  }
}

/// Returns the length of the encoding, of which `bytes` hold what they have room for.
template <class T>
std::size_t save_all(std::span<std::byte> bytes, const T& value) noexcept {
  Brief<SpanOutputArchive> archive(bytes);
  try {
    (*archive)(value);
  } catch (...) {
    return kNotEncodable;
  }
  return (*archive).refusal() == nullptr ? (*archive).position() : kNotEncodable;
}

inline Error malformed(const TypeInfo& type, std::size_t offset, std::size_t size,
                       const char* why) noexcept {
  try {
    std::string text = "decode '" + std::string(type.name) + "' version " +
                       std::to_string(type.version) + ": at byte " + std::to_string(offset) +
                       " of " + std::to_string(size) + ": ";
    text += why;
    text += "; build writer and owner from the same type, else do not trust this writer";
    return {Errc::malformed, std::move(text)};
  } catch (...) {
    return {Errc::malformed, "malformed"};  // short enough not to allocate
  }
}

template <class T>
Error refusal_of(const SpanInputArchive& archive, std::size_t size, const char* why) noexcept {
  return malformed(T::cortado_type, archive.position(), size,
                   archive.refusal() != nullptr ? archive.refusal() : why);
}

/// Inlined, so that the compiler sees the archive whole: every number is a step of it.
template <class T>
[[gnu::always_inline]] inline void load_all(SpanInputArchive& archive, std::size_t size,
                                            Result<T>& value) {
  try {
    archive(*value);
    if (archive.refusal() != nullptr) {
      value = refusal_of<T>(archive, size, "");
    } else if (archive.left() != 0) {
      value = refusal_of<T>(archive, size, "bytes are left over");
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& exception) {
    value = refusal_of<T>(archive, size, exception.what());
  } catch (...) {
    value =
        refusal_of<T>(archive, size, "its serialize() threw something that is no std::exception");
  }
}

/// The value is filled where it is returned: to move what was just stored, number by number, costs
/// more than to store it. Throws what T's default constructor throws, and bad_alloc.
template <class T>
Result<T> load_archived(std::span<const std::byte> bytes) {
  Result<T> value(std::in_place);
  Brief<SpanInputArchive> archive(bytes);
  load_all(*archive, bytes.size(), value);
  return value;
}

}  // namespace detail

/// The number of bytes that encode will write: claim as many, then encode into the claim.
///
/// Any thread that may read `value`; does not block; allocates nothing (cereal does for a type with
/// CEREAL_CLASS_VERSION). Returns kNotEncodable if decode would refuse the value: nested deeper
/// than kMaxNesting, a container whose elements take no bytes, a valueless variant, or its save()
/// threw.
template <TypedMessage T>
std::size_t encoded_size(const T& value) noexcept {
  if constexpr (detail::copied_as_bytes<T>()) {
    return detail::kPlainSize<T>;
  } else {
    return detail::save_all({}, value);
  }
}

/// Writes `value` to the front of `bytes` and returns how many bytes that took.
///
/// Any thread that may read `value`, which must not change between encoded_size and encode; does
/// not block; allocates as encoded_size does. Writes each byte once and reads none back, so `bytes`
/// may be claimed ring memory. Returns kNotEncodable as encoded_size does, or if `bytes` is too
/// short; then some of `bytes` may be written: discard the claim. Orders no memory: commit does.
template <TypedMessage T>
std::size_t encode(const T& value, std::span<std::byte> bytes) noexcept {
  if constexpr (detail::copied_as_bytes<T>()) {
    constexpr std::size_t kSize = detail::kPlainSize<T>;
    if (bytes.size() < kSize) return kNotEncodable;
    if constexpr (kSize != 0) std::memcpy(bytes.data(), &value, kSize);
    return kSize;
  } else {
    const std::size_t size = detail::save_all(bytes, value);
    return size <= bytes.size() ? size : kNotEncodable;
  }
}

/// The value that `bytes` hold, all of them, whoever wrote them.
///
/// Any thread; does not block; allocates what the value needs, in proportion to `bytes`: a size is
/// checked against the bytes left before anything is allocated. The bytes must not change
/// meanwhile: give it a private copy, not ring memory. Nothing is thrown, whatever T's load() does.
/// - malformed: a rule is broken, bytes are missing or left over, or load() threw. The text says
///   type, offset and why. Build both programs from the same type, or do not trust this writer.
/// - no_memory: the value does not fit into memory. Lower the maximum length of a message.
template <TypedMessage T>
Result<T> decode(std::span<const std::byte> bytes) noexcept {
  if constexpr (!detail::copied_as_bytes<T>()) {
    try {
      return detail::load_archived<T>(bytes);
    } catch (const std::bad_alloc&) {
      return Error{Errc::no_memory, "out of memory"};  // short enough not to allocate
    } catch (...) {
      return detail::malformed(T::cortado_type, 0, bytes.size(), "its constructor threw");
    }
  } else if (bytes.size() != detail::kPlainSize<T>) {
    return detail::malformed(T::cortado_type, std::min(bytes.size(), detail::kPlainSize<T>),
                             bytes.size(), "the length is not that of the type");
  } else {
    std::array<std::byte, sizeof(T)> copy{};
    if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
    return Result<T>(std::bit_cast<T>(copy));
  }
}

// The typed members of Message and Writer, declared there.

template <DeclaredMessage T>
Result<T> Message::as() const {
  if (tag() != tag_of<T>()) {
    return detail::malformed(T::cortado_type, 0, bytes().size(), "it was sent as another type");
  }
  return decode<T>(bytes());
}

template <DeclaredMessage T>
const T* Message::view() const noexcept {
  static_assert(detail::copied_as_bytes<T>(),
                "cortado: this message has serialize(), so its bytes are no T: use as<T>()");
  const std::byte* const at = bytes().data();
  const bool is_one = tag() == tag_of<T>() && bytes().size() == detail::kPlainSize<T> &&
                      reinterpret_cast<std::uintptr_t>(at) % alignof(T) == 0;
  // Copying the bytes there made the T: trivially copyable types come into being so.
  return is_one ? std::launder(reinterpret_cast<const T*>(at)) : nullptr;
}

template <DeclaredMessage T>
ReplyStatus Message::reply(const T& value) const {
  if (parts_.port == nullptr) return ReplyStatus::not_asked;
  const std::size_t size = encoded_size(value);
  const std::unique_ptr<std::byte[]> bytes(
      size == kNotEncodable ? nullptr : new (std::nothrow) std::byte[size]);
  if (bytes == nullptr || encode(value, {bytes.get(), size}) != size) return ReplyStatus::too_large;
  return parts_.port->reply({bytes.get(), size}, tag_of<T>());
}

namespace detail {

/// An encoding up to this size is made on the stack and sent as bytes. A longer one is only
/// measured there, and made in the ring.
inline constexpr std::size_t kOnStack = 256;

/// One message into a claim of its exact size; never publishes a part of it.
template <class T>
SendStatus send_into(Claim claim, const T& message, std::size_t size) noexcept {
  if (!claim) return claim.status();
  if (claim.bytes().size() == size && encode(message, claim.bytes()) == size) return claim.commit();
  claim.discard();
  return SendStatus::too_large;
}

/// By send_bytes(span), or into the claim that make_claim(size) returns.
template <class T, class SendBytes, class MakeClaim>
SendStatus send_typed(const T& message, SendBytes send_bytes, MakeClaim make_claim) {
  if constexpr (copied_as_bytes<T>()) {
    return send_bytes(std::as_bytes(std::span(&message, 1)).first(kPlainSize<T>));
  } else {
    std::array<std::byte, kOnStack> bytes;  // NOLINT(*-member-init): what is sent is written first
    const std::size_t size = save_all(bytes, message);
    if (size == kNotEncodable) return SendStatus::too_large;
    if (size <= kOnStack) return send_bytes(std::span<const std::byte>(bytes).first(size));
    return send_into(make_claim(size), message, size);
  }
}

}  // namespace detail

template <DeclaredMessage T>
SendStatus Writer::try_send(const T& message) {
  return detail::send_typed(
      message, [&](std::span<const std::byte> bytes) { return try_send(bytes, tag_of<T>()); },
      [&](std::size_t size) { return claim(size, tag_of<T>()); });
}

template <DeclaredMessage T>
SendStatus Writer::send(const T& message, time_point deadline) {
  return detail::send_typed(
      message, [&](std::span<const std::byte> bytes) { return send(bytes, tag_of<T>(), deadline); },
      [&](std::size_t size) { return claim_until(size, deadline, tag_of<T>()); });
}

template <DeclaredMessage Reply, DeclaredMessage Request>
Result<Reply> Writer::ask(const Request& request, std::chrono::nanoseconds timeout,
                          AskOptions options) {
  const std::size_t size = encoded_size(request);
  const std::unique_ptr<std::byte[]> bytes(
      size == kNotEncodable ? nullptr : new (std::nothrow) std::byte[size]);
  if (bytes == nullptr || encode(request, {bytes.get(), size}) != size) {
    return Error{Errc::too_large, "ask: '" + std::string(Request::cortado_type.name) +
                                      "' has no encoding that fits; send a smaller message"};
  }
  const auto answer = ask({bytes.get(), size}, tag_of<Request>(), deadline_after(timeout), options);
  if (!answer) return answer.error();
  if (answer_tag() != tag_of<Reply>()) {
    return detail::malformed(Reply::cortado_type, 0, answer->size(), "it was sent as another type");
  }
  return decode<Reply>(*answer);
}

}  // namespace cortado
