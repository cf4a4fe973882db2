// Figures that are read back: what comes back is what was written, and whatever else there may be
// in a file is told in one line.
#include "lab/results.hpp"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "lab/compare.hpp"
#include "lab/json.hpp"

namespace cortado::lab {
namespace {

RunResult run_of(double rate) {
  RunResult run;
  run.mode = &modes::kThreadMutex;
  run.workload.writers = 2;
  run.workload.hold_ns = 30;
  run.workload.payload = 16;
  run.throughput_per_s = rate;
  run.wall_ns = 1'000'000'000;
  run.ledger.sent = run.ledger.applied = 100;
  run.latency.add(100, 7);
  run.latency.add(5'000'000, 1);
  run.writers.resize(2);
  return run;
}

Json document(const char* schema, Json rest) {
  Json json{{"schema", schema}};
  json.update(rest);
  return json;
}

Comparison some_comparison() {
  Point point;
  point.mode = &modes::kThreadMutex;
  point.writers = 2;
  point.hold = std::chrono::nanoseconds(30);
  point.payload = 16;
  point.runs = {run_of(10), run_of(12)};
  RunResult hung = run_of(1);
  hung.outcome = Outcome::hung;
  point.runs.push_back(hung);
  point.runs[1].ledger.torn = 1;
  settle(point);
  Comparison comparison;
  comparison.points.push_back(std::move(point));
  return comparison;
}

std::vector<StoredPoint> points_of(const Json& json) {
  const auto results = results_of(text_of(json), "file");
  if (!results) {
    ADD_FAILURE() << results.error().text;
    return {};
  }
  auto points = points_in(*results);
  if (!points) ADD_FAILURE() << points.error().text;
  return points ? *points : std::vector<StoredPoint>();
}

TEST(Results, OfAComparisonComeBack) {
  const auto points = points_of(document(kCompareSchema, to_json(some_comparison())));
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points[0].mode, "thread-mutex");
  EXPECT_EQ(points[0].writers, 2U);
  EXPECT_EQ(points[0].hold_ns, 30U);
  EXPECT_EQ(points[0].payload, 16U);
  EXPECT_FALSE(points[0].load);
  ASSERT_EQ(points[0].runs.size(), 3U);
  EXPECT_EQ(points[0].runs[0].throughput_per_s, 10);
  EXPECT_TRUE(points[0].runs[0].is_clean);
  EXPECT_FALSE(points[0].runs[1].is_clean);
  EXPECT_TRUE(points[0].runs[1].is_finished);
  EXPECT_FALSE(points[0].runs[2].is_finished);
  EXPECT_EQ(points[0].runs[0].latency.samples(), 8U);
  EXPECT_EQ(points[0].runs[0].latency.longest(), 5'000'000U);
}

TEST(Results, OfRunsAreOnePoint) {
  const auto one = points_of(document(kRunSchema, to_json(run_of(10))));
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].hold_ns, 30U);
  EXPECT_EQ(one[0].runs.size(), 1U);
  const Json runs{{"runs", {to_json(run_of(10)), to_json(run_of(20))}}};
  const auto several = points_of(document(kRunsSchema, runs));
  ASSERT_EQ(several.size(), 1U);
  ASSERT_EQ(several[0].runs.size(), 2U);
  EXPECT_EQ(several[0].runs[1].throughput_per_s, 20);
}

/// What is said of such a text; one line, with what to do.
std::string complaint_about(const std::string& text) {
  auto results = results_of(text, "figures.json");
  std::string said;
  if (!results) {
    EXPECT_EQ(results.error().code, Errc::malformed);
    said = results.error().text;
  } else {
    const auto points = points_in(*results);
    if (points) return {};
    EXPECT_EQ(points.error().code, Errc::malformed);
    said = points.error().text;
  }
  EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  EXPECT_NE(said.find("figures.json"), std::string::npos) << said;
  EXPECT_NE(said.find("; give the --json FILE"), std::string::npos) << said;
  return said;
}

TEST(Results, OfOthersAreRefused) {
  EXPECT_NE(complaint_about("").find("empty"), std::string::npos);
  EXPECT_NE(complaint_about(" \n").find("empty"), std::string::npos);
  EXPECT_NE(complaint_about("<html>").find("no JSON"), std::string::npos);
  EXPECT_NE(complaint_about("[]").find("no schema"), std::string::npos);
  EXPECT_NE(complaint_about("{\"schema\": 2}").find("no schema"), std::string::npos);
  EXPECT_NE(complaint_about("{\"schema\": \"heise\"}").find("none of cortado's"),
            std::string::npos);
  const std::string other = complaint_about("{\"schema\": \"cortado-compare-1\"}");
  EXPECT_NE(other.find("cortado-compare-1"), std::string::npos) << other;
  EXPECT_NE(other.find(kCompareSchema), std::string::npos) << other;
}

TEST(Results, ThatAreCutOffAnywhereAreRefused) {
  const std::string text = text_of(document(kCompareSchema, to_json(some_comparison())));
  for (std::size_t size = 1; size + 2 < text.size(); size += 7) {
    ASSERT_NE(complaint_about(text.substr(0, size)).find("cut off"), std::string::npos) << size;
  }
}

TEST(Results, ThatLackAFigureAreRefused) {
  Json json = document(kCompareSchema, to_json(some_comparison()));
  for (const char* key : {"mode", "writers", "hold_ns", "payload", "load", "runs"}) {
    Json less = json;
    less["points"][0].erase(key);
    EXPECT_NE(complaint_about(text_of(less)).find(key), std::string::npos);
  }
  json["points"][0]["runs"][0]["throughput_per_s"] = "fast";
  EXPECT_NE(complaint_about(text_of(json)), "");
  json.erase("points");
  EXPECT_NE(complaint_about(text_of(json)).find("points"), std::string::npos);
}

TEST(Results, OfAFileThatIsNotThereNameIt) {
  const auto results = read_results("/nowhere/figures.json");
  ASSERT_FALSE(results);
  EXPECT_EQ(results.error().code, Errc::malformed);
  EXPECT_NE(results.error().text.find("/nowhere/figures.json"), std::string::npos);
  EXPECT_FALSE(read_results("/")) << "a directory";
}

TEST(Text, HasAListOfNumbersOnOneLine) {
  const Json json{{"a", {1, 2, 3}}, {"b", {{"c", nullptr}, {"d", Json::array()}}}};
  EXPECT_EQ(text_of(json),
            "{\n  \"a\": [1,2,3],\n  \"b\": {\n    \"c\": null,\n    \"d\": []\n  }\n}\n");
  EXPECT_EQ(Json::parse(text_of(json)), json);
}

}  // namespace
}  // namespace cortado::lab
