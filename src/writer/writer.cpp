#include <cortado/writer.hpp>

#include "os/deadline.hpp"
#include "writer/writer_impl.hpp"

namespace cortado {

Writer::Writer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::join(std::string_view owner, JoinOptions options) {
  auto impl = Impl::join(owner, std::move(options));
  if (!impl) return impl.error();
  return Writer(std::move(*impl));
}

Writer::time_point Writer::deadline_after(std::chrono::nanoseconds timeout) noexcept {
  return os::deadline_after(timeout);
}

Result<std::vector<std::byte>> Writer::ask(std::span<const std::byte> message, std::uint16_t tag,
                                           time_point deadline, AskOptions options) {
  auto answer = impl_->ask(message, tag, deadline, options);
  impl_->give_back_wakeup();
  return answer;
}

Result<std::string> Writer::ask(std::string_view text, std::chrono::nanoseconds timeout,
                                AskOptions options) {
  auto answer = ask(as_bytes(text), 0, deadline_after(timeout), options);
  if (!answer) return answer.error();
  return std::string(reinterpret_cast<const char*>(answer->data()), answer->size());
}

std::uint16_t Writer::answer_tag() const noexcept {
  return impl_->answer_tag;
}

Result<void> Writer::wait_applied(time_point deadline) {
  auto applied = impl_->wait_applied(deadline);
  impl_->give_back_wakeup();
  return applied;
}
std::uint64_t Writer::close(time_point deadline) {
  return impl_->close(deadline);
}

int Writer::fd() noexcept {
  impl_->loop_mode = true;
  return impl_->poller.fd();
}

SendStatus Writer::poll() noexcept {
  return impl_->poll();
}
std::size_t Writer::max_message() const noexcept {
  return impl_->max_length;
}
std::uint64_t Writer::sequence() const noexcept {
  return impl_->sequence;
}
std::uint64_t Writer::unreleased() const noexcept {
  return impl_->unreleased();
}
const std::string& Writer::name() const noexcept {
  return impl_->name;
}
const WriterId& Writer::id() const noexcept {
  return impl_->id;
}
const WriterStats& Writer::stats() const noexcept {
  return impl_->stats;
}

const char* to_string(SendStatus status) noexcept {
  switch (status) {
    case SendStatus::sent:
      return "sent";
    case SendStatus::full:
      return "full";
    case SendStatus::no_owner:
      return "no owner";
    case SendStatus::too_large:
      return "too large";
    case SendStatus::closing:
      return "closing";
    case SendStatus::quarantined:
      return "quarantined";
    case SendStatus::forked:
      return "forked";
  }
  return "unknown";
}

}  // namespace cortado
