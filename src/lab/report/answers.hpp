// From a comparison to the words on top of a report.
#pragma once

#include <optional>
#include <vector>

#include "lab/report/choice.hpp"
#include "lab/report/report.hpp"

namespace cortado::lab {

/// To the questions that people come with.
std::vector<ReportAnswer> answers_from(const Study& study, const StudyComparison& comparison);

/// Which mode has an order through soonest; none: no load was offered.
std::optional<ReportAnswer> answer_of_latency(const StudyComparison& comparison);

/// Where nothing is faster than a lock; none: nowhere were locks and messages both measured.
std::optional<ReportAnswer> answer_of_locks(const Study& study, const StudyComparison& comparison);

/// The best for every number of writers and amount of work that was measured.
ReportTable map_of(const Study& study, const StudyComparison& comparison, Trust trust);

}  // namespace cortado::lab
