// Turns: a race whose interleaving is drawn from a seed, so that it can be shown again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "modes/stage.hpp"

namespace cortado::modes {

/// Whose letter comes next, for all letters of all orders: order i is written by writer
/// i % writers, and each order fills the buffer to its end. The cup that comes out is none of the
/// orders and has letters of several writers, if an interleaving that does this is found soon; the
/// same for the same arguments, on every machine.
std::vector<std::uint32_t> letter_turns(const std::vector<std::string>& orders,
                                        std::uint32_t writers, std::uint32_t capacity,
                                        std::uint64_t seed);

/// The same, for modes in which an order is not interrupted: whose order comes next.
std::vector<std::uint32_t> order_turns(const std::vector<std::uint32_t>& letter_turns,
                                       std::uint32_t writers, std::uint32_t capacity);

/// What these turns leave in a buffer of that capacity.
std::string cup_after(const std::vector<std::uint32_t>& letter_turns,
                      const std::vector<std::string>& orders, std::uint32_t writers,
                      std::uint32_t capacity);

/// Sleeps until it is that writer's turn, or no turn is left.
void wait_for_turn(const Stage& stage, std::uint32_t writer) noexcept;
/// Whoever has the turn gives it to the next.
void pass_turn(const Stage& stage) noexcept;

}  // namespace cortado::modes
