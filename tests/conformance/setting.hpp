// An owner of a fresh name in a directory of its own, for tests in one process.
#pragma once

#include <cortado/owner.hpp>
#include <cortado/writer.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace conformance {

using namespace std::chrono_literals;

/// Longer than anything here takes; a test that gets there has failed.
inline constexpr std::chrono::seconds kWatchdog{60};

class Setting : public ::testing::Test {
 public:
  Setting() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cortado-test-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Setting() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  cortado::OwnerOptions options() const {
    cortado::OwnerOptions chosen;
    chosen.directory = directory_;
    return chosen;
  }
  cortado::JoinOptions as(std::string name) const {
    cortado::JoinOptions chosen;
    chosen.directory = directory_;
    chosen.name = std::move(name);
    return chosen;
  }
  cortado::Owner open(cortado::OwnerOptions chosen) const {
    auto owner = cortado::Owner::open("setting", std::move(chosen));
    EXPECT_TRUE(owner) << owner.error().text;
    return std::move(*owner);
  }
  cortado::Owner open() const { return open(options()); }

  static cortado::Writer writer_of(cortado::Owner& owner, std::string name) {
    cortado::JoinOptions chosen;
    chosen.name = std::move(name);
    auto writer = owner.make_writer(chosen);
    EXPECT_TRUE(writer) << writer.error().text;
    return std::move(*writer);
  }

  /// Everything that waits, as text.
  template <class AnyOwner>
  static std::vector<std::string> drain(AnyOwner& owner) {
    std::vector<std::string> texts;
    while (owner.drain([&](const cortado::Message& m) { texts.emplace_back(m.text()); }) != 0) {
    }
    return texts;
  }

  template <class AnyOwner>
  static std::vector<cortado::Event> events(AnyOwner& owner) {
    std::vector<cortado::Event> all;
    while (auto event = owner.next_event()) all.push_back(std::move(*event));
    return all;
  }

  /// Waits until a writer has left, and returns that event.
  template <class AnyOwner>
  static cortado::Event departure(AnyOwner& owner) {
    for (;;) {
      for (cortado::Event& event : events(owner)) {
        if (event.kind == cortado::Event::Kind::left) return event;
      }
      if (owner.drain([](const cortado::Message&) {}) == 0) owner.wait(kWatchdog);
    }
  }

  std::string directory_;
};

using Texts = std::vector<std::string>;

}  // namespace conformance
