#include "comparison_run.hpp"

#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "figures.hpp"
#include "progress.hpp"
#include "workload_options.hpp"

namespace cortado::tools {
namespace {

std::string standing_text(const lab::Standing& standing) {
  std::string text = fmt::format("{} of {} runs", standing.done, standing.all);
  if (standing.left) {
    text += ", " + short_time(static_cast<double>(standing.left->count())) + " left";
  }
  return text;
}

}  // namespace

lab::Comparison run_plan(lab::Plan& plan, Interrupt& interrupt) {
  Progress progress("runs", true);
  plan.go_on = [&](const lab::Standing& standing) {
    progress.show(standing_text(standing),
                  static_cast<double>(standing.done) / static_cast<double>(standing.all));
    return interrupt.number() == 0;
  };
  auto comparison = lab::compare(plan);
  progress.clear();
  if (!comparison) throw why_not_run(comparison.error(), interrupt);
  return std::move(*comparison);
}

std::string failures_of(const lab::Comparison& comparison) {
  std::string names;
  for (const lab::Point& point : comparison.points) {
    if (!modes::is_safe(*point.mode) || point.is_clean()) continue;
    names += (names.empty() ? "" : ", ") + lab::name_of(point);
  }
  return names;
}

}  // namespace cortado::tools
