#include <cortado/owner.hpp>

#include "os/deadline.hpp"
#include "owner/owner_impl.hpp"

namespace cortado {

Owner::Owner(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Owner::Owner(Owner&&) noexcept = default;
Owner& Owner::operator=(Owner&&) noexcept = default;
Owner::~Owner() = default;

Result<Owner> Owner::open(std::string_view name, OwnerOptions options) {
  return open_with(name, std::move(options), {});
}

Result<Owner> Owner::open_with(std::string_view name, OwnerOptions options,
                               detail::StateInfo state) {
  auto impl = Impl::open(name, std::move(options), state);
  if (!impl) return impl.error();
  return Owner(std::move(*impl));
}

std::size_t Owner::drain_with(detail::HandlerRef handler, Budget budget) {
  return impl_->drain(handler, budget);
}

bool Owner::wait(std::chrono::nanoseconds timeout) {
  return wait_until(os::deadline_after(timeout));
}

bool Owner::wait_until(std::chrono::steady_clock::time_point deadline) {
  return impl_->wait_until(deadline);
}

int Owner::fd() noexcept {
  impl_->loop_mode = true;
  return impl_->poller.fd();
}

bool Owner::release(const Receipt& upto) noexcept {
  return impl_->release(upto);
}
void Owner::release_all() noexcept {
  impl_->release_all();
}

bool Owner::manual_release() const noexcept {
  return impl_->options.manual_release;
}

Result<Writer> Owner::make_writer(JoinOptions options) {
  return impl_->admit_here(std::move(options));
}

void Owner::close() noexcept {
  impl_->close();
}

bool Owner::drained() const noexcept {
  for (const OwnerLane* lane : impl_->lanes) {
    if (!lane->condemned && (lane->readable() || !lane->all_released())) return false;
  }
  return true;
}

bool Owner::evict(std::string_view writer) {
  return impl_->evict(writer);
}

std::optional<Event> Owner::next_event() {
  if (impl_->events.empty()) return std::nullopt;
  Event event = std::move(impl_->events.front());
  impl_->events.pop_front();
  return event;
}

std::uint64_t Owner::events_dropped() const noexcept {
  return impl_->dropped_events;
}

std::vector<LaneStats> Owner::stats() const {
  std::vector<LaneStats> all;
  all.reserve(impl_->lanes.size());
  for (const OwnerLane* lane : impl_->lanes) {
    all.push_back(lane->stats);
    all.back().delivered = lane->delivered();
    all.back().unreleased_bytes = lane->there.position() - lane->there.released();
  }
  return all;
}

std::size_t Owner::writers() const noexcept {
  return impl_->lanes.size();
}
const std::string& Owner::name() const noexcept {
  return impl_->name;
}
std::uint64_t Owner::generation() const noexcept {
  return impl_->generation;
}
std::uint64_t Owner::forgotten() const noexcept {
  return impl_->forgotten;
}

const void* Owner::kept_state() const noexcept {
  const lane::KeptHeader& head = impl_->kept->header();
  return impl_->kept->state(head.state_current.load(std::memory_order_relaxed) & 1);
}

}  // namespace cortado
