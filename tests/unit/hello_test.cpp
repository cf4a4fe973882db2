// Joins that cannot be: what a Hello may not say, and what a Welcome may not. One end is the real
// one, the other speaks by hand.
#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "../support/fault.hpp"
#include "lane/handshake.hpp"
#include "lane/rendezvous.hpp"
#include "os/unix_socket.hpp"
#include "temporary_directory.hpp"

namespace cortado {
namespace {

using namespace std::chrono_literals;

template <class T>
std::span<const std::byte> bytes_of(const T& object) {
  return std::as_bytes(std::span(&object, 1));
}

class HelloTest : public ::testing::Test {
 protected:
  Owner open() {
    OwnerOptions options;
    options.directory = directory.path();
    options.schemas = {{"Order", 2, 7}};
    auto owner = Owner::open("orders", options);
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  }

  /// What the owner says to these bytes; refused = 0 and an empty text if it hung up.
  lane::Welcome answer_to(std::span<const std::byte> said) {
    Owner owner = open();
    auto socket = connect_to_owner("orders", directory.path());
    EXPECT_TRUE(socket) << socket.error().text;
    EXPECT_EQ(::send(socket->get(), said.data(), said.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(said.size()));
    lane::Welcome welcome;
    ssize_t received = -EAGAIN;
    while (received == -EAGAIN) {
      owner.wait(1ms);
      owner.drain([](const Message&) { ADD_FAILURE() << "a message"; });
      std::vector<os::Descriptor> handed;
      received = os::receive_message(socket->get(), std::as_writable_bytes(std::span(&welcome, 1)),
                                     handed, 3, MSG_DONTWAIT);
    }
    if (received != static_cast<ssize_t>(sizeof welcome)) welcome = lane::Welcome{};
    EXPECT_EQ(owner.writers(), welcome.refused == 0 && received > 0 ? 1U : 0U);
    return welcome;
  }

  void expect_refused(const lane::Hello& hello, Errc code, const char* word) {
    const lane::Welcome welcome = answer_to(bytes_of(hello));
    EXPECT_EQ(welcome.refused, 1 + static_cast<std::uint32_t>(code))
        << lane::get_text(welcome.text);
    EXPECT_NE(lane::get_text(welcome.text).find(word), std::string_view::npos)
        << lane::get_text(welcome.text);
  }

  /// What a writer makes of this Welcome.
  Error join_answered_with(const lane::Welcome& welcome, std::span<const int> handed = {}) {
    return join_answered_with(bytes_of(welcome), handed);
  }
  Error join_answered_with(std::span<const std::byte> welcome, std::span<const int> handed = {}) {
    auto place = Rendezvous::bind("orders", directory.path());
    EXPECT_TRUE(place) << place.error().text;
    std::thread owner([&] {
      pollfd waiting{place->listener(), POLLIN, 0};
      ::poll(&waiting, 1, -1);
      const os::Descriptor connection(::accept4(place->listener(), nullptr, nullptr, SOCK_CLOEXEC));
      lane::Hello hello;
      EXPECT_EQ(::recv(connection.get(), &hello, sizeof hello, 0),
                static_cast<ssize_t>(sizeof hello));
      os::send_message(connection.get(), welcome, handed, 0);
    });
    JoinOptions options;
    options.directory = directory.path();
    auto writer = Writer::join("orders", options);
    owner.join();
    EXPECT_FALSE(writer);
    return writer ? Error{} : writer.error();
  }

  TemporaryDirectory directory;
};

TEST_F(HelloTest, as_it_should_be_is_welcome) {
  EXPECT_EQ(lane::get_text(answer_to(bytes_of(lane::Hello{})).name).substr(0, 4), "pid-");
}

TEST_F(HelloTest, of_another_version_is_refused_with_both_versions) {
  test::Fault fault("versions-differ");
  lane::Hello hello;
  hello.protocol_version = 99;
  expect_refused(hello, Errc::version_mismatch, "protocol 99");
  hello = {};
  hello.layout_version = 98;
  expect_refused(hello, Errc::version_mismatch, "layout 98");
  fault.fired(2);
}

TEST_F(HelloTest, of_another_version_may_be_longer_or_shorter) {
  test::Fault fault("versions-differ");
  lane::Hello hello;
  hello.protocol_version = 99;
  std::vector<std::byte> bytes(2 * sizeof hello);
  std::memcpy(bytes.data(), &hello, sizeof hello);
  for (const std::size_t length :
       {std::size_t{16}, sizeof hello - 8, sizeof hello + 8, bytes.size()}) {
    const lane::Welcome welcome = answer_to(std::span(bytes).first(length));
    EXPECT_EQ(welcome.refused, 1 + static_cast<std::uint32_t>(Errc::version_mismatch)) << length;
    const std::string_view text = lane::get_text(welcome.text);
    EXPECT_NE(text.find("protocol 99"), std::string_view::npos) << text;
    EXPECT_NE(text.find("the owner " + std::to_string(lane::kProtocolVersion)),
              std::string_view::npos)
        << text;
    fault.fired();
  }
}

TEST_F(HelloTest, of_another_magic_or_length_is_refused_or_hung_up_on) {
  test::Fault fault("bad-handshakes");
  lane::Hello hello;
  hello.magic ^= 1;
  expect_refused(hello, Errc::version_mismatch, "does not understand");
  for (const std::size_t length : {std::size_t{1}, sizeof hello - 1}) {
    const lane::Welcome welcome = answer_to(bytes_of(lane::Hello{}).first(length));
    EXPECT_EQ(welcome.refused, 1 + static_cast<std::uint32_t>(Errc::version_mismatch));
  }
  fault.fired();
}

TEST_F(HelloTest, with_another_schema_is_refused_with_both_versions) {
  lane::Hello hello;
  hello.schema_count = 1;
  lane::set_text(hello.schemas[0].name, "Order");
  hello.schemas[0].version = 1;
  hello.schemas[0].fields_hash = 7;
  expect_refused(hello, Errc::schema_mismatch, "version 1 in the writer, 2 in the owner");
  hello.schemas[0].version = 2;
  hello.schemas[0].fields_hash = 8;
  expect_refused(hello, Errc::schema_mismatch, "other fields");
  hello.schema_count = 17;
  expect_refused(hello, Errc::malformed, "16");
}

TEST_F(HelloTest, with_a_name_that_cannot_be_shown_in_one_line_is_refused) {
  lane::Hello hello;
  std::memset(hello.name, 'x', sizeof hello.name);  // not terminated
  expect_refused(hello, Errc::malformed, "too long");
  hello = {};
  lane::set_text(hello.name, "a\nb");
  expect_refused(hello, Errc::malformed, "control");
}

TEST_F(HelloTest, with_a_type_that_cannot_be_shown_in_one_line_is_refused_in_one_line) {
  lane::Hello hello;
  hello.schema_count = 1;
  lane::set_text(hello.schemas[0].name, "\x1b[2J\n");
  const lane::Welcome welcome = answer_to(bytes_of(hello));
  EXPECT_EQ(welcome.refused, 1 + static_cast<std::uint32_t>(Errc::malformed));
  const std::string_view text = lane::get_text(welcome.text);
  EXPECT_TRUE(std::ranges::none_of(text, lane::is_control)) << text;
  std::memset(hello.schemas[0].name, 'x', sizeof hello.schemas[0].name);  // not terminated
  expect_refused(hello, Errc::malformed, "too long");
}

TEST_F(HelloTest, gets_no_lane_if_its_writer_hangs_up_at_once) {
  Owner owner = open();
  { auto socket = connect_to_owner("orders", directory.path()); }
  auto writer = owner.make_writer();
  ASSERT_TRUE(writer);
  ASSERT_EQ(writer->try_send("text"), SendStatus::sent);
  std::size_t handled = 0;
  while (handled == 0) {
    owner.wait(1ms);
    handled = owner.drain([](const Message&) {});
  }
  EXPECT_EQ(owner.writers(), 1U);
}

TEST_F(HelloTest, answered_by_another_version_ends_the_join_with_both_versions) {
  test::Fault fault("versions-differ");
  lane::Welcome welcome;
  welcome.protocol_version = 99;
  std::vector<std::byte> bytes(2 * sizeof welcome);
  std::memcpy(bytes.data(), &welcome, sizeof welcome);
  for (const std::size_t length : {std::size_t{16}, sizeof welcome, bytes.size()}) {
    const Error error = join_answered_with(std::span<const std::byte>(bytes).first(length));
    EXPECT_EQ(error.code, Errc::version_mismatch) << length;
    EXPECT_NE(error.text.find("protocol 99"), std::string::npos) << error.text;
    EXPECT_NE(error.text.find("this writer " + std::to_string(lane::kProtocolVersion)),
              std::string::npos)
        << error.text;
    fault.fired();
  }
  welcome = {};
  welcome.magic = 0;
  EXPECT_EQ(join_answered_with(welcome).code, Errc::version_mismatch);
}

TEST_F(HelloTest, answered_without_descriptors_ends_the_join) {
  EXPECT_EQ(join_answered_with(lane::Welcome{}).code, Errc::version_mismatch);
}

TEST_F(HelloTest, answered_with_a_name_that_cannot_be_presented_again_ends_the_join) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const os::Descriptor first(pipe_ends[0]), second(pipe_ends[1]);
  lane::Welcome welcome;
  EXPECT_NE(join_answered_with(welcome, pipe_ends).text.find("name"), std::string::npos);
  lane::set_text(welcome.name, "a\nb");
  EXPECT_NE(join_answered_with(welcome, pipe_ends).text.find("name"), std::string::npos);
  std::memset(welcome.name, 'x', sizeof welcome.name);  // not terminated
  EXPECT_NE(join_answered_with(welcome, pipe_ends).text.find("name"), std::string::npos);
}

TEST_F(HelloTest, refused_by_the_owner_is_told_in_one_line) {
  lane::Welcome welcome;
  welcome.refused = 1 + static_cast<std::uint32_t>(Errc::quota);
  lane::set_text(welcome.text, "enough\n\x1b[2Jno owner");
  EXPECT_EQ(join_answered_with(welcome).text, "enough??[2Jno owner");
  lane::set_text(welcome.text, "");
  EXPECT_NE(join_answered_with(welcome).text.find("does not say why"), std::string::npos);
}

TEST_F(HelloTest, refused_by_the_owner_ends_the_join_with_its_words) {
  lane::Welcome welcome;
  welcome.refused = 1 + static_cast<std::uint32_t>(Errc::quota);
  lane::set_text(welcome.text, "cannot join 'orders': enough");
  const Error error = join_answered_with(welcome);
  EXPECT_EQ(error.code, Errc::quota);
  EXPECT_EQ(error.text, "cannot join 'orders': enough");
}

}  // namespace
}  // namespace cortado
