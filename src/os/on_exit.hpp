// Something that is done when a scope ends, by an exception, too.
#pragma once

namespace cortado::os {

template <class F>
struct OnExit {
  F end;
  ~OnExit() { end(); }
};
template <class F>
OnExit(F) -> OnExit<F>;

}  // namespace cortado::os
