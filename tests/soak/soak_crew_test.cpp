// Who is who in a soak: a pid that comes again is another process.
#include <gtest/gtest.h>
#include <signal.h>

#include "crew.hpp"

namespace {

using namespace soak;

/// A crew of nobody; whoever is started gets the same pid.
class OnePid final : public Crew {
 public:
  pid_t pid(std::uint32_t) const override { return running_ ? 7 : 0; }
  void look(std::chrono::nanoseconds) override {}
  bool end() override { return true; }

  void start() { running_ = true; }
  void die(int signal) {
    running_ = false;
    note_death(kOwner, 7, 0, signal, true);
  }

 private:
  bool running_ = true;
};

TEST(SoakCrew, takes_no_living_process_for_a_dead_one_whose_pid_it_has) {
  OnePid crew;
  const Incarnation first = crew.incarnation(kOwner);
  EXPECT_TRUE(crew.runs(first));
  crew.die(SIGKILL);
  EXPECT_FALSE(crew.runs(first));
  EXPECT_FALSE(crew.runs(crew.incarnation(kOwner))) << "nobody runs";
  EXPECT_TRUE(crew.died_of_kill(first));
  crew.start();
  const Incarnation second = crew.incarnation(kOwner);
  ASSERT_EQ(second.pid, first.pid);
  EXPECT_TRUE(crew.runs(second));
  EXPECT_FALSE(crew.runs(first)) << "the second one is another";
  EXPECT_FALSE(crew.died_of_kill(second));
  crew.die(0);
  EXPECT_FALSE(crew.died_of_kill(second)) << "it ended in order";
  EXPECT_EQ(crew.deaths(true), 1U);
}

}  // namespace
