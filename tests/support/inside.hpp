// The parts behind Owner and Writer, for tests that look inside. Access is not checked where a
// template is instantiated explicitly, so the classes need not name their tests as friends.
#pragma once

#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <type_traits>
#include <utility>

#include "owner/owner_impl.hpp"
#include "writer/writer_impl.hpp"

namespace cortado::test {

inline auto& inside(Owner& owner);
inline auto& inside(Writer& writer);

template <class Object, auto Part>
struct Door {
  friend inline auto& inside(Object& object) { return *(object.*Part); }
};
template struct Door<Owner, &Owner::impl_>;
template struct Door<Writer, &Writer::impl_>;

using OwnerParts = std::remove_reference_t<decltype(inside(std::declval<Owner&>()))>;
using WriterParts = std::remove_reference_t<decltype(inside(std::declval<Writer&>()))>;

}  // namespace cortado::test
