// Owners with a journal, real processes, killed at random: judged from the journal alone, by SQL.
// Every message that send said `sent` to stands there once, in its writer's order, byte for byte.
#include <cortado/group.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "../journal/rows.hpp"
#include "../support/fault.hpp"
#include "scene.hpp"

namespace {

using namespace process_test;
using namespace std::chrono_literals;
using cortado::test::Fault;

class JournalledScene {
 public:
  JournalledScene(std::uint32_t writers, std::uint64_t messages, std::uint32_t length,
                  std::uint64_t scene_seed, bool survives_power_loss)
      : scene_(writers, messages, length, scene_seed), power_loss_(survives_power_loss) {}

  Scene& operator*() { return scene_; }
  Scene* operator->() { return &scene_; }
  std::vector<std::string> owner_command() const {
    std::vector<std::string> command{sibling("journal_owner"), "scene", scene_.directory()};
    if (power_loss_) command.emplace_back("power-loss");
    return command;
  }

  /// What is wrong with the journal; empty if nothing is.
  std::string judge() const {
    journal_test::Reader reader(scene_.directory() + "/journal.db");
    if (reader.first("PRAGMA integrity_check") != "ok") return "the file is damaged";
    std::vector<std::uint64_t> next(scene_.writers());
    std::int64_t last_id = 0;
    for (const journal_test::Row& row : reader.messages()) {
      const auto index = static_cast<std::uint32_t>(std::atoi(row.writer.c_str() + 7));
      if (index >= scene_.writers()) return "a message of nobody";
      if (row.id <= last_id) return "two messages of one number";
      last_id = row.id;
      const std::string which = row.writer + ", message " + std::to_string(row.sequence);
      const auto sequence = static_cast<std::uint64_t>(row.sequence);
      if (sequence < next[index]) return which + " stands there twice";
      if (sequence > next[index]) return which + " comes before " + std::to_string(next[index]);
      ++next[index];
      const WriterRecord& writer = scene_.writer(index);
      std::string expected(writer.length, '\0');
      make_message(writer.seed, index, sequence,
                   std::as_writable_bytes(std::span(expected.data(), expected.size())));
      if (row.bytes != expected) return which + " is not what was sent";
    }
    for (std::uint32_t i = 0; i < scene_.writers(); ++i) {
      const std::string name = "writer-" + std::to_string(i);
      const WriterRecord& writer = scene_.writer(i);
      if (next[i] < writer.sent.load()) return name + ": the last ones are lost";
      if (next[i] > writer.started.load()) return name + ": more than it sent";
    }
    // One identity each, and the position behind its last message.
    const auto positions = reader.ask("SELECT name, next_sequence FROM writer ORDER BY name");
    if (positions.size() != scene_.writers()) return "not one identity for each writer";
    for (std::uint32_t i = 0; i < scene_.writers(); ++i) {
      if (positions[i][1] != std::to_string(next[i])) return positions[i][0] + ": its position";
    }
    return {};
  }

 private:
  Scene scene_;
  bool power_loss_;
};

constexpr std::uint32_t kWriters = 3;
constexpr std::uint64_t kMessages = 20'000;
constexpr int kKills = 3;

std::vector<std::uint64_t> kill_points(std::mt19937_64& random) {
  std::vector<std::uint64_t> at;
  for (int i = 0; i < kKills; ++i) at.push_back(1 + random() % (kWriters * kMessages * 9 / 10));
  std::sort(at.begin(), at.end(), std::greater<>());
  return at;
}

TEST(KilledJournalOwner, without_a_keeper_leaves_each_message_once_in_the_journal) {
  Fault fault("killed-in-journal");
  std::mt19937_64 random(seed());
  for (int round = 0; round < rounds(20); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    JournalledScene scene(kWriters, kMessages, 16 + static_cast<std::uint32_t>(random() % 100),
                          random(), round % 2 == 1);
    pid_t owner = scene->spawn(scene.owner_command());
    std::vector<pid_t> writers;
    for (std::uint32_t i = 0; i < kWriters; ++i) {
      writers.push_back(scene->spawn(scene->writer_command(i)));
    }
    for (auto at = kill_points(random); !at.empty(); at.pop_back()) {
      scene->until([&] { return scene->handler().count.load() >= at.back(); });
      scene->kill(owner);
      fault.fired();
      owner = scene->spawn(scene.owner_command());
    }
    for (const pid_t writer : writers) EXPECT_EQ(scene->wait(writer), 0);
    ::kill(owner, SIGTERM);
    EXPECT_EQ(scene->wait(owner), 0);
    ASSERT_GE(scene->handler().generations.load(), 2U);
    ASSERT_EQ(scene.judge(), "");
  }
  std::printf("%llu owners with a journal killed, without a keeper\n",
              static_cast<unsigned long long>(fault.count()));
}

TEST(KilledJournalOwner, under_a_keeper_leaves_each_message_once_in_the_journal) {
  Fault fault("killed-in-journal");
  std::mt19937_64 random(seed());
  for (int round = 0; round < rounds(20); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    JournalledScene scene(kWriters, kMessages, 16 + static_cast<std::uint32_t>(random() % 100),
                          random(), round % 2 == 1);
    cortado::GroupOptions options;
    options.name = "scene";
    options.directory = scene->directory();
    options.owner.argv = scene.owner_command();
    options.restart_owner = {cortado::Restart::Policy::on_failure, 1000, 3600s};
    for (std::uint32_t i = 0; i < kWriters; ++i) {
      cortado::Program writer;
      writer.argv = scene->writer_command(i);
      options.writers.push_back(std::move(writer));
    }
    auto group = cortado::Group::start(options);
    ASSERT_TRUE(group) << group.error().text;
    auto at = kill_points(random);
    bool running = true;
    while (running) {
      running = group->wait(at.empty() ? 100ms : 0ms);
      if (!at.empty() && scene->handler().count.load() >= at.back() && group->owner_pid() != 0) {
        if (::kill(group->owner_pid(), SIGKILL) == 0) fault.fired();
        at.pop_back();
      }
      while (auto event = group->next_event()) {
        ASSERT_NE(event->kind, cortado::GroupEvent::Kind::gave_up) << event->text;
      }
    }
    for (std::uint32_t i = 0; i < kWriters; ++i) ASSERT_EQ(scene->writer(i).finished.load(), 1U);
    ASSERT_EQ(scene.judge(), "");
  }
  std::printf("%llu owners with a journal killed, under a keeper\n",
              static_cast<unsigned long long>(fault.count()));
}

}  // namespace
