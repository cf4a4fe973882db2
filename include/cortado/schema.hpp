// Schema: the declared name, version and fields of a typed message, compared when a writer joins.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace cortado {

/// What both ends must agree on before a typed message is sent.
///
/// A type T declares it as a static member (all three are compile-time strings/numbers):
///
///   struct Order {
///     std::string drink;
///     static constexpr cortado::TypeInfo cortado_type{"Order", 1, "drink:string"};
///     template <class Archive> void serialize(Archive& archive) { archive(drink); }
///   };
struct TypeInfo {
  std::string_view name;    ///< declared name; the same in both programs; 1 to 47 bytes
  std::uint32_t version;    ///< raised by hand when the meaning changes
  std::string_view fields;  ///< the fields in order, in words; any change is a mismatch
};

/// A type that declares itself as a message.
template <class T>
concept DeclaredMessage = requires {
  { T::cortado_type } -> std::convertible_to<TypeInfo>;
};

/// A TypeInfo in the form that travels in the join handshake.
struct Schema {
  std::string name;
  std::uint32_t version = 0;
  std::uint64_t fields_hash = 0;  ///< FNV-1a, 64 bit, over TypeInfo::fields

  friend bool operator==(const Schema&, const Schema&) = default;
};

/// FNV-1a, 64 bit (Fowler, Noll, Vo; public domain). Not for hostile input: names a type, no more.
constexpr std::uint64_t fnv1a(std::string_view text,
                              std::uint64_t seed = 0xcbf29ce484222325ULL) noexcept {
  for (const char c : text) {
    seed ^= static_cast<unsigned char>(c);
    seed *= 0x100000001b3ULL;
  }
  return seed;
}

/// The tag that a record of this type carries: 1 to 65535, derived from name and version; 0 is
/// "untyped bytes". Two accepted types with one tag are refused when the owner opens.
constexpr std::uint16_t type_tag(std::string_view name, std::uint32_t version) noexcept {
  const std::uint64_t hash = fnv1a(name) ^ (version * 0x9e3779b97f4a7c15ULL);
  const auto tag = static_cast<std::uint16_t>(hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48));
  return tag == 0 ? std::uint16_t{1} : tag;
}

/// The Schema of a type that declares `cortado_type`. Allocates (a string).
template <class T>
Schema schema_of() {
  return {std::string(T::cortado_type.name), T::cortado_type.version,
          fnv1a(T::cortado_type.fields)};
}

template <class T>
constexpr std::uint16_t tag_of() noexcept {
  return type_tag(T::cortado_type.name, T::cortado_type.version);
}

}  // namespace cortado
