// From a comparison to the words on top of a report.
#pragma once

#include <vector>

#include "lab/report/choice.hpp"
#include "lab/report/report.hpp"

namespace cortado::lab {

/// To the questions that people come with.
std::vector<ReportAnswer> answers_from(const Study& study, const StudyComparison& comparison);

/// The same for every number of writers and amount of work that was measured.
ReportTable map_of(const Study& study, const StudyComparison& comparison, Trust trust);

}  // namespace cortado::lab
