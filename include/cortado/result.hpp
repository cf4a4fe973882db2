// Result<T>: a value, or an Error that says what was attempted, on what, why it failed, what to do.
//
// Used at set-up (open, join, spawn, decode). The hot path returns SendStatus instead.
#pragma once

#include <cortado/export.hpp>

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace cortado {

/// Why a set-up step failed. Each value is one cause with one remedy.
enum class Errc : std::uint8_t {
  invalid_argument,  ///< a name, size or option is outside its documented range: correct the call
  no_owner,          ///< nobody owns that name now: start the owner, or try again
  name_taken,        ///< a live (perhaps stopped) owner holds the name: stop it or choose another
  name_in_use,       ///< a live writer of this owner has that writer name: choose another
  too_many_writers,  ///< the owner's max_writers is reached: raise it, or wait until one leaves
  quota,             ///< this user's share of writers is used up: raise max_writers_per_user
  version_mismatch,  ///< the two programs were built with incompatible cortado versions
  schema_mismatch,   ///< a typed message differs between writer and owner: rebuild the older one
  permission,        ///< the directory, socket or file belongs to, or is closed by, somebody else
  descriptors,       ///< no file descriptor left: raise `ulimit -n`
  no_space,          ///< the disk is full, or the file may not grow: make room, repeat the call
  no_memory,         ///< the segment cannot be allocated: smaller ring_bytes, or more memory
  try_again,         ///< a passing condition (keeper busy, owner starting): repeat the call
  timed_out,         ///< the deadline passed first
  unknown,           ///< an ask whose answer did not come in time: it may or may not be applied
  unanswered,        ///< the owner's handler saw the ask and did not reply
  too_large,         ///< the message or the answer does not fit into its ring
  closing,           ///< the owner is shutting down in order
  quarantined,       ///< this lane broke a rule and is no longer read; the reason is in the text
  forked,            ///< used in a forked child; join again there
  malformed,         ///< bytes that do not decode to the expected type
  unsupported,       ///< the kernel lacks something that cannot be replaced
  system,            ///< any other refusal of the operating system; errno is in the text
};

/// The lower-case name of the value, as documented above. Static storage; never null.
CORTADO_API const char* to_string(Errc code) noexcept;

/// A failed set-up step. `text` is one line: what was attempted, on what, why, what to do.
struct Error {
  Errc code = Errc::system;
  std::string text;
};

/// A value or an Error. Ask first (`if (r)`), then use `*r`, `r->`, or `r.error()`.
/// Any thread; does not block; allocates only what T and the text allocate.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  /// A value made by its default constructor, where it stands.
  explicit Result(std::in_place_t) : state_(std::in_place_index<0>) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  /// Precondition: not a value.
  const Error& error() const {
    assert(state_.index() == 1);
    return std::get<1>(state_);
  }

 private:
  T& value() {
    assert(state_.index() == 0);
    return std::get<0>(state_);
  }
  const T& value() const {
    assert(state_.index() == 0);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  explicit operator bool() const noexcept { return ok_; }
  const Error& error() const {
    assert(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace cortado
