// The asymmetric barrier: the side that seldom acts pays for both.
//
//   sender (often)                 sleeper (seldom)
//   --------------------------     --------------------------
//   store what it published        store "I sleep"
//   compiler barrier               global_barrier()
//   load "I sleep"                 load what is published
//
// Without a barrier both loads may see the old value, and nobody wakes the sleeper. The sleeper's
// global_barrier() makes every registered process pass a full barrier between its store and its
// load, so at least one of the two loads sees the new value.
//
// The sender still writes std::atomic_signal_fence(seq_cst) where its row says compiler barrier.
#pragma once

namespace cortado::os {

/// Makes this process one that global_barrier() of any process reaches. Every process that sends
/// calls it: once, again after exec and again in a forked child; repeated calls cost two loads.
/// Any thread. False: the kernel has no MEMBARRIER_CMD_GLOBAL_EXPEDITED (or a sandbox forbids it);
/// the sender must then use a full fence.
bool register_for_global_barrier() noexcept;

/// A full barrier in every running thread of every registered process, and in the calling thread.
/// The caller need not be registered. Takes microseconds. False: the kernel lacks it, and there was
/// no barrier anywhere.
bool global_barrier() noexcept;

}  // namespace cortado::os
