// A writer that sleeps, with wake-ups left over from the event loop that it was used in before.
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "../support/inside.hpp"
#include "os/event_descriptor.hpp"
#include "temporary_directory.hpp"

namespace cortado::test {
namespace {

using namespace std::chrono_literals;

TEST(WriterSleep, ends_at_its_deadline_though_a_wake_up_is_left_over) {
  const TemporaryDirectory directory;
  OwnerOptions options;
  options.directory = directory.path();
  options.ring_bytes = 4096;
  auto owner = Owner::open("owner", options);
  ASSERT_TRUE(owner) << owner.error().text;
  auto writer = owner->make_writer();
  ASSERT_TRUE(writer) << writer.error().text;
  writer->fd();
  const std::string text(1000, 'x');
  while (writer->try_send(text) == SendStatus::sent) {
  }
  os::signal_event(inside(*writer).self_event.get());  // as if there had been room after all
  EXPECT_EQ(writer->send(text, 1ms), SendStatus::full);
  os::signal_event(inside(*writer).self_event.get());
  EXPECT_EQ(writer->wait_applied(1ms).error().code, Errc::timed_out);
  os::signal_event(inside(*writer).self_event.get());
  EXPECT_EQ(writer->ask(text, 1ms).error().code, Errc::timed_out);
}

}  // namespace
}  // namespace cortado::test
