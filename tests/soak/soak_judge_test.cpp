// The judge of the soak must find every bug that a queue could have. Each is made by hand, once, in
// a short soak without a nemesis, and what is found is told beside it.
#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "scene.hpp"

namespace {

using namespace soak;
using namespace std::chrono_literals;

struct Bug {
  Mischief mischief;
  const char* found;  ///< what the judge calls it
  friend std::ostream& operator<<(std::ostream& out, const Bug& bug) { return out << bug.found; }
};

/// A soak with that bug in it: what the judge says in the end.
std::string judged(Mischief mischief) {
  Scene scene(process_test::seed(), false, 500ms);
  scene.files.control->mischief = mischief;
  scene.files.control->mischief_at = 500;
  LooseCrew crew(scene.directory(), {"kept"});
  scene.run(crew, 0ms, true);
  scene.nemesis->go_on();
  const auto done = [&] {
    return mischief == kHonest || mischief == kLeak ||
           scene.files.control->mischief_done.load() != 0;
  };
  const std::uint64_t passes = scene.files.control->passes.load();
  scene.nemesis->until(
      "it is done", [&] { return done() && scene.files.control->passes.load() > passes + 2000; });
  scene.rest(crew);
  scene.end(crew);
  std::string why;
  if (!scene.judge->good(why)) return why;
  return scene.leaks;
}

class SoakJudge : public ::testing::TestWithParam<Bug> {};

TEST_P(SoakJudge, finds) {
  const std::string said = judged(GetParam().mischief);
  EXPECT_NE(said.find(GetParam().found), std::string::npos) << "it said: " << said;
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, SoakJudge,
    ::testing::Values(Bug{kDrop, "skipped 1"}, Bug{kDouble, "doubled 1"}, Bug{kSwap, "reordered 1"},
                      Bug{kFlip, "torn 1"}, Bug{kInvent, "phantom 1"},
                      Bug{kForgetEffect, "wrong_state"}, Bug{kDoubleEffect, "wrong_state"},
                      Bug{kBoast, "lost 1"}, Bug{kOversleep, "rescued"},
                      Bug{kStaySleeping, "rescued 1"}, Bug{kLeak, "descriptor of /dev/null"}));

TEST(SoakJudge, finds_nothing_where_nothing_is_wrong) {
  EXPECT_EQ(judged(kHonest), "");
}

}  // namespace
